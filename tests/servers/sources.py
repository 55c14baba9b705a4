# SPDX-License-Identifier: BSD-2-Clause
"""Where servers come from: Debian's packages, Go modules, and what is written here. Nothing is installed."""

import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position
from toolchains import installed_go, is_newer

FOLDER = pathlib.Path(os.environ.get("GRF_SERVERS", ROOT / "build" / "servers"))


class Unavailable(Exception):
    """A server cannot be had here."""


def run(command, folder, **environment):
    try:
        subprocess.run(command, cwd=folder, env=dict(os.environ, **environment), check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Unavailable(str(error)) from error


def debian(package, path):
    """Debian's binary, unpacked."""
    unpacked = FOLDER / f"debian-{package}"
    if not (unpacked / path).exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        run(["apt-get", "download", package], FOLDER)
        run(["dpkg-deb", "-x", next(FOLDER.glob(f"{package}_*.deb")), unpacked], FOLDER)
    return unpacked / path


def build(folder, package, output, needs):
    """In a module of its own that needs such modules ("path@version"), so that replacements that a
    module declares for itself do not matter. With debug information."""
    output.parent.mkdir(parents=True, exist_ok=True)
    go = installed_go()
    # A module may need a newer release than is installed.
    environment = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=mod"}
    if not (folder / "go.mod").exists():
        run([go, "mod", "init", f"servers/{output.name}"], folder, **environment)
    run([go, "get", *needs], folder, **environment)
    run(["nice", go, "build", "-o", output, package], folder, **environment)


def module(name, package, version, root=None):
    """A command of a module, whose path is that of the package if it is not named."""
    output = FOLDER / "bin" / name
    if not output.exists():
        folder = FOLDER / "modules" / name
        folder.mkdir(parents=True, exist_ok=True)
        build(folder, package, output, [f"{root or package}@{version}"])
    return output


def written(name, *needs):
    """A program of this folder, with the modules that it needs."""
    source = ROOT / "tests" / "servers" / name / "main.go"
    output = FOLDER / "bin" / name
    if not is_newer(output, [source]):
        folder = FOLDER / "modules" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "main.go").write_bytes(source.read_bytes())
        build(folder, ".", output, needs)
    return output
