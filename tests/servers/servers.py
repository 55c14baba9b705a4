#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Servers that nobody wrote for this test: makes docs/servers.md.

  servers.py [-o FILE] [NAME...]      (as root; needs the network, Debian's apt, Go)

Prometheus as Debian ships it, stripped; Prometheus and rclone from their modules, with debug
information. They are fetched into build/servers, nothing is installed, and they listen on 127.0.0.1
alone. Each is put under load and looked into again and again: attach, and verify at the end of its
garbage collections. Then the load ends, and what grf-bpf finds is held against what the server says
of its own memory (go_memstats_*).

  GRF_SERVERS        the folder (build/servers)
  GRF_SERVERS_TIMES  how often each is attached to under load (10)
"""

import argparse
import contextlib
import os
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position
import pprof
from running import OK, grf, wait_until
from toolchains import installed_go

FOLDER = pathlib.Path(os.environ.get("GRF_SERVERS", ROOT / "build" / "servers"))
TIMES = int(os.environ.get("GRF_SERVERS_TIMES", "10"))
VERIFIED = 3  # times under load
THREADS = 3
ALLOWED = 0.02  # of a server's own figure


# --- where servers come from ------------------------------------------------------------------------


def debian(package, path):
    """Debian's binary, unpacked."""
    unpacked = FOLDER / f"debian-{package}"
    if not (unpacked / path).exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", package], cwd=FOLDER, check=True)
        archive = next(FOLDER.glob(f"{package}_*.deb"))
        subprocess.run(["dpkg-deb", "-x", archive, unpacked], check=True)
    return unpacked / path


def module(package, version):
    """Built by go install, with its debug information."""
    output = FOLDER / "bin" / package.rsplit("/", 1)[1]
    if not output.exists():
        environment = dict(os.environ, GOBIN=str(output.parent), CGO_ENABLED="0", GOFLAGS="")
        subprocess.run(
            [installed_go(), "install", f"{package}@{version}"], env=environment, check=True
        )
    return output


# --- HTTP -------------------------------------------------------------------------------------------


def request(url, method="GET", body=None, headers=None):
    asked = urllib.request.Request(url, data=body, method=method, headers=headers or {})
    with urllib.request.urlopen(asked, timeout=30) as answer:
        return answer.read()


def answers(url):
    try:
        request(url)
        return True
    except (OSError, urllib.error.URLError):
        return False


def statistics_of(url):
    """go_memstats_* as the server gives them."""
    text = request(f"{url}/metrics").decode()
    return {
        name: float(value)
        for name, value in re.findall(r"^go_memstats_(\w+) (\S+)$", text, re.MULTILINE)
    }


class Load:
    """Threads that ask without end, a little apart."""

    def __init__(self, asks):
        self.over = threading.Event()
        self.done = self.failed = 0
        self.threads = [
            threading.Thread(target=self._run, args=(asks, i), daemon=True) for i in range(THREADS)
        ]

    def _run(self, asks, number):
        turn = number
        while not self.over.is_set():
            try:
                asks(turn)
                self.done += 1
            except (OSError, urllib.error.URLError):
                self.failed += 1
            turn += THREADS
            time.sleep(0.005)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()


# --- the servers ------------------------------------------------------------------------------------


class Prometheus:
    """Scrapes itself many times over, and answers queries."""

    def __init__(self, port, executable):
        self.url = f"http://127.0.0.1:{port}"
        self.port = port
        self.executable = executable
        self.home = FOLDER / f"prometheus-{port}"

    def configure(self, jobs):
        entry = """
  - job_name: itself-{0}
    scrape_interval: 1s
    static_configs: [{{targets: ['127.0.0.1:{1}'], labels: {{copy: 'c{0}'}}}}]"""
        text = "global: {scrape_interval: 1s}\n"
        if jobs:
            text += "scrape_configs:" + "".join(entry.format(i, self.port) for i in range(jobs))
        (self.home / "prometheus.yml").write_text(text + "\n")

    def command(self):
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(parents=True)
        self.configure(40)
        return [
            self.executable,
            f"--config.file={self.home}/prometheus.yml",
            f"--storage.tsdb.path={self.home}/data",
            f"--web.listen-address=127.0.0.1:{self.port}",
        ]

    def prepare(self):
        time.sleep(20)

    def ask(self, turn):
        query = ("go_goroutines", "sum(rate(prometheus_http_requests_total[1m]))", "up")[turn % 3]
        query = urllib.request.quote(query)
        request(f"{self.url}/api/v1/query?query={query}")

    def rest(self, process):
        self.configure(0)
        process.send_signal(signal.SIGHUP)
        time.sleep(5)

    def collect(self):
        request(f"{self.url}/debug/pprof/heap?gc=1")


class Rclone:
    """Serves a folder of many files by WebDAV."""

    FILES = 20000

    def __init__(self, port, executable):
        self.served = f"http://127.0.0.1:{port}"
        self.url = f"http://127.0.0.1:{port + 1}"
        self.port = port
        self.executable = executable
        self.home = FOLDER / "rclone-files"

    def command(self):
        self.home.mkdir(parents=True, exist_ok=True)
        for i in range(self.FILES):
            path = self.home / f"folder-{i % 20}" / f"file-{i}.txt"
            if i < 20:
                path.parent.mkdir(exist_ok=True)
            if not path.exists():
                path.write_text(f"file {i}\n")
        return [
            self.executable,
            *("serve", "webdav", self.home, "--addr", f"127.0.0.1:{self.port}", "--rc"),
            *("--rc-addr", f"127.0.0.1:{self.port + 1}", "--rc-no-auth", "--rc-enable-metrics"),
            *("--dir-cache-time", "1h", "--config", "/dev/null"),
        ]

    def list(self, folder):
        request(f"{self.served}/folder-{folder}/", "PROPFIND", headers={"Depth": "1"})

    def prepare(self):
        for folder in range(20):
            self.list(folder)

    def ask(self, turn):
        if turn % 8:
            number = turn * 7919 % self.FILES
            request(f"{self.served}/folder-{number % 20}/file-{number}.txt")
        else:
            self.list(turn % 20)

    def rest(self, _):
        time.sleep(2)

    def collect(self):
        request(f"{self.url}/core/gc", "POST", b"")


SERVERS = {
    "prometheus, Debian's": lambda: Prometheus(19090, debian("prometheus", "usr/bin/prometheus")),
    "prometheus": lambda: Prometheus(
        19091, module("github.com/prometheus/prometheus/cmd/prometheus", "v0.316.0")
    ),
    "rclone": lambda: Rclone(19092, module("github.com/rclone/rclone", "v1.76.0")),
}


# --- what is measured -------------------------------------------------------------------------------


@contextlib.contextmanager
def running(server):
    with open(FOLDER / f"log-{server.port}", "wb") as log:
        process = subprocess.Popen(
            [str(part) for part in server.command()], stdout=log, stderr=subprocess.STDOUT
        )
    try:
        if not wait_until(lambda: answers(f"{server.url}/metrics"), 60):
            raise RuntimeError(f"{server.executable} does not answer")
        yield process
    finally:
        process.terminate()
        process.wait()


def milliseconds(text):
    value, unit = re.search(r"held .* for ([\d.]+) (us|ms|s) ", text).groups()
    return float(value) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


def heap_in_use(text):
    """(bytes to three digits, objects)"""
    size, unit, objects = re.search(
        r"allocated +([\d.]+) (\w+) in ([\d,]+) objects", text
    ).groups()
    return float(size) * 1024 ** ["B", "KiB", "MiB", "GiB"].index(unit), int(objects.replace(",", ""))


def attach(process, *options):
    output = FOLDER / "grf.out"
    began = time.monotonic()
    done = grf("attach", process.pid, *options, "-o", output).expect(OK)
    seconds = time.monotonic() - began
    assert process.poll() is None, "the server is gone"
    return done.stdout, pprof.read(output), seconds


def under_load(server, process, row):
    pauses, seconds, points = [], [], []
    with Load(server.ask) as load:
        for _ in range(TIMES):
            text, profile, took = attach(process)
            pauses.append(milliseconds(text))
            seconds.append(took)
            points.append("end of a garbage collection" in text)
            row["typed"] = float(re.search(r"typed +([\d.]+)%", text).group(1))
            row["reachable"] = profile.totals()[1]
            row["samples"] = len(profile.samples)
        for _ in range(VERIFIED):
            done = grf("verify", process.pid).expect(OK)
            found = dict(
                (name.split(":")[0], int(count.replace(",", "")))
                for count, name in re.findall(r"^ +[\d.]+ \S*B +([\d,]+)  (\S.*)", done.stdout, re.MULTILINE)
            )
            row["marked"] = found["marked and reached"]
            row["missed"] = row.get("missed", 0) + found["missed"]
            row["extra"] = row.get("extra", 0) + found["reached but not marked"]
        assert load.done > 100 and load.failed < load.done / 100, (load.done, load.failed)
    row["pause"], row["longest"] = statistics.median(pauses), max(pauses)
    row["seconds"], row["at_gc"] = statistics.median(seconds), sum(points)


def at_rest(server, process, row):
    """Totals against the server's own, right after a collection."""
    server.rest(process)
    server.collect()
    server.collect()
    before = statistics_of(server.url)
    text, _, _ = attach(process, "--freeze", "now")
    after = statistics_of(server.url)
    size, objects = heap_in_use(text)
    row["own_bytes"], row["own_objects"] = before["heap_alloc_bytes"], before["heap_objects"]
    row["bytes"], row["objects"] = size, objects
    for found, name in ((size, "heap_alloc_bytes"), (objects, "heap_objects")):
        low, high = sorted((before[name], after[name]))
        assert (1 - ALLOWED) * low <= found <= (1 + ALLOWED) * high, (name, low, found, high)


def code_size(executable):
    """MB of text, and whether there is DWARF."""
    sections = subprocess.run(
        ["readelf", "-SW", executable], capture_output=True, text=True, check=True
    ).stdout
    text = re.search(r"\] \.text +PROGBITS +\w+ \w+ (\w+)", sections).group(1)
    return int(text, 16) / 1e6, ".debug_info" in sections


def measure(name):
    server = SERVERS[name]()
    row = {"name": name}
    row["code"], row["dwarf"] = code_size(server.executable)
    version = subprocess.run(
        [installed_go(), "version", server.executable], capture_output=True, text=True, check=True
    ).stdout
    row["go"] = version.split(": go")[1].split()[0]
    with running(server) as process:
        server.prepare()
        under_load(server, process, row)
        at_rest(server, process, row)
    return row


HEADER = """# Real servers

Three servers that were not written for these tests, analysed under load with `make servers`: Prometheus as Debian ships it, stripped, and Prometheus and rclone from their modules,
with debug information. Prometheus scrapes itself forty times a second and answers queries; rclone
serves a folder of 20,000 files by WebDAV.

*Pause* is the time for which all threads were stopped: median and longest of {times} runs of `attach`. The next
row says how many of them were at the end of a garbage collection. *Until the result* is the time of the whole
command. *Marked*, *missed* and *extra* count objects in {verified} runs of `grf-bpf verify` under load: those marked and
reached, in the last run; those not reached although a reached object pointed to them, in all; and those reached
and not marked, in all. *At rest* is after the load had ended and garbage was collected: what grf-bpf found
allocated, beside what the server itself reported right before (`go_memstats_*`).

"""


def table(rows):
    def line(title, text):
        return f"| {title} | " + " | ".join(text(row) for row in rows) + " |\n"

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
            "marked / missed / extra", lambda r: f"{r['marked']:,} / {r['missed']} / {r['extra']}"
        )
        + line("at rest: found", lambda r: f"{r['bytes'] / 1e6:.1f} MB, {r['objects']:,} objects")
        + line(
            "at rest: its own",
            lambda r: f"{r['own_bytes'] / 1e6:.1f} MB, {r['own_objects']:,.0f} objects",
        )
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", default=str(ROOT / "docs" / "servers.md"))
    parser.add_argument("names", nargs="*", default=list(SERVERS))
    options = parser.parse_args()
    rows = []
    for name in options.names:
        rows.append(measure(name))
        print(table(rows[-1:]), flush=True)
    beside = pathlib.Path(options.output + ".new")
    beside.write_text(HEADER.format(times=TIMES, verified=VERIFIED) + table(rows))
    beside.rename(options.output)


if __name__ == "__main__":
    main()
