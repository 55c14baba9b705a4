# SPDX-License-Identifier: BSD-2-Clause
"""The script that runs these tests: a second run for what failed, but for tests that look for harm."""

import os
import pathlib
import subprocess
import sys

import pytest

SCRIPT = pathlib.Path(__file__).parents[1] / "scripts" / "end_to_end.py"
TESTS = """
import pathlib
import pytest

@pytest.mark.once
def test_harm():
    assert {harm}

def test_busy():
    seen = pathlib.Path({folder!r}) / "seen"
    assert seen.exists() or seen.write_text("")  # Fails the first time.

def test_wrong():
    assert {wrong}
"""


@pytest.mark.parametrize(
    "harm, wrong, status, says",
    [
        (True, True, 0, "passed by themselves:\n  test_some.py::test_busy"),
        (False, True, 1, "one failure is a fault"),
        (True, False, 1, "1 failed, 1 passed"),
    ],
)
def test_second_run(harm, wrong, status, says, tmp_path):
    (tmp_path / "conftest.py").write_text(
        "def pytest_configure(config):\n    config.addinivalue_line('markers', 'once: harm')\n"
    )
    (tmp_path / "test_some.py").write_text(TESTS.format(harm=harm, wrong=wrong, folder=str(tmp_path)))
    environment = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
    done = subprocess.run(
        [sys.executable, SCRIPT, ".", "remembered", "--rootdir", "."],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
    assert says in done.stdout
