# SPDX-License-Identifier: BSD-2-Clause
"""What grf-bpf takes is bounded: memory, by a ceiling and by what is free, also in the control group
of the target; the time for which the target stands; CPUs, while it runs."""

import os
import pathlib
import re
import signal
import subprocess
import time

import pprof
import pytest
from gating import times
from running import (
    GRF,
    HURRIED,
    NO_ROOM,
    OK,
    OUTPUT,
    TOO_LONG,
    USAGE,
    AtItsEnd,
    Target,
    polite as grf,
    wait_until,
)
from test_target import check_kept

MIB = 1 << 20


def is_runtimes(chain):
    """What the runtime holds for itself changes at any time."""
    return chain[0].startswith("runtime.")


def chains(path):
    found = pprof.read(path).chains.items()
    return {chain: counts for chain, counts in found if not is_runtimes(chain)}


def field(pid, name, file="status"):
    """A number of /proc/PID/status; 0 when it is gone."""
    try:
        text = pathlib.Path(f"/proc/{pid}/{file}").read_text(encoding="ascii")
    except OSError:
        return 0
    found = re.search(rf"^{name}:\s+(\d+)", text, re.M)
    return int(found.group(1)) if found else 0


class Running:
    """grf-bpf, looked at while it works."""

    def __init__(self, *arguments, prefix=(), **options):
        self.process = subprocess.Popen(
            [*map(str, prefix), str(GRF), *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )
        self.pid = self.process.pid

    def watch(self, look):
        """Calls look(pid) until it has ended; (status, what it said)."""
        while self.process.poll() is None:
            look(self.pid)
            time.sleep(0.002)
        output, errors = self.process.communicate()
        return self.process.returncode, output + errors


def peak_of(*arguments):
    """(status, what it said, the most memory of its own in MiB)."""
    peak = 0

    def look(pid):
        nonlocal peak
        peak = max(peak, field(pid, "RssAnon") // 1024)

    status, said = Running(*arguments).watch(look)
    return status, said, peak


def needs(said):
    """(copy, analysis) in MiB, as -v says."""
    return tuple(
        int(number)
        for number in re.search(
            r"(\d+) MiB to copy in \d+ pieces; the analysis takes about (\d+) MiB", said
        ).groups()
    )


# --- memory ---------------------------------------------------------------------------------------


def own(path):
    """What the program's own variables and functions hold: a collection in between empties pools."""
    return {chain: sizes for chain, sizes in chains(path).items() if chain[0].startswith("main.")}


@pytest.mark.parametrize("copy", ["precopy", "fork", "stop"])
def test_a_ceiling(copy, start, tmp_path):
    target = start("scale", "-scale", "0.2", "-goroutines", "1000")
    options = ["attach", target.pid, "--freeze", "now", "--copy", copy, "-v"]
    whole = grf(*options, "-o", tmp_path / "whole")
    if whole.status != OK and copy != "stop":
        pytest.skip(whole.stderr)
    copied, analysis = needs(whole.expect(OK).stderr)
    assert copied > 100
    for ceiling in (analysis + copied // 2, analysis + copied // 8):
        status, said, peak = peak_of(
            *options, "--max-memory", f"{ceiling}M", "--spill-dir", tmp_path, "-o", tmp_path / "part"
        )
        assert status == OK, said
        assert f"go to a file in {tmp_path}" in said and re.search(r"spilled +.* of the copy in a file", said), said
        # What does not grow with the heap: the program itself, eBPF, arrays that are made ahead.
        assert peak <= ceiling + 24, (peak, ceiling, said)
        assert own(tmp_path / "part") == own(tmp_path / "whole")
        assert {path.name for path in tmp_path.iterdir()} == {"whole", "part"}
    status, said, peak = peak_of(*options, "--max-memory", "10G", "-o", tmp_path / "part")
    assert status == OK and "spilled" not in said and "to a file" not in said, said
    assert own(tmp_path / "part") == own(tmp_path / "whole")
    target.check_runs()


def test_a_changing_heap_in_a_file(start, tmp_path):
    """What was written since it was copied is held at the stop, and goes to the file after it."""
    target = start("busy")
    options = ["attach", target.pid, "--max-memory", "1M", *HURRIED, "-o", tmp_path / "out"]
    for attempt in range(times(4, 10)):
        done = grf(*options).expect(OK)
        check_kept(tmp_path / "out", (attempt, str(done)))
        target.check_runs()


def test_verify_with_a_ceiling(start):
    target = start("goroutines", environment={"GODEBUG": "gccheckmark=0"})
    done = grf("verify", target.pid, "--max-memory", "1M", "--gc-wait", "300ms", "--freeze", "now")
    assert done.status in (OK, 12), str(done)
    assert "whatever --max-memory says" in done.stderr
    target.check_runs()


def test_a_file_that_may_not_grow(start, tmp_path):
    target = start("scale", "-scale", "0.1", "-goroutines", "100")
    for copy in ("precopy", "stop"):
        grf(
            *("attach", target.pid, "--copy", copy, "--max-memory", "1M", "-o", tmp_path / "out"),
            prefix=["prlimit", f"--fsize={20 * MIB}"],
        )
        done = grf(
            *("attach", target.pid, "--copy", copy, "--max-memory", "40M", "-o", tmp_path / "out"),
            prefix=["prlimit", f"--fsize={20 * MIB}"],
        )
        done.expect(NO_ROOM, str(target.pid), "/var/tmp", "File too large")
        assert not (tmp_path / "out").exists()
        target.check_runs()


def test_a_place_that_is_none(start, tmp_path):
    """It is told before it is needed."""
    target = start("slices")
    for place in (tmp_path / "none", "/proc"):
        done = grf("attach", target.pid, "--spill-dir", place, "-o", tmp_path / "out")
        done.expect(OUTPUT, f"no file can be made in {place}")
        assert not (tmp_path / "out").exists()
    target.check_runs()


def test_places_for_the_file(start, tmp_path):
    target = start("scale", "-scale", "0.1", "-goroutines", "100")
    options = ["attach", target.pid, "--max-memory", "40M", "-v", "-o", tmp_path / "out"]
    full = tmp_path / "full"
    full.mkdir()
    small = ["unshare", "-m", "sh", "-c", f'mount -t tmpfs -o size=8m none {full} && exec "$0" "$@"']
    if subprocess.run([*small, "true"], check=False, capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    in_memory = dict(os.environ, TMPDIR="/dev/shm")
    assert "file in /var/tmp" in grf(*options, env=in_memory).expect(OK).stderr
    named = grf(*options, "--spill-dir", "/dev/shm").expect(OK)
    assert "file in /dev/shm" in named.stderr
    options.remove("-v")
    allowed = "--max-memory allows 40 MiB"
    grf(*options, "--spill-dir", full, prefix=small).expect(NO_ROOM, allowed, str(full), "8 MiB")
    target.check_runs()


def test_sizes(start):
    target = start("slices")
    for size in ("0", "x", "5X", "101%", "-1", "1e400", "5 M", ""):
        grf("attach", target.pid, "--max-memory", size).expect(USAGE)
    for size in ("90%", "2G", "2GiB", "3000MB", "4294967296", "0.5T"):
        grf("attach", target.pid, "--max-memory", size, "-o", "/dev/null").expect(OK)
    for nice in ("20", "-1", "x"):
        grf("attach", target.pid, "--nice", nice).expect(USAGE)


# --- the control group of the target --------------------------------------------------------------


class MemoryGroup:
    """A memory control group of our own, of version 2 or 1."""

    def __init__(self):
        try:
            if self._is_version_2():
                above = pathlib.Path("/sys/fs/cgroup")
                (above / "cgroup.subtree_control").write_text("+memory", encoding="ascii")
            else:
                above = pathlib.Path("/sys/fs/cgroup/memory")
            self.path = above / f"grf-bounds-{os.getpid()}-{time.monotonic_ns()}"
            self.path.mkdir()
            if not (self._file("memory.max", "memory.limit_in_bytes")).exists():
                self.path.rmdir()
                raise OSError("there is no memory controller")
        except OSError as error:
            pytest.skip(f"memory control groups cannot be made here: {error}")

    @staticmethod
    def _is_version_2():
        return pathlib.Path("/sys/fs/cgroup/cgroup.controllers").exists()

    def _file(self, new, old):
        return self.path / (new if self._is_version_2() else old)

    def enter(self):
        """In a child, before it becomes another program."""
        (self.path / "cgroup.procs").write_text(str(os.getpid()), encoding="ascii")

    def limit(self, size):
        path = self._file("memory.max", "memory.limit_in_bytes")
        path.write_text(str(size // 4096 * 4096), encoding="ascii")

    def used(self):
        """Without page cache."""
        path = self._file("memory.current", "memory.usage_in_bytes")
        cache = r"^(?:total_)?(?:in)?active_file (\d+)"
        statistics = (self.path / "memory.stat").read_text(encoding="ascii")
        names = dict.fromkeys(re.findall(r"^(\w*active_file) ", statistics, re.M))
        total = any(name.startswith("total_") for name in names)
        found = re.findall(cache.replace("(?:total_)?", "total_" if total else ""), statistics, re.M)
        return int(path.read_text(encoding="ascii")) - sum(map(int, found))

    def killed(self):
        """How many processes of it the kernel has ended for want of memory."""
        path = self._file("memory.events", "memory.oom_control")
        return int(re.search(r"^oom_kill (\d+)", path.read_text(encoding="ascii"), re.M).group(1))

    def remove(self):
        procs = self.path / "cgroup.procs"
        assert wait_until(lambda: not procs.read_text(encoding="ascii"))
        self.path.rmdir()


@pytest.fixture
def group():
    made = MemoryGroup()
    yield made
    made.remove()


def test_in_the_control_group_of_the_target(group, build, tmp_path):
    """Beside the target there is room for the copy; then for a part of it; then for nothing."""
    with Target(
        build("scale"), *("-scale", "0.2", "-goroutines", "1000"), preexec_fn=group.enter
    ) as target:
        options = ["attach", target.pid, "--freeze", "now", "-v", "-o"]
        whole = grf(*options, tmp_path / "whole", preexec_fn=group.enter).expect(OK)
        copied, analysis = needs(whole.stderr)
        for spare, spills in ((2 * (copied + analysis) + 60, False), (2 * analysis + 60, True)):
            group.limit(group.used() + spare * MIB)
            status, said = Running(*options, tmp_path / "part", preexec_fn=group.enter).watch(
                lambda pid: None
            )
            assert status == OK, said
            assert ("go to a file in" in said) == spills, said
            assert (f"free in {group.path}" in said) == spills, said
            assert own(tmp_path / "part") == own(tmp_path / "whole")
            assert group.killed() == 0
        group.limit(group.used() + 2 * analysis * MIB - MIB)
        options.remove("-v")
        done = grf(*options, tmp_path / "none", preexec_fn=group.enter)
        done.expect(NO_ROOM, str(group.path), "beside what the process may want")
        assert group.killed() == 0
        # From outside, none of this matters.
        grf(*options, tmp_path / "part").expect(OK)
        target.check_runs()


def test_a_snapshot_larger_than_memory(group, build, tmp_path):
    """A plain one is mapped, and needs memory for the analysis alone. One that is packed is unpacked
    into memory, and refused where there is too little."""
    plain, packed = tmp_path / "snapshot", tmp_path / "packed"
    with Target(build("scale"), "-scale", "0.6") as target:
        grf("snapshot", target.pid, *HURRIED, "-o", plain).expect(OK)
        grf("snapshot", target.pid, *HURRIED, "--compress", "-o", packed).expect(OK)
    held = plain.stat().st_blocks * 512
    assert held > 350 * MIB
    group.limit(held * 5 // 8)
    whole = grf("report", plain, "-o", tmp_path / "whole").expect(OK)
    part = grf("report", plain, "-o", tmp_path / "part", preexec_fn=group.enter).expect(OK)
    assert (tmp_path / "part").read_bytes() == (tmp_path / "whole").read_bytes()
    assert part.stdout.replace("part", "whole") == whole.stdout
    refused = grf("report", packed, "-o", tmp_path / "none", preexec_fn=group.enter)
    refused.expect(NO_ROOM, "zstd -d")
    assert group.killed() == 0


HOG = """
import sys, time
blocks, size = [], int(sys.argv[1])
while size > 0:
    blocks.append(b"x" * (4 << 20))
    size -= 4 << 20
    time.sleep(0.02)
print("done", flush=True)
time.sleep(60)
"""


def test_gives_way_to_others_in_its_control_group(group, build, tmp_path):
    """While it waits, with a copy in its hands, the others come to want all that there is."""
    with Target(
        build("scale"), *("-scale", "0.2", "-goroutines", "1000"), preexec_fn=group.enter
    ) as target:
        group.limit(group.used() + 600 * MIB)
        tool = Running(
            *("attach", target.pid, "--copy", "precopy", "--freeze", "gc", "--gc-wait", "1m"),
            *("-o", tmp_path / "out"),
            preexec_fn=group.enter,
        )
        if not wait_until(lambda: field(tool.pid, "RssAnon") > 100 << 10, 20):
            tool.process.kill()
            pytest.skip(tool.process.communicate()[1])
        time.sleep(0.5)
        # It gets that only if the tool is gone.
        with subprocess.Popen(
            ["/usr/bin/python3", "-c", HOG, str(560 * MIB)],
            stdout=subprocess.PIPE,
            preexec_fn=group.enter,
        ) as hog:
            status, said = tool.watch(lambda pid: None)
            assert status == NO_ROOM, said
            assert "gave up" in said and str(group.path) in said, said
            assert hog.stdout.readline() == b"done\n"
            assert hog.poll() is None and group.killed() == 0
            hog.kill()
        target.check_runs()


def test_gives_way_without_privileges(group, build, tmp_path):
    """The control group is watched during the analysis too: at its end, with the result in its place,
    others come to want what there is. The thread that stands there is put first, to be gone soon."""
    with Target(
        build("scale"), *("-scale", "0.2", "-goroutines", "1000"), preexec_fn=group.enter
    ) as target:
        limit = group.used() + 600 * MIB
        group.limit(limit)
        arguments = ("attach", target.pid, "--freeze", "now", "-v", "-o", tmp_path / "out")
        with AtItsEnd(*arguments, preexec_fn=group.enter) as tool:
            assert os.sched_getscheduler(tool.process.pid) != os.SCHED_FIFO
            # We give up when a sixteenth is left.
            size = limit - group.used() - limit // 32 - 12 * MIB
            with subprocess.Popen(
                ["/usr/bin/python3", "-c", HOG, str(size)], preexec_fn=group.enter
            ) as hog:
                first = wait_until(
                    lambda: os.sched_getscheduler(tool.process.pid) == os.SCHED_FIFO, 60
                )
                hog.kill()
            assert first and group.killed() == 0
        target.check_runs()


def test_goes_first_when_memory_runs_out(start, tmp_path):
    target = start("scale", "-scale", "0.1", "-goroutines", "100")
    seen = set()

    def look(pid):
        try:
            seen.add(pathlib.Path(f"/proc/{pid}/oom_score_adj").read_text(encoding="ascii").strip())
        except OSError:
            pass

    assert Running("attach", target.pid, "-o", tmp_path / "out").watch(look)[0] == OK
    assert "1000" in seen
    adjusted = pathlib.Path(f"/proc/{target.pid}/oom_score_adj").read_text(encoding="ascii")
    assert adjusted == pathlib.Path("/proc/self/oom_score_adj").read_text(encoding="ascii")


# --- time -----------------------------------------------------------------------------------------


def test_a_target_that_writes_faster_than_it_can_be_copied(start, tmp_path):
    target = start("rewriter")
    options = ["attach", target.pid, "--freeze", "now", *HURRIED, "-o", tmp_path / "out"]
    done = grf(*options, "--copy", "precopy", "--max-pause", "10us")
    if "fit to make a system call" in done.stderr or "userfaultfd" in done.stderr:
        pytest.skip(done.stderr)
    done.expect(TOO_LONG, "wrote since it was copied", "0.01 ms", "--max-pause", "--copy stop",
                "less than about 0.2 ms")
    assert not (tmp_path / "out").exists()
    target.check_runs()
    told = grf(*options, "--copy", "precopy", "--max-pause", "10us", "-v")
    assert told.stderr.count("let go: ") == 3, told.stderr
    # It may also be that the machine is so busy that the target does not come to write.
    done = grf(*options, "--copy", "precopy", "--max-pause", "1ms")
    if done.status != OK:
        done.expect(TOO_LONG, "1 ms")
    # Who allows it gets it.
    grf(*options, "--copy", "precopy", "--max-pause", "1m").expect(OK)
    assert chains(tmp_path / "out")
    # Where there is a choice, the other ways are tried.
    automatic = grf(*options, "--max-pause", "10us", "-v")
    assert "the next way to copy is tried" in automatic.stderr, automatic.stderr
    assert automatic.status in (OK, TOO_LONG), str(automatic)
    if automatic.status == OK:
        assert "forked picture" in automatic.stdout, str(automatic)
    target.check_runs()


def test_stop_and_copy_has_a_bound_where_one_is_given(start, tmp_path):
    target = start("scale", "-scale", "0.2", "-goroutines", "100")
    options = ["attach", target.pid, "--freeze", "now", "--copy", "stop", "-o", tmp_path / "out"]
    grf(*options).expect(OK)
    grf(*options, "--max-pause", "10s").expect(OK)
    done = grf(*options, "--max-pause", "1ms")
    done.expect(TOO_LONG, "while it stands", "1 ms", "--max-pause")
    assert "less than about" not in done.stderr, str(done)
    for way in ("stop", "fork"):
        done = grf(*options, "--copy", way, "--max-pause", "1us")
        done.expect(TOO_LONG, "no process is held for less than about 0.2 ms")
    # About what it takes: it may turn out either way.
    for milliseconds in (15, 20, 25, 30, 40):
        done = grf(*options, "--max-pause", f"{milliseconds}ms")
        if done.status != OK:
            done.expect(TOO_LONG, str(target.pid), "--max-pause")
        target.check_runs()


def test_a_target_that_stands_already_may_stand_for_any_time(start, tmp_path):
    target = start("scale", "-scale", "0.2", "-goroutines", "100")
    os.kill(target.pid, signal.SIGSTOP)
    assert wait_until(lambda: set(target.states()) == {"T"})
    grf("attach", target.pid, "--max-pause", "1ms", "-o", tmp_path / "out").expect(OK)
    assert set(target.states()) == {"T"}
    os.kill(target.pid, signal.SIGCONT)


# --- CPUs -----------------------------------------------------------------------------------------


def niceness(pid):
    """The nice values and the scheduling classes of its threads."""
    found = set()
    try:
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            fields = (task / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            found.add((int(fields[16]), int(fields[38])))
    except OSError:
        pass
    return found


BATCH, FIFO, OTHER = 3, 1, 0


@pytest.mark.parametrize("option, nice", [((), 15), (("--nice", "19"), 19), (("--nice", "0"), 0)])
def test_priority(option, nice, start, tmp_path):
    target = start("scale", "-scale", "0.2", "-goroutines", "100")
    ours = os.nice(0)
    seen = {}

    def look(pid):
        for found in niceness(pid):
            seen[found] = seen.get(found, 0) + 1

    status, said = Running("attach", target.pid, *option, "-o", tmp_path / "out").watch(look)
    assert status == OK, said
    low = (min(ours + nice, 19), BATCH if nice else OTHER)
    seen = {found: count for found, count in seen.items() if found[1] != FIFO}
    assert max(seen, key=seen.get) == low, seen
    target.check_runs()


def priorities_at_the_end(target, out):
    """What the threads of an interrupted grf-bpf had when they were last seen."""
    options = ["--nice", "8", "--copy", "stop", "--freeze", "now", "-o", out]
    tool = Running("attach", target.pid, *options)
    # Then there is a copy to be given back, which takes long enough to be seen.
    assert wait_until(lambda: field(tool.pid, "RssAnon") > 100 << 10, 60)
    assert wait_until(lambda: not target.tracer())
    assert (os.nice(0) + 8, BATCH) in niceness(tool.pid)
    tool.process.terminate()
    last = set()

    def look(pid):
        nonlocal last
        last = niceness(pid) or last

    status, said = tool.watch(look)
    assert status == 128 + signal.SIGTERM, said
    assert not out.exists()
    return last


def test_an_interruption_ends_the_low_priority(start, tmp_path):
    """Where others want the CPUs, it would take long to notice it, and to come to an end."""
    target = start("scale", "-scale", "0.2", "-goroutines", "100")
    busy = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(4)]
    try:
        # What looks is itself without a CPU now and then, and does not see all of the end.
        seen = []
        for _ in range(5):
            seen.append(priorities_at_the_end(target, tmp_path / "out"))
            if seen[-1] and all(nice <= os.nice(0) for nice, _ in seen[-1]):
                break
        else:
            assert os.geteuid(), seen
    finally:
        for process in busy:
            process.kill()
            process.wait()
    target.check_runs()


def test_priority_that_cannot_be_raised_again(start, tmp_path):
    """What may have to work while the target stands is then not lowered, the analysis is."""
    if os.nice(0):
        pytest.skip("the tests run at a lower priority")
    target = start("scale", "-scale", "0.2", "-goroutines", "100")
    for copy in ("precopy", "stop"):
        seen = set()
        status, said = Running(
            *("attach", target.pid, "-v", "--copy", copy, "-o", tmp_path / "out"),
            prefix=["setpriv", "--bounding-set=-sys_nice", "--inh-caps=-sys_nice"],
        ).watch(lambda pid, seen=seen: seen.update(niceness(pid)))
        if status != OK and "CAP_SYS_NICE" in said:
            pytest.skip(said)
        assert status == OK, said
        assert "can be lowered and not be raised again" in said, said
        # Only the thread that does the analysis, and what it starts.
        assert (15, BATCH) in seen and (0, BATCH) in seen, seen
        assert not [found for found in seen if found[1] == FIFO], seen
    target.check_runs()
