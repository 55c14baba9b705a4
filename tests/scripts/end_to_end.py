#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Runs the end-to-end tests; what failed runs once more, by itself.

  end_to_end.py TESTS REMEMBERED [PYTEST ARGUMENTS]

TESTS is the folder of the tests, REMEMBERED one for what pytest remembers. A machine can be too busy for a test. So a test that fails, and passes
when nothing runs beside it, does not fail the run: the last lines name it. Tests that are marked `once`
look for harm to a target or for objects that were missed, where one failure in many runs is a fault: they
never get a second run.
"""

import json
import pathlib
import subprocess
import sys

FAILED, NOTHING_RUN = 1, 5


def pytest(folder, *arguments):
    """Runs pytest; returns its exit status."""
    command = [sys.executable, "-m", "pytest", "-q", "-o", f"cache_dir={folder.absolute()}"]
    return subprocess.run([*command, *arguments], check=False).returncode


def failed_tests(folder):
    """The tests that the last run left failed."""
    path = folder / "v" / "cache" / "lastfailed"
    return sorted(json.loads(path.read_text())) if path.exists() else []


def main():
    """Exit status: that of pytest, 0 where what failed passes the second time."""
    tests, folder, arguments = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3:]
    status = pytest(folder, tests, *arguments)
    failed = failed_tests(folder)
    if status != FAILED or not failed:
        return status
    # By itself: no second worker, and none of the choices of the first run.
    only_failed = ["--last-failed", "--last-failed-no-failures", "none", tests]
    print("\nFailed; a test that may runs a second time, by itself:", *failed, sep="\n  ")
    sys.stdout.flush()
    if pytest(folder, *only_failed, "-m", "once", "--collect-only") != NOTHING_RUN:
        print("Among these are tests that look for harm: one failure is a fault.")
        return FAILED
    status = pytest(folder, *only_failed)
    if not status:
        print("\nThese failed beside others and passed by themselves:", *failed, sep="\n  ")
    return status


if __name__ == "__main__":
    sys.exit(main())
