# SPDX-License-Identifier: BSD-2-Clause
"""Go toolchains, and building the test programs with them."""

import json
import os
import pathlib
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = ROOT / "tests" / "programs"
BUILD = pathlib.Path(os.environ.get("GRF_TEST_BUILD", ROOT / "build" / "e2e"))

# One for each release that is supported. 1.26 is taken from PATH when that is one, and an exact
# version stands here to be fetched when it is not.
DEFAULT_VERSIONS = "1.22.12 1.23.12 1.24.9 1.25.5 1.26 1.27.0"
FETCHED = {"1.26": "1.26.0"}
MODES = {"optimised": [], "plain": ["-gcflags=all=-N -l"]}


class Unavailable(Exception):
    """A toolchain cannot be had here."""


def versions():
    return os.environ.get("GRF_GO_VERSIONS", DEFAULT_VERSIONS).split()


def _environment(root=None):
    environment = dict(os.environ, GOTOOLCHAIN="local", GOENV="off", GOFLAGS="", CGO_ENABLED="0")
    environment.pop("GOROOT", None)
    if root:
        environment["GOROOT"] = str(root)
    return environment


def _version_of(go, root=None):
    result = subprocess.run(
        [go, "env", "GOVERSION"], env=_environment(root), capture_output=True, text=True, check=False
    )
    return result.stdout.strip().removeprefix("go").split()[0] if result.returncode == 0 else ""


def _fetch(version):
    """The GOROOT of a toolchain from the module cache, or through the module proxy."""
    environment = _environment()
    environment.pop("GOFLAGS")
    try:
        result = subprocess.run(
            ["go", "mod", "download", "-json", f"golang.org/toolchain@v0.0.1-go{version}.linux-amd64"],
            # Outside of any module, and with the machine's own proxy settings.
            env=dict(environment, GOENV=os.environ.get("GOENV", ""), GO111MODULE="on"),
            cwd="/",
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        directory = json.loads(result.stdout).get("Dir") if result.stdout else None
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"Go {version} cannot be downloaded: {error}") from error
    if not directory:
        message = (result.stderr or result.stdout).strip().splitlines()
        raise Unavailable(f"Go {version} cannot be downloaded: {message[-1] if message else '?'}")
    return pathlib.Path(directory)


def _make_executable(root):
    """Files in the module cache are not executable; those of a toolchain must be."""
    for folder in (root / "bin", root / "pkg" / "tool"):
        for path in folder.rglob("*"):
            if path.is_file() and not path.stat().st_mode & stat.S_IXUSR:
                path.chmod(path.stat().st_mode | 0o111)


class Toolchain:
    def __init__(self, wanted):
        self.wanted = wanted
        installed = _version_of("go")
        if installed == wanted or (wanted.count(".") == 1 and installed.startswith(wanted + ".")):
            self.go, self.root, self.version = "go", None, installed
            return
        self.version = FETCHED.get(wanted, wanted)
        self.root = _fetch(self.version)
        _make_executable(self.root)
        self.go = str(self.root / "bin" / "go")

    def build(self, program, mode, extra=()):
        """Builds a program and returns its path."""
        folder = BUILD / f"go{self.version}-{mode}"
        folder.mkdir(parents=True, exist_ok=True)
        # The go line decides the defaults of GODEBUG; each toolchain shall have its own.
        modfile = folder / "go.mod"
        text = f"module example.com/programs\n\ngo {'.'.join(self.version.split('.')[:2])}\n"
        if not modfile.exists() or modfile.read_text() != text:
            modfile.write_text(text)
        output = folder / program
        command = [self.go, "build", "-buildvcs=false", f"-modfile={modfile}", *MODES[mode], *extra]
        result = subprocess.run(
            [*command, "-o", str(output), f"./{program}"],
            cwd=PROGRAMS,
            env=_environment(self.root),
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode:
            raise RuntimeError(f"go{self.version} build {program}: {result.stderr}")
        return output


class Builder:
    """Builds in the background, in the order asked for, so that tests wait for little."""

    def __init__(self):
        self.pool = ThreadPoolExecutor(max_workers=max(1, (os.cpu_count() or 2) // 2))
        self.toolchains = {}
        self.builds = {}

    def toolchain(self, version):
        if version not in self.toolchains:
            self.toolchains[version] = self.pool.submit(Toolchain, version)
        return self.toolchains[version].result()

    def _build(self, version, mode, program):
        return self.toolchains[version].result().build(program, mode)

    def start(self, version, mode, program):
        key = version, mode, program
        if key in self.builds:
            return
        if version not in self.toolchains:
            # Ahead of the builds in the queue, which wait for it.
            self.toolchains[version] = self.pool.submit(Toolchain, version)
        self.builds[key] = self.pool.submit(self._build, *key)

    def build(self, version, mode, program):
        """The executable. Raises Unavailable when there is no such toolchain."""
        self.start(version, mode, program)
        return self.builds[version, mode, program].result()

    def close(self):
        self.pool.shutdown(wait=False, cancel_futures=True)
