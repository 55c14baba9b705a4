#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Servers that nobody wrote for this test: makes docs/servers.md.

  servers.py [-o FILE] [NAME...]      (as root; needs the network, Debian's apt, Go)

The servers are those of kinds.py; NAME is the beginning of some of their names. They are fetched into
build/servers, nothing is installed, and they listen on 127.0.0.1 alone. Each is put under load and looked
into again and again: attach, and verify at the end of its garbage collections. Then the load ends, and
what grf-bpf finds is held against what the server says of its own memory. It is started anew for each of
some runs, and what is said first is compared: with that of the other runs, and with what people who know
the server expect. What was measured is kept in that folder; the page has all servers of which it is there.

  GRF_SERVERS        the folder (build/servers)
  GRF_SERVERS_TIMES  how often each is attached to under load (5)
  GRF_SERVERS_RUNS   how often each is started (2)
"""

import argparse
import contextlib
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time
from collections import Counter
from dataclasses import astuple, dataclass

from sources import FOLDER, ROOT, Unavailable
from kinds import SERVERS, Load

# pylint: disable=wrong-import-position
import pprof
from running import NO_COLLECTION, OK, grf, wait_until
from toolchains import installed_go

TIMES = int(os.environ.get("GRF_SERVERS_TIMES", "5"))
RUNS = int(os.environ.get("GRF_SERVERS_RUNS", "2"))
VERIFIED = 3  # times under load
AGAIN = 2  # attaches in each run behind the first
FIRST = 3  # rows that people read
SHOWN = 10
ALLOWED = 0.02  # of a server's own figure
ANSWER = (2e6, 15000)  # bytes and objects that the answer with those figures leaves


# --- what is measured -------------------------------------------------------------------------------


@contextlib.contextmanager
def running(server):
    FOLDER.mkdir(parents=True, exist_ok=True)
    with open(FOLDER / f"log-{server.port}", "wb") as log:
        process = subprocess.Popen(
            ["nice", *(str(part) for part in server.command())], stdout=log, stderr=subprocess.STDOUT
        )
    try:
        if not wait_until(server.serves, 60):
            raise RuntimeError(f"{server.executable} does not answer")
        yield process
    finally:
        server.leave()
        process.terminate()
        process.wait()


def milliseconds(text):
    value, unit = re.search(r"held .* for ([\d.]+) (us|ms|s) ", text).groups()
    return float(value) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


@dataclass(frozen=True)
class Line:
    """A row of the owners, or a suspect."""

    path: str
    share: float
    what: str = ""  # of a row: what its last element is; of a suspect: its check

    @property
    def same(self):
        """What two runs have in common: the way, without counts, and who else holds it."""
        return re.sub(r" \[\d+\]", "", self.path.partition(", held by ")[0])


@dataclass
class Look:
    """What one attach says."""

    text: str
    seconds: float
    summary: dict
    owners: list
    suspects: list
    samples: int
    reachable: int


def lines_of_owners(table):
    names = [column["name"] for column in table["columns"]]
    rows = [dict(zip(names, cells)) for cells in table["rows"]]
    return [Line(row["owner"], row["share"], row["what"] or "") for row in rows]


def attach(process, *options):
    output, report, text = (FOLDER / f"grf.{suffix}" for suffix in ("pb.gz", "json", "txt"))
    began = time.monotonic()
    done = grf(
        "attach", process.pid, *options, "-v", "-o", output, "-o", report, "-o", text
    ).expect(OK)
    seconds = time.monotonic() - began
    assert process.poll() is None, "the server is gone"
    found, profile = json.loads(report.read_text()), pprof.read(output)
    return Look(
        done.stdout + text.read_text(),
        seconds,
        found["summary"],
        lines_of_owners(found["tables"]["owners"]),
        [Line(s["path"], s["share"], s["name"]) for s in found["suspects"]],
        len(profile.samples),
        profile.totals()[1],
    )


def verify(process, row):
    done = grf("verify", process.pid, "--gc-wait", "60s")
    if done.status == NO_COLLECTION:  # none ended, or other programs had the CPUs
        return
    done.expect(OK)
    found = dict(
        (name.split(":")[0], int(count.replace(",", "")))
        for count, name in re.findall(r"^ +[\d.]+ \S*B +([\d,]+)  (\S.*)", done.stdout, re.MULTILINE)
    )
    row["verified"] += 1
    row["marked"] = found["marked and reached"]
    row["missed"] += found["missed"]
    row["extra"] += found["reached but not marked"]


def under_load(server, process, row):
    looks = []
    with Load(server.ask) as load:
        looks += [attach(process) for _ in range(TIMES)]
        for _ in range(VERIFIED):
            verify(process, row)
        assert load.done > 100 and load.failed < load.done / 100, (load.done, load.failed)
    pauses = [milliseconds(look.text) for look in looks]
    row["pause"], row["longest"] = statistics.median(pauses), max(pauses)
    row["seconds"] = statistics.median(look.seconds for look in looks)
    row["at_gc"] = sum("end of a garbage collection" in look.text for look in looks)
    row["typed"] = min(
        float(re.search(r"typed +([\d.]+)%", look.text).group(1)) for look in looks
    )
    row["reachable"], row["samples"] = looks[-1].reachable, looks[-1].samples
    return looks


def heap_in_use(text):
    """(bytes to three digits, objects)"""
    size, unit, objects = re.search(
        r"allocated +([\d.]+) (\w+) in ([\d,]+) objects", text
    ).groups()
    return float(size) * 1024 ** ["B", "KiB", "MiB", "GiB"].index(unit), int(objects.replace(",", ""))


def at_rest(server, process, row):
    """Totals against the server's own, right after a collection."""
    server.rest(process)
    server.collect()
    server.collect()
    before = server.figures()
    look = attach(process, "--freeze", "now")
    after = server.figures()
    row["own"], row["found"] = before, heap_in_use(look.text)
    row["at_rest_differs"] = not all(
        (1 - ALLOWED) * min(own) <= found <= (1 + ALLOWED) * max(own) + answer
        for found, own, answer in zip(row["found"], zip(before, after), ANSWER)
    )


def code_size(executable):
    """MB of text, and whether there is DWARF."""
    sections = subprocess.run(
        ["readelf", "-SW", executable], capture_output=True, text=True, check=True
    ).stdout
    text = re.search(r"\] \.text +PROGBITS +\w+ \w+ (\w+)", sections).group(1)
    return int(text, 16) / 1e6, ".debug_info" in sections


def measure(name):
    server = SERVERS[name].server()
    row = {"name": name, "verified": 0, "marked": 0, "missed": 0, "extra": 0}
    row["code"], row["dwarf"] = code_size(server.executable)
    version = subprocess.run(
        [installed_go(), "version", server.executable], capture_output=True, text=True, check=True
    ).stdout
    row["go"] = version.split(": go")[1].split()[0]
    with running(server) as process:
        server.prepare()
        row["looks"] = under_load(server, process, row)
        at_rest(server, process, row)
    for _ in range(RUNS - 1):
        again = SERVERS[name].server()
        with running(again) as process:
            again.prepare()
            with Load(again.ask):
                row["looks"] += [attach(process) for _ in range(AGAIN)]
    row["looks"] = [[look.owners, look.suspects] for look in row["looks"]]
    return row


def kept(name):
    return FOLDER / "measured" / f"{re.sub(r'[^a-z]+', '-', name.lower())}.json"


def keep(row):
    """As lists: of lines, too."""
    path = kept(row["name"])
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(row, default=astuple, indent=1))


