# SPDX-License-Identifier: BSD-2-Clause
"""Go toolchains, and building the test programs with them."""

import copy
import fcntl
import json
import os
import pathlib
import re
import shutil
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = ROOT / "tests" / "programs"
BUILD = pathlib.Path(os.environ.get("GRF_TEST_BUILD", ROOT / "build" / "e2e"))

# The oldest release, the last before its heap bitmaps moved, the last before Swiss maps, and newer
# ones. 1.26 is the installed one where that is a 1.26; FETCHED says which one to fetch where it is
# not.
DEFAULT_VERSIONS = "1.17.13 1.21.13 1.22.12 1.24.9 1.26 1.27.0"
# Every release that is supported, and the experiments that change what stands in memory.
ALL_VERSIONS = (
    "1.17.13 1.17.13+noregabi 1.18.10 1.18.10+noregabi 1.19.13 1.20.14 1.20.14+arenas 1.21.13 "
    "1.22.12 1.22.12+noallocheaders 1.23.12 1.24.9 1.24.9+noswissmap 1.25.5 1.25.5+noswissmap "
    "1.25.5+greenteagc 1.27.0 1.27.0+nogreenteagc 1.26+nogreenteagc 1.26"
)
FETCHED = {"1.26": "1.26.8"}
# In the environment of a program that build() made: it collects garbage again and again, by a
# goroutine that is in each of them.
COLLECT = {"GRF_COLLECT": "1"}
MODES = {"optimised": [], "plain": ["-gcflags=all=-N -l"]}


class Unavailable(Exception):
    """A toolchain cannot be fetched here."""


def versions():
    """Such as "1.27.0", or "1.24.9+noswissmap": built with GOEXPERIMENT=noswissmap."""
    chosen = os.environ.get("GRF_GO_VERSIONS", DEFAULT_VERSIONS)
    return (ALL_VERSIONS if chosen == "all" else chosen).split()


# For tests that do not depend on the version.
ANY_VERSION = versions()[-1] if "GRF_GO_VERSIONS" in os.environ else "1.26"


def installed_go():
    return shutil.which("go") or "/usr/local/go/bin/go"


def _environment(root=None, experiments=""):
    environment = dict(os.environ, GOTOOLCHAIN="local", GOENV="off", GOFLAGS="", CGO_ENABLED="0")
    environment["GOEXPERIMENT"] = experiments
    environment.setdefault("HOME", "/root")
    for name in ("GOROOT", "CC"):  # CC: of make, such as "ccache gcc", which Go 1.17 cannot have
        environment.pop(name, None)
    if root:
        environment["GOROOT"] = str(root)
    return environment


