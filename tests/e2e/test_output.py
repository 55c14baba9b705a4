# SPDX-License-Identifier: BSD-2-Clause
"""The result: the same for the same image, readable to go tool pprof, and complete."""

import json
import os
import shutil
import subprocess
import time

import pprof
import pytest
from running import GRF, OK, OUTPUT, grf
from toolchains import installed_go


def test_same_core_same_bytes(core, tmp_path):
    seen = set()
    for i in range(4):
        out = tmp_path / f"out{i}"
        grf("core", *core, "-o", out).expect(OK)
        seen.add(out.read_bytes())
    assert len(seen) == 1


def test_what_pprof_shows_of_the_run(start, tmp_path):
    """The time, the program and its build id; the largest samples come first."""
    target = start("maps")
    before = time.time_ns()
    grf("attach", target.pid, "-o", tmp_path / "out", "-o", tmp_path / "out.json").expect(OK)
    profile = pprof.read(tmp_path / "out")
    document = json.loads((tmp_path / "out.json").read_text())
    assert before <= profile.time_nanos <= time.time_ns()
    assert profile.programs == [(document["program"]["path"], document["program"]["build_id"] or "")]
    sizes = [(values["inuse_space"], values["inuse_objects"]) for _, values in profile.samples]
    assert sizes == sorted(sizes, reverse=True)


def test_fewer_samples_hold_the_same(core, tmp_path):
    grf("core", *core, "-o", tmp_path / "all").expect(OK)
    done = grf("core", *core, "-o", tmp_path / "few", "--max-samples", "10").expect(OK)
    whole, few = (pprof.read(tmp_path / name) for name in ("all", "few"))
    roots = {chain[0] for chain in whole.chains}
    assert len(few.chains) <= 10 + len(roots) < len(whole.chains)

    def below(profile, chain):
        held = [v for k, v in profile.chains.items() if k[: len(chain)] == chain]
        return [sum(one) for one in zip(*held)]

    for chain in few.chains:
        assert below(few, chain) == below(whole, chain)
    folded = len(whole.chains) - len(few.chains)
    assert any(line.startswith("folded_samples: ") for line in few.comments)
    assert "smallest samples" in done.stdout and folded > 0
    assert not any(line.startswith("folded_samples: ") for line in whole.comments)


def test_attach_and_core_agree(start, tmp_path):
    """Nothing in this program moves while both look: what its own package holds is the same."""
    target = start("maps")
    grf("attach", target.pid, "-o", tmp_path / "live").expect(OK)
    core = target.core(tmp_path / "core")
    grf("core", target.executable, core, "-o", tmp_path / "core.out").expect(OK)
    core.unlink()
    found = []
    for name in ("live", "core.out"):
        chains = pprof.read(tmp_path / name).chains
        found.append({k: v for k, v in chains.items() if k[0].startswith("main.")})
    assert found[0] == found[1]


def test_default_output(core, tmp_path):
    result = grf("core", *core, cwd=tmp_path).expect(OK)
    assert "successfully output to `grf.out`" in result.stdout
    assert os.listdir(tmp_path) == ["grf.out"]
    pprof.read(tmp_path / "grf.out")


def test_standard_output(core, tmp_path):
    grf("core", *core, "-o", tmp_path / "out").expect(OK)
    done = subprocess.run(
        [GRF, "core", *core, "-o", "-"], capture_output=True, stdin=subprocess.DEVNULL, check=True
    )
    assert done.stdout == (tmp_path / "out").read_bytes()
    assert b"Go version" in done.stderr


