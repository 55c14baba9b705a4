# SPDX-License-Identifier: BSD-2-Clause
"""Go toolchains, and the programs of tests/programs built with them and run."""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ROOT / "tests" / "kinds"
GRF_BPF = os.environ.get("GRF_BPF", str(ROOT / "build" / "grf-bpf"))
CACHE = Path(os.environ.get("GRF_TEST_CACHE", ROOT / "build" / "e2e"))
VERSIONS = os.environ.get(
    "GRF_GO_VERSIONS", "1.22.12 1.23.12 1.24.9 1.25.5 1.26.0 1.27.0"
).split()
MODES = {"optimised": [], "noopt": ["-gcflags=all=-N -l"]}


def system_go():
    return shutil.which("go") or "/usr/local/go/bin/go"


def clean_environment(**more):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GO")}
    environment.update(GOENV="off", GOFLAGS="", GOTOOLCHAIN="local", **more)
    for name in ("GOPROXY", "GOSUMDB", "GONOSUMDB", "GOPATH", "GOCACHE", "GOMODCACHE"):
        if name in os.environ:
            environment[name] = os.environ[name]
    environment.setdefault("HOME", "/root")
    return environment


def installed_version():
    text = subprocess.run(
        [system_go(), "env", "GOVERSION"], env=clean_environment(), capture_output=True, text=True
    ).stdout
    match = re.match(r"go(1\.\d+)", text)
    return match.group(1) if match else ""


class NoToolchain(Exception):
    pass


def toolchain(version):
    """The GOROOT of a Go version: the installed one where the minor is the same, else a module."""
    minor = ".".join(version.split(".")[:2])
    if installed_version() == minor:
        return subprocess.run(
            [system_go(), "env", "GOROOT"],
            env=clean_environment(),
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    name = f"golang.org/toolchain@v0.0.1-go{version}.linux-amd64"
    environment = dict(os.environ, GOFLAGS="-mod=mod", GOTOOLCHAIN="local")
    done = subprocess.run(
        [system_go(), "mod", "download", "-json", name],
        env=environment,
        cwd=tempfile.gettempdir(),
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise NoToolchain(f"Go {version} cannot be had: {done.stderr or done.stdout}")
    directory = json.loads(done.stdout)["Dir"]
    # A module's files are neither writable nor executable.
    for folder in ("bin", "pkg/tool/linux_amd64"):
        for file in (Path(directory) / folder).iterdir():
            if not os.access(file, os.X_OK):
                file.chmod(0o755)
    return directory


_lock = threading.Lock()


def build(program, version, mode="optimised", flags=()):
    """Builds tests/programs/PROGRAM; gives the path of the executable. Cached in build/e2e."""
    tag = "-".join(re.sub(r"\W+", "", f) for f in flags)
    target = CACHE / version / (mode + tag) / program
    sources = [*(PROGRAMS / program).glob("*.go"), PROGRAMS / "ready" / "ready.go"]
    if target.exists() and target.stat().st_mtime > max(s.stat().st_mtime for s in sources):
        return target
    goroot = toolchain(version)
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f"{program}.{os.getpid()}")
    subprocess.run(
        [f"{goroot}/bin/go", "build", *MODES[mode], *flags, "-o", beside, f"./{program}"],
        cwd=PROGRAMS,
        env=clean_environment(GOROOT=goroot),
        check=True,
        capture_output=True,
        text=True,
    )
    beside.rename(target)
    return target


class Target:
    """A program that runs and has said READY."""

    def __init__(self, executable, arguments=(), timeout=120):
        self.executable = str(executable)
        self.process = subprocess.Popen(
            [self.executable, *arguments], stdout=subprocess.PIPE, text=True
        )
        self.lines = []
        watchdog = threading.Timer(timeout, self.process.kill)
        watchdog.start()
        for line in self.process.stdout:
            if line.strip() == "READY":
                break
            self.lines.append(line.strip())
        else:
            raise RuntimeError(f"{self.executable} ended before it was ready: {self.lines}")
        watchdog.cancel()
        self.pid = self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def state(self):
        text = Path(f"/proc/{self.pid}/status").read_text()
        return re.search(r"State:\s+(\S)", text).group(1)

    def core(self, path):
        """Takes a core with gcore."""
        done = subprocess.run(
            ["gcore", "-o", str(path), str(self.pid)], capture_output=True, text=True
        )
        made = Path(f"{path}.{self.pid}")
        assert made.exists(), done.stdout + done.stderr
        return made


def grf(*arguments, timeout=120, check=True, **options):
    done = subprocess.run(
        [GRF_BPF, *map(str, arguments)], capture_output=True, text=True, timeout=timeout, **options
    )
    if check:
        assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done


def wait_until(condition, seconds=10):
    end = time.time() + seconds
    while time.time() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


def stop(pid, number=signal.SIGKILL):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass
