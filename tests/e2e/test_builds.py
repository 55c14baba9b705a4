# SPDX-License-Identifier: BSD-2-Clause
"""Go that is not the whole program: libraries in C programs, plugins, C code in Go programs, and what
the system's linker makes of them."""

import re
import shutil
import subprocess

import pprof
import pytest
from gating import few, pairs
from running import FAILURE, MISMATCH, NOT_GO, OK, UNSUPPORTED, Target, goref, grf
from test_verify import collecting, counts
from toolchains import PROGRAMS, BuildFailed, go_build, versions

pytestmark = pytest.mark.skipif(not shutil.which("gcc"), reason="gcc is not installed")

# What tests/programs/library holds, by whichever way it is called.
HELD = {
    "main.list": [(1, 64)],
    "main.list > Next. (*main.Session)": [(99, 99 * 64)],
    "main.list > Next. (*main.Session) > Payload. ([]uint8)": [(99, 99 * 128)],
    "main.sessions > $mapval. (*main.Session)": [(100, 6400)],
    "main.sessions > $mapval. (*main.Session) > Name. (string)": [(100, 4800)],
    "main.wait.held": [(4, 256)],
    "main.wait.held > Name. (string)": [(4, 320)],
    "main.stay.held > Name. (string)": [(1, 96)],
    "main.outer.held > Name. (string)": [(1, 112)],
    "main.inner.held > Name. (string)": [(1, 144)],
}


def check_held(path):
    chains = pprof.read(path).chains
    for chain, expected in HELD.items():
        assert chains.get(tuple(chain.split(" > "))) in expected, (chain, chains)


def check(target, exact, tmp_path, arguments=()):
    """Attaches, takes a core, and holds both against what is to be there and the collector."""
    goref("attach", target.pid, *arguments, "-o", tmp_path / "live").expect(OK)
    check_held(tmp_path / "live")
    done = grf("verify", target.pid, *arguments, "-v").expect(OK)
    found = counts(done)
    assert found["missed"] == found["reached but not marked"] == 0, str(done)
    assert found["marked and reached"] > 500, str(done)
    if exact:
        assert found["marked but not reached"] == 0, str(done)
    target.check_runs()


def compile_host(folder, *flags):
    host = PROGRAMS / "host" / "host.c"
    command = ["gcc", "-O1", "-o", folder / "host", host, *flags, "-ldl", "-lpthread"]
    subprocess.run(command, check=True)
    return folder / "host"


@pytest.mark.parametrize(
    "version, way", pairs(versions(), ["linked", "opened", "archive"], newest=False)
)
def test_a_library_in_a_c_program(version, way, toolchain, tmp_path):
    exact, environment = collecting(toolchain, version)
    mode, name = ("c-archive", "libguest.a") if way == "archive" else ("c-shared", "libguest.so")
    library = go_build(toolchain(version), "library", tmp_path / name, f"-buildmode={mode}")
    if way == "opened":
        host, arguments = compile_host(tmp_path), [library]
    elif way == "linked":
        flags = ["-DLINKED", library, f"-Wl,-rpath,{tmp_path}"]
        host, arguments = compile_host(tmp_path, *flags), []
    else:
        host, arguments = compile_host(tmp_path, "-DLINKED", library), []
    with Target(host, *arguments, environment=environment) as target:
        check(target, exact, tmp_path)
        core = target.core(tmp_path / "core")
        executables = [host] if way == "archive" else [host, library]
        for executable in executables:
            goref("core", executable, core, "-o", tmp_path / "out").expect(OK)
            check_held(tmp_path / "out")
        grf("snapshot", target.pid, "-o", tmp_path / "snapshot").expect(OK)
        for named in ([], *(["--exe", executable] for executable in executables)):
            goref("report", tmp_path / "snapshot", *named, "-o", tmp_path / "out").expect(OK)
            check_held(tmp_path / "out")
    core.unlink()