def measured():
    rows = [json.loads(kept(name).read_text()) for name in SERVERS if kept(name).exists()]
    for row in rows:
        row["looks"] = [
            [[Line(*line) for line in lines] for lines in look] for look in row["looks"]
        ]
    return rows


# --- the page ---------------------------------------------------------------------------------------

HEADER = """# Real servers

Servers that were not written for these tests (but for the service of gRPC), analysed under load with
`make servers`; those of one with `make servers SERVERS=nats`. Some are as Debian ships them, stripped; the
others are built from their modules, with debug information.

{about}

*Pause* is the time for which all threads were stopped: median and longest of {times} runs of `attach`. The next
row says how many of them were at the end of a garbage collection. *Until the result* is the time of the whole
command, which writes a profile, JSON and text. *Typed* is the least of them. *Marked*, *missed* and *extra*
count objects in up to {verified} runs of `grf-bpf verify` under load, of which each waits a minute for a
collection: those marked and reached, in the last run; those not
reached although a reached object pointed to them, in all; and those reached and not marked, in all. *At rest* is
after the load had ended and garbage was collected: what grf-bpf found allocated, beside what the server itself
reported right before; it has to lie between that and what the server reported right after, which may be more
where it still works. *Typed* was 99.99 % of the heap of Prometheus in another look: what is not are locals of a
function that gathers metrics, while it runs.

"""

FIRST_SCREEN = """
## The first screen

Each server was started {runs} times, and looked into {times} times in the first of these runs and {again} times in
each other. Of the owners the first three rows are shown, as the last look had them. *The same* says in how many
looks that row was there, whatever its counts and the holders beside; where two
rows have nearly as much, they change places. Packages are shown by their last name. Bytes that
several things hold, such as a connection's buffer that a goroutine reads into, are one row (`uint8`),
wherever they are. What a goroutine at work has a pointer to beside its owner is a row of its own for as long, such
as the series that a running scrape of Prometheus writes to.

"""