def to_shell(text, *arguments):
    return subprocess.run(
        ["sh", "-c", text, "sh", GRF, *map(str, arguments)],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def test_standard_output_is_written_to_as_it_is(core, tmp_path):
    """Also where it is a file: what others wrote to it stays, and its name need not lead to it."""
    out, log, gone = tmp_path / "out", tmp_path / "log", tmp_path / "gone"
    grf("core", *core, "-o", out).expect(OK)
    for name in ("-", "/dev/stdout"):
        log.write_bytes(b"before\n")
        script = '(echo header; "$1" core "$2" "$3" -o "$4"; echo trailer) >> "$5"'
        assert to_shell(script, *core, name, log).returncode == 0
        assert log.read_bytes() == b"before\nheader\n" + out.read_bytes() + b"trailer\n"
        script = 'exec > "$5"; rm "$5"; "$1" core "$2" "$3" -o "$4"'
        assert to_shell(script, *core, name, gone).returncode == 0
        assert os.path.islink("/dev/stdout") and not gone.exists()


def test_standard_output_is_closed(core, tmp_path):
    """No file that is opened takes its place."""
    executable = tmp_path / "executable"
    shutil.copy(core[0], executable)
    before = executable.read_bytes()
    for redirections in (">&-", "<&- >&-", "<&- >&- 2>&-"):
        done = to_shell(f'"$1" core "$2" "$3" -o - {redirections}', executable, core[1])
        assert done.returncode == OUTPUT
        assert executable.read_bytes() == before
    assert os.listdir(tmp_path) == ["executable"]


@pytest.fixture(name="full")
def fixture_full(tmp_path):
    """A folder with room for next to nothing."""
    folder = tmp_path / "full"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", folder], check=False)
    if done.returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("first", [True, False])
def test_none_of_several_results_stays_where_one_fails(first, core, full, tmp_path):
    good, bad = ("-o", tmp_path / "good.json"), ("-o", full / "bad.json")
    (tmp_path / "good.json").write_text("before")
    several = (*good, *bad) if first else (*bad, *good)
    grf("core", *core, *several, "-o", "-").expect(OUTPUT, "bad.json", "space")
    assert sorted(os.listdir(tmp_path)) == ["full", "good.json"] and not os.listdir(full)
    assert (tmp_path / "good.json").read_text() == "before"


def test_no_result_stays_where_standard_output_fails(core, tmp_path):
    with open("/dev/full", "wb") as closed:
        done = subprocess.run(
            [GRF, "core", *core, "-o", tmp_path / "out", "-o", "-"],
            stdout=closed, stderr=subprocess.PIPE, text=True, check=False,
        )
    assert done.returncode == OUTPUT and len(done.stderr.splitlines()) == 1, done.stderr
    assert not os.listdir(tmp_path)


def test_what_cannot_be_printed(core):
    for arguments in (["version"], ["verify", *core], ["--help"]):
        with open("/dev/full", "wb") as full:
            done = subprocess.run(
                [GRF, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False
            )
        assert done.returncode == OUTPUT
        assert done.stderr.splitlines()[-1].endswith("No space left on device")


def test_go_tool_pprof(core, tmp_path):
    out = tmp_path / "out"
    grf("core", *core, "-o", out).expect(OK)
    for index in ("inuse_space", "inuse_objects"):
        done = subprocess.run(
            [installed_go(), "tool", "pprof", "-top", f"-sample_index={index}", out],
            capture_output=True,
            text=True,
            env=dict(os.environ, PPROF_TMPDIR=str(tmp_path)),
            check=True,
        )
        assert f"Type: {index}" in done.stdout
        assert "main.large" in done.stdout, done.stdout


def test_summary(core, tmp_path):
    result = grf("core", *core, "-o", tmp_path / "out").expect(OK)
    for word in ("Go version", "go1.", "allocated", "HeapInuse", "of the runtime", "reachable", "typed", "held", "main.large"):
        assert word in result.stdout, result.stdout
    assert result.stderr == ""


@pytest.mark.parametrize("kind", ["recursion", "concurrent", "timers"])
def test_no_fold_and_depth_lose_nothing(kind, start, tmp_path):
    """However a chain is cut, what it leads to is counted, once."""
    target = start(kind)
    core = target.core(tmp_path / "core")
    totals = {}
    for name, options in {
        "folded": [],
        "whole": ["--no-fold"],
        "deep": ["--no-fold", "--max-depth", "5000"],
        "short": ["--max-depth", "3"],
        "shortest": ["--max-depth", "1"],
    }.items():
        out = tmp_path / name
        grf("core", target.executable, core, "-o", out, *options).expect(OK)
        profile = pprof.read(out)
        totals[name] = profile.totals()
        limit = {"whole": 256, "deep": 5000, "short": 3, "shortest": 1}.get(name, 256)
        assert max(map(len, profile.chains)) <= limit, name
    core.unlink()
    assert len(set(totals.values())) == 1, totals


def test_no_fold_shows_every_step(start, tmp_path):
    target = start("recursion")
    grf("attach", target.pid, "--no-fold", "-o", tmp_path / "out").expect(OK)
    chains = pprof.read(tmp_path / "out").chains
    step = "main.Node.Next"
    assert chains[("main.chain", *[step] * 200)] == (1, 16)
    # 256 elements: the root and 255 steps; the rest of the 1,000 nodes stands at the last one.
    assert chains[("main.chain", *[step] * 255)][0] >= 1000 - 255


def test_version():
    result = grf("version").expect(OK)
    assert result.stdout.startswith("grf-bpf ") and result.stderr == ""