def test_a_library_that_is_gone(toolchain, tmp_path):
    """Deleted, or replaced by another, while it is loaded."""
    library = go_build(toolchain(), "library", tmp_path / "libguest.so", "-buildmode=c-shared")
    host = compile_host(tmp_path)
    kept = tmp_path / "kept" / "libguest.so"
    kept.parent.mkdir()
    with Target(host, library) as target:
        shutil.copy(library, kept)
        library.unlink()
        goref("attach", target.pid, "-o", tmp_path / "out").expect(OK)
        check_held(tmp_path / "out")
        goref("attach", target.pid, kept, "-o", tmp_path / "out").expect(OK)
        core = target.gcore(tmp_path / "core")
        goref("core", host, core).expect(NOT_GO, "no Go library")
        goref("core", kept, core, "-o", tmp_path / "out").expect(OK)
        check_held(tmp_path / "out")
        other = go_build(
            toolchain(), "library", library, "-buildmode=c-shared", "-ldflags=-X=main.other=1"
        )
        goref("attach", target.pid, other).expect(MISMATCH, "build id")
        goref("core", other, core).expect(MISMATCH, "build id")
        target.check_runs()


def test_a_stripped_library(toolchain, tmp_path):
    library = go_build(toolchain(), "library", tmp_path / "libguest.so", "-buildmode=c-shared")
    unstripped = shutil.copy(library, tmp_path / "unstripped.so")
    subprocess.run(["strip", library], check=True)
    with Target(compile_host(tmp_path), library) as target:
        done = goref("attach", target.pid, "-o", tmp_path / "out").expect(OK)
        assert "no debug information" in done.stdout
        done = grf("verify", target.pid).expect(OK)
        assert counts(done)["marked and reached"] > 500
        goref("attach", target.pid, unstripped, "-o", tmp_path / "out").expect(OK)
        check_held(tmp_path / "out")


def test_two_libraries(toolchain, tmp_path):
    """Each has a heap of its own: which one is to be named."""
    libraries = [
        go_build(
            toolchain(),
            "library",
            tmp_path / f"lib{name}.so",
            "-buildmode=c-shared",
            f"-ldflags=-X=main.other={name}",
        )
        for name in ("one", "two")
    ]
    with Target(compile_host(tmp_path), *libraries) as target:
        goref("attach", target.pid).expect(FAILURE, "libone.so")
        # The C program itself is what runs, and says as little.
        goref("attach", target.pid, tmp_path / "host").expect(FAILURE, "libone.so")
        for library in libraries:
            goref("attach", target.pid, library, "-o", tmp_path / "out").expect(OK)
        target.check_runs()


@pytest.mark.parametrize(
    "version, flags",
    pairs(versions(), ["internal", "external", "external-pie", "race"], newest=False),
)
def test_c_in_a_go_program(version, flags, toolchain, tmp_path):
    """The same as a program of its own."""
    exact, environment = collecting(toolchain, version)
    options = {
        "internal": ["-ldflags=-linkmode=internal"],
        "external": ["-ldflags=-linkmode=external"],
        "external-pie": ["-ldflags=-linkmode=external", "-buildmode=pie"],
        "race": ["-race"],
    }[flags]
    program = go_build(toolchain(version), "library", tmp_path / "program", *options)
    with Target(program, environment=environment) as target:
        check(target, exact, tmp_path)
        core = target.core(tmp_path / "core")
        goref("core", program, core, "-o", tmp_path / "out").expect(OK)
        check_held(tmp_path / "out")
    core.unlink()


@pytest.mark.parametrize("version", few(versions()))
def test_a_plugin(version, toolchain, tmp_path):
    """Another module of the same runtime: as exact as the rest, with types and names of its own."""
    exact, environment = collecting(toolchain, version)
    plugin = go_build(toolchain(version), "plugin", tmp_path / "plugin.so", "-buildmode=plugin")
    host = go_build(toolchain(version), "pluginhost", tmp_path / "host")
    package = "example.com/programs/plugin"
    with Target(host, plugin, environment=environment) as target:
        done = grf("verify", target.pid, "-v").expect(OK)
        found = counts(done)
        assert found["missed"] == found["reached but not marked"] == 0, str(done)
        assert not exact or found["marked but not reached"] == 0, str(done)
        core = target.core(tmp_path / "core")
        goref("attach", target.pid, "-o", tmp_path / "live").expect(OK)
        goref("core", host, core, "-o", tmp_path / "dead").expect(OK)
        target.check_runs()
    core.unlink()
    for name in ("live", "dead"):
        chains = pprof.read(tmp_path / name).chains
        kind = f"(*{package}.Entry)"
        # A list of 100 with a string of 32 bytes each; a map of 100; a goroutine's entry; one in
        # the hand of a function that called the host.
        ring = (f"{package}.list", f"Next. {kind}")
        assert chains[ring] == (99, 99 * 48), chains
        assert chains[ring + ("Name. (string)",)] == (99, 99 * 32), chains
        values = (f"{package}.entries", f"$mapval. {kind}")
        assert chains[values] == (100, 100 * 48), chains
        assert chains[values + ("Name. (string)",)] == (100, 100 * 48), chains
        assert chains[values + ("Data. ([]uint8)",)] == (100, 100 * 128), chains
        for function, length in (("wait", 96), ("Call", 144)):
            held = (f"{package}.{function}.held",)
            assert chains[held] == (1, 48), chains
            assert chains[held + ("Name. (string)",)] == (1, length), chains
            assert chains[held + ("Data. ([]uint8)",)] == (1, 128), chains
        # What the linker laid out in the plugin's data, and what it was given.
        assert chains[(f"{package}.stays", f"Next. {kind}", "Name. (string)")] == (1, 80), chains
        entry = ("main.made", "[0]. (interface {})", f"entry. (*{package}.Entry)")
        assert chains[entry] == (1, 48), chains
        assert chains[entry + ("Name. (string)",)] == (1, 112), chains