def per_server(rows):
    def line(title, text):
        return f"| {title} | " + " | ".join(text(row) for row in rows) + " |\n"

    def in_use(found):
        return f"{found[0] / 1e6:.1f} MB, {found[1]:,.0f} objects"

    return (
        line("", lambda r: r["name"])
        + "|---" * (len(rows) + 1)
        + "|\n"
        + line("Go", lambda r: r["go"])
        + line("code", lambda r: f"{r['code']:.0f} MB, {'DWARF' if r['dwarf'] else 'stripped'}")
        + line("pause, median, longest", lambda r: f"{r['pause']:.1f} ms, {r['longest']:.1f} ms")
        + line("at the end of a collection", lambda r: f"{r['at_gc']} of {TIMES}")
        + line("until the result", lambda r: f"{r['seconds']:.1f} s")
        + line("reachable", lambda r: f"{r['reachable'] / 1e6:.1f} MB")
        + line("typed", lambda r: f"{r['typed']:.2f} %")
        + line("samples in the profile", lambda r: f"{r['samples']:,}")
        + line(
            "marked / missed / extra",
            lambda r: f"{r['marked']:,} / {r['missed']} / {r['extra']} ({r['verified']} runs)",
        )
        + line("at rest: found", lambda r: in_use(r["found"]))
        + line("at rest: its own", lambda r: in_use(r["own"]))
    )


def cell(text):
    """A path, with packages by their last name, as pprof shortens them."""
    return re.sub(r"([\w.-]+/)+(v\d+/)?(?=\w)", "", text).replace("|", "\\|")


def first_lines(row):
    """The first rows and all suspects of the last look, with how often they were there."""
    looks, text = row["looks"], ""
    last = looks[-1]
    there = Counter(line.same for owners, _ in looks for line in owners[:FIRST])
    suspected = Counter((line.what, line.same) for _, suspects in looks for line in suspects)
    for number, line in enumerate(last[0][:FIRST], 1):
        what = f", {line.what}" if line.what else ""
        text += (
            f"| {number} | `{cell(line.path)}`{what} | {line.share:.0%} | {there[line.same]} of {len(looks)} |\n"
        )
    for line in last[1]:
        text += (
            f"| {line.what} | `{cell(line.path)}` | {line.share:.0%} | "
            f"{suspected[line.what, line.same]} of {len(looks)} |\n"
        )
    return "|  | first rows, and suspects | of the heap | the same |\n|---|---|---|---|\n" + text


def where(expected, row):
    """Where the last look names what is expected."""
    words = expected.stripped if expected.stripped and not row["dwarf"] else expected.words
    owners, suspects = row["looks"][-1]
    for number, line in enumerate(owners[:SHOWN], 1):
        if re.search(words, line.same):
            return number, f"row {number}, {line.share:.1%}"
    for line in suspects:
        if re.search(words, line.same):
            return 1, f"suspect, {line.share:.0%}"
    return SHOWN + 1, f"not in the first {SHOWN}"


def expectations(row):
    text = "| expected | is |\n|---|---|\n"
    for expected in SERVERS[row["name"]].kind.expects:
        number, place = where(expected, row)
        reason = f": {expected.reason}" if number > FIRST and expected.reason else ""
        text += f"| {expected.what} | {place}{reason} |\n"
    return text


def page(rows):
    kinds = {row["name"].partition(",")[0]: SERVERS[row["name"]].kind for row in rows}
    about = "\n".join(f"- {name} {kind.about}." for name, kind in kinds.items())
    text = HEADER.format(times=TIMES, verified=VERIFIED, about=about) + per_server(rows)
    text += FIRST_SCREEN.format(times=TIMES, runs=RUNS, again=AGAIN)
    for row in rows:
        text += f"### {row['name']}\n\n{first_lines(row)}\n{expectations(row)}\n"
    return text.rstrip("\n") + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", default=ROOT / "docs" / "servers.md")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    names = [
        name for name in SERVERS
        if not options.names or any(name.startswith(asked) for asked in options.names)
    ]
    if not names:
        parser.error("no such server; there are: " + "; ".join(SERVERS))
    for name in names:
        try:
            row = measure(name)
        except Unavailable as error:
            print(f"{name}: not here ({error})", file=sys.stderr)
            continue
        keep(row)
    rows = measured()
    output = pathlib.Path(options.output)
    beside = output.with_name(output.name + ".new")
    beside.write_text(page(rows))
    beside.rename(output)
    # The page says how much; a fault is told by the status too.
    different = [
        row["name"] for row in rows
        if row["name"] in names and (row["at_rest_differs"] or row["missed"] or row["extra"])
    ]
    if different:
        sys.exit("not as the server or its collector says: " + ", ".join(different))


if __name__ == "__main__":
    main()
