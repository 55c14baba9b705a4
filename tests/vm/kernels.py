#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs grf-bpf under other kernels than this machine's, in qemu: `make check-kernels`.

The kernels are Debian's, unpacked under build/kernels and not installed, or those that --kernel
names. Each starts with an initramfs of busybox, grf-bpf with the libraries that it is linked with,
and Go programs; init.sh is its first process. What it writes to the console is judged here. There
is no need for KVM: qemu computes, some twenty times more slowly, unless --kvm is given (/dev/kvm may
be there and not work, in a virtual machine that is itself nested).

Needs qemu-system-x86, busybox-static, cpio and, for the kernels, apt-get of a Debian that has them.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PROGRAMS = ROOT / "tests" / "programs"
# Of each of these, the newest that there is.
PACKAGES = [r"linux-image-6\.1\.0-[0-9]+-amd64"]
GO_PROGRAMS = ["structs", "maps", "busy"]
TESTS = ["test_precopy", "test_hold"]
# So many does busy keep, and the array of them.
KEPT = 500_001
TIMEOUT = 3600


def run(*command, **options):
    return subprocess.run(command, check=True, text=True, **options)


def fetch_kernel(pattern, folder):
    """The newest package whose name matches, unpacked; its vmlinuz."""
    listed = run("apt-cache", "search", "--names-only", f"^{pattern}$", capture_output=True)
    names = [line.split()[0] for line in listed.stdout.splitlines()]
    if not names:
        sys.exit(f"no package is called {pattern}: apt-get update?")
    name = max(names, key=lambda name: [int(part) for part in re.findall(r"\d+", name)])
    unpacked = folder / name
    if not unpacked.exists():
        folder.mkdir(parents=True, exist_ok=True)
        run("apt-get", "download", "-q", name, cwd=folder)
        package = max(folder.glob(f"{name}_*.deb"), key=os.path.getmtime)
        run("dpkg-deb", "-x", str(package), f"{unpacked}.new")
        pathlib.Path(f"{unpacked}.new").rename(unpacked)
        package.unlink()
    return next((unpacked / "boot").glob("vmlinuz-*"))


def libraries(program):
    """What ldd says that a program is linked with."""
    listed = run("ldd", str(program), capture_output=True)
    return set(re.findall(r"(/\S+) \(0x", listed.stdout))


def build_programs(folder):
    go = shutil.which("go") or "/usr/local/go/bin/go"
    folder.mkdir(parents=True)
    for program in GO_PROGRAMS:
        environment = dict(os.environ, CGO_ENABLED="0", GOFLAGS="-buildvcs=false")
        run(go, "build", "-o", str(folder / program), f"./{program}", cwd=PROGRAMS, env=environment)


def make_initramfs(tree, grf, runs, output):
    shutil.rmtree(tree, ignore_errors=True)
    build_programs(tree / "programs")
    for folder in ("bin", "tests"):
        (tree / folder).mkdir()
    shutil.copy(shutil.which("busybox") or "/bin/busybox", tree / "bin" / "busybox")
    shutil.copy(grf, tree / "bin" / "grf-bpf")
    programs = [grf]
    for test in TESTS:
        programs.append(grf.parent / "tests" / test)
        shutil.copy(programs[-1], tree / "tests" / test)
    for library in set().union(*(libraries(program) for program in programs)):
        place = tree / library.removeprefix("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, place)
    init = tree / "init"
    init.write_text((HERE / "init.sh").read_text().replace("@RUNS@", str(runs)))
    init.chmod(0o755)
    names = "\0".join(str(path.relative_to(tree)) for path in sorted(tree.rglob("*")))
    with open(output, "wb") as archive:
        subprocess.run(
            ["cpio", "--null", "--create", "--format=newc", "--quiet", "--owner=0:0"],
            input=names.encode(),
            stdout=archive,
            cwd=tree,
            check=True,
        )


def boot(kernel, initramfs, console, options):
    """Starts the guest and waits for its end. What it wrote; what it did not finish is missing."""
    command = [
        "qemu-system-x86_64",
        *("-accel", "kvm" if options.kvm else "tcg", "-cpu", "host" if options.kvm else "max"),
        *("-m", "2048", "-smp", "2", "-nographic", "-no-reboot", "-nic", "none"),
        *("-kernel", str(kernel), "-initrd", str(initramfs)),
        *("-append", "console=ttyS0 panic=-1 quiet"),
    ]
    with open(console, "wb") as output:
        try:
            subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=output, timeout=options.timeout, check=False
            )
        except subprocess.TimeoutExpired:
            print(f"ended after {options.timeout} s")
    return console.read_text(errors="replace").replace("\r", "")