def test_a_plugin_without_types(toolchain, tmp_path):
    """Its variables by their symbols, what it holds as exact as with types."""
    plugin = go_build(
        toolchain(), "plugin", tmp_path / "plugin.so", "-buildmode=plugin", "-ldflags=-w"
    )
    host = go_build(toolchain(), "pluginhost", tmp_path / "host")
    package = "example.com/programs/plugin"
    with Target(host, plugin) as target:
        goref("attach", target.pid, "-o", tmp_path / "out").expect(OK)
        target.check_runs()
    below = {}
    for chain, (objects, size) in pprof.read(tmp_path / "out").chains.items():
        count, total = below.get(chain[0], (0, 0))
        below[chain[0]] = (count + objects, total + size)
    assert below[f"{package}.list"][1] == 100 * (48 + 32), below
    assert below[f"{package}.wait"] == (3, 48 + 96 + 128), below
    assert below[f"{package}.Call"][0] >= 3, below
    assert below[f"{package}.entries"][1] >= 100 * (48 + 48 + 128), below


def test_another_compiler_s_program(tmp_path):
    """gccgo has a runtime of its own."""
    compiler = next(filter(shutil.which, ["gccgo", "gccgo-12", "gccgo-13", "gccgo-14"]), None)
    if not compiler:
        pytest.skip("gccgo is not installed")
    source = tmp_path / "main.go"
    source.write_text('package main\n\nimport "time"\n\nfunc main() { time.Sleep(time.Hour) }\n')
    subprocess.run([compiler, "-static-libgo", "-o", tmp_path / "main", source], check=True)
    check_refused(tmp_path / "main", "compiled by gccgo")


def check_refused(program, words):
    with subprocess.Popen([program]) as process:
        try:
            goref("attach", process.pid).expect(NOT_GO, words)
        finally:
            process.kill()


def test_a_packed_program(tmp_path):
    """UPX leaves a program that unpacks itself, and its mark."""
    source = tmp_path / "main.c"
    source.write_text(
        '#include <unistd.h>\nconst char mark[] = "UPX!";\n'
        "int main(void) { return write(-1, mark, 4) < 0 ? pause() : 0; }\n"
    )
    subprocess.run(["gcc", "-o", tmp_path / "main", source], check=True)
    check_refused(tmp_path / "main", "packed by UPX")


def unpacker(payload, mark="UPX!"):
    """A program that runs `payload` as one does that UPX made of it."""
    program = payload.with_name(f"{payload.name}-packed")
    defines = [f'-DMARK="{mark}"', f'-DPAYLOAD="{payload}"']
    source = PROGRAMS / "unpacker" / "unpacker.c"
    subprocess.run(["gcc", "-O1", *defines, "-o", program, source], check=True)
    return program


