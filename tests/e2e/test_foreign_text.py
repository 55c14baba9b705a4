# SPDX-License-Identifier: BSD-2-Clause
"""Names that a target chose: a terminal never gets them as they are."""

import re

import pprof
from running import MISMATCH, OK, OUTPUT, USAGE, Target, grf

# As long as what it replaces.
EVIL = b"\x1b[31m\r\n\x07x"
ESCAPED = r"\x1b[31m\x0d\x0a\x07x"
# What may not be printed: controls other than the ends of lines, overrides of direction.
RAW = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def patched(executable, path, *names):
    data = executable.read_bytes()
    for name in names:
        assert name in data
        data = data.replace(name, name[: -len(EVIL)] + EVIL)
    path.write_bytes(data)
    path.chmod(0o755)
    return path


def check(done):
    for text in (done.stdout, done.stderr):
        assert not RAW.search(text), ascii(text)


def test_names_of_a_program(build, tmp_path):
    """A variable, a function, a type and the path of the program."""
    whole = build("maps", flags=("-ldflags=-compressdwarf=false",))
    folder = tmp_path / "a\x1b]0;x\x07\u202e"
    folder.mkdir()
    program = patched(whole, folder / "maps\x1b[31m", b"main.directory")
    out = tmp_path / "out"
    with Target(program) as target:
        done = grf("attach", target.pid, "--freeze", "now", "-vv", "-o", out).expect(OK)
        check(done)
        assert f"main.{ESCAPED}" in done.stdout
        roots = {chain[0] for chain in pprof.read(out).chains}
        assert f"main.{ESCAPED}" in roots
        assert not any(RAW.search(name) for name in roots)
        check(grf("verify", target.pid, "-vv", "--freeze", "now"))
        core = target.core(tmp_path / "core")
    check(grf("core", program, core, "-vv", "-o", out).expect(OK))
    check(grf("core", build("slices"), core, "-o", out).expect(MISMATCH))
    check(grf("core", folder, core, "-o", out))
    check(grf("core", program, folder / "none", "-o", out))
    check(grf("core", program, core, "-o", folder / "none" / "out").expect(OUTPUT))
    check(grf("core", program, core, "-o", folder / "out").expect(OK))


def test_arguments():
    check(grf("att\x1b[31m\x07").expect(USAGE))