class Case:
    def __init__(self, name, arguments, output, status, state):
        self.name, self.arguments, self.output = name, arguments, output
        self.status, self.state = status, state

    def value(self, option):
        found = re.search(rf"--{option} (\S+)", self.arguments)
        return found.group(1) if found else None

    def number(self, pattern):
        found = re.search(pattern, self.output)
        return int(found.group(1).replace(",", "")) if found else None

    def line(self, name):
        found = re.search(rf"^ *{name} +(.*)$", self.output, re.MULTILINE)
        return found.group(1) if found else ""

    def __str__(self):
        return f"{self.name} {self.arguments}".strip()


def parse(text):
    pattern = r"^@@case (\S+) ?(.*)\n((?:(?!@@case).*\n)*?)@@status (\d+) (\S*)$"
    return [
        Case(name, arguments, output, int(status), state)
        for name, arguments, output, status, state in re.findall(pattern, text, re.MULTILINE)
    ]


def judge_copy(case):
    """What is wrong with the way in which a case says that it copied."""
    way, copied = case.value("copy"), case.line("copied")
    expected = {"precopy": "pre-copy", "auto": "pre-copy", "stop": "stop and copy"}.get(way)
    if expected and expected not in copied:
        yield f"it was not copied by {expected}"
    if "--no-userfaultfd" in case.arguments and "soft-dirty" not in copied:
        yield "it was not copied by soft-dirty bits"
    if "--no-ebpf" not in case.arguments:
        # Under load a thread may come back to a CPU late; that is said.
        if "eBPF clock" not in case.line("held") and "by our own clock" not in case.output:
            yield "the pause was not measured by eBPF"
        if "eBPF" not in case.line("registers"):
            yield "registers were not read by eBPF"
    if case.value("freeze") == "gc" and "end of a garbage collection" not in case.line("held"):
        yield "it was not held at the end of a garbage collection"


def judge(case, reachable):
    """What is wrong with a case. `reachable` has what the first of a quiet program said."""
    if case.status:
        yield f"exit status {case.status}"
        return
    if case.state == "-":
        return
    if case.state not in ("S", "R"):
        yield f"the target's state is {case.state or 'gone'}"
    yield from judge_copy(case)
    if case.name == "busy":
        kept = case.number(r"\s([\d,]+)  main\.kept")
        if kept != KEPT:
            yield f"main.kept holds {kept} objects, not {KEPT}"
    elif reachable.setdefault(case.name, case.line("reachable")) != case.line("reachable"):
        yield f"reachable differs from {reachable[case.name]}"
    if not case.line("reachable"):
        yield "nothing is reachable"


def report(text):
    """Prints what every case came to. Whether all of it is as it should be."""
    reachable, right, cases = {}, True, parse(text)
    for case in cases:
        wrong = list(judge(case, reachable))
        right = right and not wrong
        print(f"  {'FAILED' if wrong else 'ok':7}{case}")
        for line in (case.line("held"), case.line("copied"), case.line("reachable")):
            if line:
                print(f"           {line}")
        for reason in wrong:
            print(f"         * {reason}")
        if wrong:
            print("\n".join(f"         | {line}" for line in case.output.splitlines()))
    troubles = re.search(r"^@@dmesg\n(.*?)^@@done$", text, re.MULTILINE | re.DOTALL)
    if not troubles:
        print("  FAILED the guest did not come to its end:")
        print("\n".join(f"         | {line}" for line in text.splitlines()[-15:]))
        return False
    if troubles.group(1).strip():
        print(f"  FAILED the kernel complained:\n{troubles.group(1)}")
        return False
    return right and bool(cases)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kernel", action="append", help="a vmlinuz, in place of Debian's")
    parser.add_argument("--kvm", action="store_true", help="let qemu use KVM")
    parser.add_argument("--timeout", type=int, default=TIMEOUT, help="for each kernel; s")
    parser.add_argument("--runs", type=int, default=6, help="of the comparison of copies")
    options = parser.parse_args()
    for tool in ("qemu-system-x86_64", "cpio", "busybox"):
        if not shutil.which(tool):
            sys.exit(f"{tool} is missing: apt-get install qemu-system-x86 busybox-static cpio")
    grf = pathlib.Path(os.environ.get("GRF_BPF", ROOT / "build" / "grf-bpf"))
    folder = grf.parent / "kernels"
    kernels = [pathlib.Path(kernel) for kernel in options.kernel or []]
    if not kernels:
        kernels = [fetch_kernel(pattern, folder) for pattern in PACKAGES]
    folder.mkdir(parents=True, exist_ok=True)
    make_initramfs(folder / "tree", grf, options.runs, folder / "initramfs")
    right = True
    for kernel in kernels:
        text = boot(kernel, folder / "initramfs", folder / "console", options)
        found = re.search(r"@@kernel (\S+)", text)
        print(f"{found.group(1) if found else kernel}:")
        right = report(text) and right
    sys.exit(0 if right else 1)


if __name__ == "__main__":
    main()