@pytest.mark.parametrize("kind", ["exe", "pie", "external-pie", "without-a-mark"])
def test_an_unpacked_program(kind, toolchain, tmp_path):
    """By the file that was packed, wherever its code was unpacked to: what the kernel knows of the
    process is of the packer."""
    flags = {
        "exe": ["-ldflags=-linkmode=internal"],
        "pie": ["-ldflags=-linkmode=internal", "-buildmode=pie"],
        "external-pie": ["-ldflags=-linkmode=external", "-buildmode=pie"],
        "without-a-mark": [],
    }[kind]
    program = go_build(toolchain(), "library", tmp_path / "program", *flags)
    # Its code is the same, not its id.
    other = tmp_path / "other"
    changed = " ".join([*flags[:1], "-buildid=other"]) if flags else "-ldflags=-buildid=other"
    go_build(toolchain(), "library", other, *flags[1:], changed)
    packed = unpacker(program, "" if kind == "without-a-mark" else "UPX!")
    with Target(packed) as target:
        for copy in ("auto", "fork"):
            done = goref(
                "attach", target.pid, program, "-o", tmp_path / "out", "--copy", copy, "-v"
            ).expect(OK)
            assert "no probe can wait" in done.stderr, str(done)
            check_held(tmp_path / "out")
        grf("verify", target.pid, program).expect(UNSUPPORTED, "no probe can wait")
        goref("attach", target.pid, program, "--freeze", "gc").expect(UNSUPPORTED, "no probe can")
        words = "no Go library" if kind == "without-a-mark" else "name the file that was packed"
        goref("attach", target.pid).expect(NOT_GO, words)
        refused = goref("attach", target.pid, other)
        assert refused.status in (MISMATCH, NOT_GO), str(refused)
        core = target.core(tmp_path / "core")
        grf("snapshot", target.pid, program, "--with-exe", "-o", tmp_path / "snapshot").expect(OK)
        target.check_runs()
    for named in ([], ["--exe", program]):
        goref("report", tmp_path / "snapshot", *named, "-o", tmp_path / "out").expect(OK)
        check_held(tmp_path / "out")
    goref("core", program, core, "-o", tmp_path / "out").expect(OK)
    check_held(tmp_path / "out")
    goref("core", other, core).expect(MISMATCH)
    goref("core", packed, core).expect(NOT_GO)
    core.unlink()


def test_a_program_of_shared_libraries(tmp_path):
    """go build -linkshared: the runtime is in libstd.so."""
    (tmp_path / "std.c").write_text("int std;\n")
    (tmp_path / "main.c").write_text(
        "#include <unistd.h>\nextern int std;\nint main(void) { return pause() + std; }\n"
    )
    library = tmp_path / "libstd.so"
    command = ["gcc", "-shared", "-Wl,-soname,libstd.so", "-o", library, tmp_path / "std.c"]
    subprocess.run(command, check=True)
    command = ["gcc", "-o", tmp_path / "main", tmp_path / "main.c", library]
    subprocess.run([*command, f"-Wl,-rpath,{tmp_path}"], check=True)
    check_refused(tmp_path / "main", "shared library")


NO_SHADOW = "too much to watch|no thread of process .* is fit"


def test_a_sanitizers_shadow(toolchain, tmp_path):
    """-asan reserves terabytes for its shadow, writable: they are not gone through page by page.
    Its threads have signal stacks of C's, of a size that the CPU decides: where that is not Go's, none of
    them is taken for a system call, and no way before has a say."""
    try:
        program = go_build(toolchain(), "library", tmp_path / "program", "-asan")
    except BuildFailed as error:
        pytest.skip(f"no -asan here: {error}")
    with Target(program) as target:
        done = goref("attach", target.pid, "-v", "-o", tmp_path / "out").expect(OK)
        assert re.search(NO_SHADOW, done.stderr), str(done)
        assert "all of it at the stop" in done.stderr, str(done)
        # Each object has a red zone behind it, which may take it to another size class.
        chains = pprof.read(tmp_path / "out").chains
        for chain, expected in HELD.items():
            found = chains.get(tuple(chain.split(" > ")), (0, 0))
            assert found[0] == expected[0][0] and found[1] >= expected[0][1], (chain, found)
        done = goref("attach", target.pid, "--copy", "precopy").expect(UNSUPPORTED)
        assert re.search(NO_SHADOW, done.stderr), str(done)
        target.check_runs()


def test_types_with_redzones(toolchain, tmp_path):
    """-asan puts objects into larger slots, and its masks go on behind them: types are found out as
    without. More types fit a larger slot, so of a heap of 100 KB some objects more look like two."""
    shares = []
    for flags in ((), ("-asan",)):
        try:
            program = go_build(
                toolchain(), "structs", tmp_path / "program", "-ldflags=-s -w", *flags
            )
        except BuildFailed as error:
            pytest.skip(f"no -asan here: {error}")
        with Target(program) as target:
            done = goref("attach", target.pid, "-o", tmp_path / "out").expect(OK)
            shares.append(float(re.search(r"typed +([\d.]+)%", done.stdout).group(1)))
    assert shares[1] >= shares[0] - 2, shares
