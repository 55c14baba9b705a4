# SPDX-License-Identifier: BSD-2-Clause
"""The layers of the sources, and that the check for them can fail."""

import subprocess

import pytest
from toolchains import ROOT

LAYERS = ROOT / "tests" / "scripts" / "layers.py"


def check(folder):
    return subprocess.run([LAYERS, folder], capture_output=True, text=True, check=False)


def test_the_sources_hold():
    done = check(ROOT / "user")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    "stage, include, wrong",
    [
        ("model", "capture/capture.h", "model/ may not include capture/"),
        ("model/heap", "views/tree.h", "model/ may not include views/"),
        ("image", "model/model.h", "image/ may not include model/"),
        ("base", "image/image.h", "base/ may not include image/"),
        ("views", "outputs/file.h", "views/ may not include outputs/"),
        ("more", "base/error.h", "more/ is no stage"),
        ("cli", "model/model.h", None),
        ("views", "views/tree.h", None),
    ],
)
def test_what_goes_up(tmp_path, stage, include, wrong):
    folder = tmp_path / stage
    folder.mkdir(parents=True)
    (folder / "file.c").write_text(f'#include <stdio.h>\n#include "{include}"\n')
    done = check(tmp_path)
    assert done.returncode == (1 if wrong else 0)
    assert wrong in done.stdout if wrong else not done.stdout