def _installed_version():
    try:
        result = subprocess.run(
            [installed_go(), "env", "GOVERSION"],
            env=_environment(),
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise Unavailable(f"Go is not installed: {error}") from error
    return result.stdout.strip().removeprefix("go").split()[0]


def _fetch(version):
    """The GOROOT of a toolchain from the module cache, or through the module proxy."""
    environment = dict(os.environ, GO111MODULE="on", GOTOOLCHAIN="local", GOFLAGS="-mod=mod")
    environment.setdefault("HOME", "/root")
    module = f"golang.org/toolchain@v0.0.1-go{version}.linux-amd64"
    try:
        result = subprocess.run(
            [installed_go(), "mod", "download", "-json", module],
            env=environment,
            cwd="/",
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        answer = json.loads(result.stdout) if result.stdout else {}
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"Go {version} cannot be downloaded: {error}") from error
    if "Dir" not in answer:
        reason = (answer.get("Error") or result.stderr).strip().splitlines()
        raise Unavailable(f"Go {version} cannot be downloaded: {reason[-1] if reason else '?'}")
    return pathlib.Path(answer["Dir"])


def _make_executable(root):
    """Files in the module cache are not executable; those of a toolchain must be."""
    for folder in (root / "bin", root / "pkg" / "tool"):
        for path in folder.rglob("*"):
            if path.is_file() and not path.stat().st_mode & stat.S_IXUSR:
                path.chmod(path.stat().st_mode | 0o111)


class BuildFailed(RuntimeError):
    """A release does not build a program."""


def is_newer(output, sources):
    return output.exists() and output.stat().st_mtime > max(p.stat().st_mtime for p in sources)


class Toolchain:
    def __init__(self, wanted):
        wanted, plus, self.experiments = wanted.partition("+")
        self._find(wanted)
        self.version += plus + self.experiments

    def _find(self, wanted):
        installed = _installed_version()
        if installed == wanted or (wanted.count(".") == 1 and installed.startswith(wanted + ".")):
            self.go, self.root, self.version = installed_go(), None, installed
            return
        self.version = FETCHED.get(wanted, wanted)
        self.root = _fetch(self.version)
        _make_executable(self.root)
        self.go = str(self.root / "bin" / "go")

    @property
    def minor(self):
        return int(self.version.split(".")[1])

    def _modfile(self, folder):
        """A go.mod whose go line is this toolchain's own: it decides the defaults of GODEBUG."""
        path = folder / "go.mod"
        text = f"module example.com/programs\n\ngo {'.'.join(self.version.split('.')[:2])}\n"
        if not path.exists() or path.read_text() != text:
            beside = folder / f"go.mod.{os.getpid()}"
            beside.write_text(text)
            beside.rename(path)
        return path

    def _overlay(self, program, folder):
        """A file for go build -overlay that adds the goroutine which collects garbage."""
        path = folder / f"{program}.overlay.{os.getpid()}.json"
        added = {str(PROGRAMS / program / "zz_collect.go"): str(PROGRAMS / "collect.go.txt")}
        path.write_text(json.dumps({"Replace": added}))
        return f"-overlay={path}"

    def build(self, program, mode, flags=()):
        """Builds a program, where that is not done yet, and returns its path."""
        tag = "".join("-" + re.sub(r"\W+", "", flag) for flag in flags)
        folder = BUILD / f"go{self.version}-{mode}{tag}"
        output = folder / program
        sources = [*(PROGRAMS / program).glob("*.go"), PROGRAMS / "collect.go.txt"]
        if is_newer(output, sources):
            return output
        folder.mkdir(parents=True, exist_ok=True)
        # Tests run in several processes: one builds, none sees half a program.
        with open(folder / f"{program}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not is_newer(output, sources):
                self._build_anew(program, mode, flags, output)
        return output

    def _build_anew(self, program, mode, flags, output):
        folder = output.parent
        beside = folder / f"{program}.{os.getpid()}"
        options = [*MODES[mode], self._overlay(program, folder), *flags]
        self.compile(program, beside, options, folder, cgo="-race" in flags)
        beside.rename(output)

    def apart(self, root):
        """The same in a place of its own: Go replaces no file of one in the module cache."""
        if not self.root:
            return self

        def link(source, target):
            try:
                os.link(source, target)
            except OSError:
                shutil.copy2(source, target)

        shutil.copytree(self.root, root, copy_function=link)
        other = copy.copy(self)
        other.root, other.go = root, str(root / "bin" / "go")
        return other

    def compile(self, program, output, flags, folder, cgo):
        """Runs go build. `folder` is for go.mod."""
        command = [self.go, "build", f"-modfile={self._modfile(folder)}"]
        if self.minor >= 18:
            command.append("-buildvcs=false")
        result = subprocess.run(
            [*command, *flags, "-o", str(output), f"./{program}"],
            cwd=PROGRAMS,
            env=dict(_environment(self.root, self.experiments), CGO_ENABLED="1" if cgo else "0"),
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode:
            raise BuildFailed(f"go{self.version} build {program}: {result.stderr}")
        return output


def go_build(toolchain, program, output, *flags):
    """Builds a program or library that has C in it, at `output`."""
    return toolchain.compile(program, output, flags, output.parent, cgo=True)


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

    def _build(self, version, mode, program, flags):
        return self.toolchains[version].result().build(program, mode, flags)

    def start(self, version, mode, program, flags=()):
        key = version, mode, program, tuple(flags)
        if key in self.builds:
            return
        if version not in self.toolchains:
            # Ahead of the builds in the queue, which wait for it.
            self.toolchains[version] = self.pool.submit(Toolchain, version)
        self.builds[key] = self.pool.submit(self._build, *key)

    def build(self, version, mode, program, flags=()):
        """The executable. Raises Unavailable when there is no such toolchain."""
        self.start(version, mode, program, flags)
        return self.builds[version, mode, program, tuple(flags)].result()

    def close(self):
        self.pool.shutdown(wait=False, cancel_futures=True)
