# SPDX-License-Identifier: BSD-2-Clause
"""
The leaks of tests/programs/leaks: what a person has to learn of each, in words of its Go source, and at
which rank of the owners it stands.
"""

import json
import re
from dataclasses import dataclass

from running import OK, Target, grf

PROGRAM = "leaks"
VERSION = "1.26"
# The last one whose timers live until they fire.
OLD_TIMERS = "1.22.12"

# In a healthy program none of its owners has more than this of the heap. Twelve things of one size are
# there anyway (service.go), the largest of which has 9.1 %; where something is half as much again, it is
# no more one of them.
HEALTHY_SHARE = 0.135
# The runtime's own, which no program can do without.
RUNTIME = ("runtime", "goroutine descriptors")
FIRST_SCREEN = 10


@dataclass(frozen=True)
class Leak:
    name: str  # as an argument of the program
    what: str  # in a few words
    words: tuple  # all of them are in the row that names the culprit
    suspect: str | None  # the check that has it first; None: nothing is wrong with the heap
    rank: int | None = 1  # of that row; None: none is to be expected
    version: str = VERSION


LEAKS = [
    Leak("with-cancel", "WithCancel, never cancelled",
         ("main.jobs", "context.cancelCtx.children", "$mapkey (*context.cancelCtx)"), "context-children"),
    Leak("with-value", "WithValue in a loop", ("main.consumeMessages", "ctx", "[199"), "context-chain"),
    Leak("stream-context", "a context kept in a stream", ("main.loggedStream", "ctx", "[599"),
         "context-chain"),
    Leak("transport-cache", "cache of transports, keyed by a function",
         ("main.tlsCache", "transports", "$mapval"), "accumulation"),
    Leak("grpc-requests", "a service that keeps requests",
         ("main.discoveryServer", "pushes", "main.discoveryRequest"), "accumulation"),
    Leak("substring", "substring of a request's body", ("main.tenants", "names", "$mapkey (string)"),
         "accumulation"),
    Leak("instruments", "instruments registered again and again",
         ("main.globalMeterProvider", "instruments"), "large-container"),
    Leak("cardinality", "labels with many values", ("main.requestDuration", "values"), "large-container"),
    Leak("time-after", "time.After in a select loop (Go 1.22)", ("runtime.timer", "chan time.Time"), "timers",
         version=OLD_TIMERS),
    Leak("errgroup", "group without Wait", ("main.thumbnails", "children"), "context-children"),
    Leak("errgroup-own", "group without Wait, context of an own type",
         ("propagateCancel", "main.frameContext"), "stuck-goroutines"),
    Leak("map-shrink", "map that never shrinks", ("main.presences", "online"), "accumulation"),
    Leak("pool", "pool of the largest buffers",
         ("main.encodeBuffers", "$pooled (*bytes.Buffer)", "bytes.Buffer.buf"), "pool"),
    Leak("finalizer-cycle", "finalizer in a cycle", ("SetFinalizer", "main.fileHandle"),
         "finalizer-cycle"),
    Leak("heap-pop", "heap.Pop that leaves the pointer", ("main.deliveries", "main.delivery"), "beyond-len"),
    Leak("reslice", "q = q[1:]", ("main.outbox", "pending", "main.outgoing"), "before-slice"),
    Leak("blocked", "blocked goroutines with requests", ("main.(*upstream).forward", "main.proxyRequest"),
         "stuck-goroutines"),
    Leak("small-objects", "many small objects", ("main.bus", "history"), "accumulation"),
    Leak("rss", "memory that is not of the heap", (), None, None),
    Leak("metrics-registry", "registry of a metrics library",
         ("main.standardMeter", "main.defaultRegistry"), "accumulation"),
    Leak("old-configs", "old configurations held by listeners",
         ("main.configWatcher", "listeners", "main.reloadConfiguration"), "accumulation"),
    Leak("after-func", "AfterFunc that is not stopped", ("runtime.timer", "main.(*leaseStore).grant"),
         "timers"),
    Leak("tickers", "tickers of sessions that ended", ("main.(*chatSession).keepAlive", "main.chatSession"),
         "accumulation"),
    Leak("generics", "generic cache without a limit",
         ("main.profileCache", "main.cacheEntry[main.userID,*main.userProfile]"), "large-container"),
]


@dataclass(frozen=True)
class Row:
    bytes: int
    share: float
    objects: int
    owned: int
    owner: str
    type: str | None

    @property
    def text(self):
        return f"{self.owner} {self.type or ''}"

    @property
    def of_runtime(self):
        return self.owner.split(" > ")[0] in RUNTIME


@dataclass(frozen=True)
class Found:
    rows: list
    screen: str  # the text output, from the owners on, each of them in one line


def look(executable, leak, folder, healthy=False):
    """What grf-bpf says of it."""
    arguments = [leak.name] + ["healthy"] * healthy
    report, text = folder / "leak.json", folder / "leak.txt"
    with Target(executable, *arguments) as target:
        grf("attach", target.pid, "--freeze", "now", "-o", report, "-o", text).expect(OK)
        target.check_runs()
    table = json.loads(report.read_text())["tables"]["owners"]
    names = [column["name"] for column in table["columns"]]
    rows = [
        Row(*(dict(zip(names, cells))[field] for field in Row.__dataclass_fields__))
        for cells in table["rows"]
    ]
    screen = re.split(r"^owners: .*\n", text.read_text(), maxsplit=1, flags=re.M)[-1]
    return Found(rows, re.sub(r"\n {24,}(?=\S)", " ", screen))


def names(leak, text):
    return bool(leak.words) and all(word in text for word in leak.words)


def rank(leak, rows):
    """The first row that names the culprit, from 1 on; None: no row does."""
    return next((at for at, row in enumerate(rows, 1) if names(leak, row.text)), None)
