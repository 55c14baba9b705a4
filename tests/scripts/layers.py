#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Holds the layers of user/: a stage includes the headers of those that stand below it, and no others.

  layers.py [FOLDER]

FOLDER is what the includes are relative to (user). Prints a line for each include that is not allowed;
the exit status is 1 then.
"""

import pathlib
import re
import sys

# What each stage may include, beside itself. Nothing right of the image knows how it came to be.
BELOW = {
    "base": (),
    "arch": ("base",),
    "image": ("base", "arch"),
    "hold": ("base", "arch", "image"),
    "capture": ("base", "arch", "image", "hold"),
    "model": ("base", "arch", "image"),
    "graph": ("base", "image", "model"),
    "views": ("base", "image", "model", "graph"),
    "outputs": ("base", "image", "model", "graph", "views"),
    "program": ("base", "arch", "image", "hold", "capture", "model"),
    "cli": ("base", "arch", "image", "hold", "capture", "model", "graph", "views", "outputs", "program"),
}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"/]+)/[^"]+"', re.M)


def wrong_includes(folder):
    """A line for each include that goes up, or to a folder that is no stage."""
    found = []
    for path in sorted(pathlib.Path(folder).rglob("*.[ch]")):
        stage = path.relative_to(folder).parts[0]
        if stage not in BELOW:
            found.append(f"{path}: {stage}/ is no stage; tests/scripts/layers.py lists them")
            continue
        text = path.read_text()
        for match in INCLUDE.finditer(text):
            other = match.group(1)
            if other in BELOW and other != stage and other not in BELOW[stage]:
                line = text.count("\n", 0, match.start()) + 1
                found.append(f"{path}:{line}: {stage}/ may not include {other}/")
    return found


def main():
    """Checks one folder."""
    found = wrong_includes(sys.argv[1] if len(sys.argv) > 1 else "user")
    print("\n".join(found), end="\n" if found else "")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
