# SPDX-License-Identifier: BSD-2-Clause
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.dont_write_bytecode = True


def pytest_configure(config):
    if os.geteuid() != 0:
        raise SystemExit("the end-to-end tests attach to processes: run them as root")
