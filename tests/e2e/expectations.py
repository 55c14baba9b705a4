# SPDX-License-Identifier: BSD-2-Clause
"""
What a program's expect.json says, and how a profile is held against it.

expect.json is a list of entries:

  chain     the elements from the root on. An element is the text itself, "*" for any one element,
            "**" for any number of them (none too), {"re": ...} for a regular expression
  chains    instead of `chain`: several; what stands at any of them is added up
  objects   how many objects stand at the chain itself (not below it); a number, or [least, most]
            where null is no limit. Absent or null: any number
  bytes     the same of their size
  maps      of so many maps the header is in there; Go 1.24 and 1.25 without Swiss maps have larger
            ones
  versions  the Go versions that the entry is for, such as ">=1.24" or ">=1.23,<1.26", and what is
            in them: "swissmap", "!allocheaders"
  mode      "optimised" or "plain" (-N -l): only for this one
  open      what else stands below the entry's root may be anything

Below a root that entries name and that none calls open, nothing else may stand than they say.
"""

import difflib
import json
import operator
import re

_OPERATORS = {">=": operator.ge, "<=": operator.le, "<": operator.lt, ">": operator.gt, "==": operator.eq}

# Experiments, and the minor version from which on they are part of Go.
_ADOPTED = {"allocheaders": 22, "swissmap": 24}


def _minor(version):
    """"1.26.8" -> 26."""
    return int(version.split(".")[1])


def _has(version, feature):
    """Whether an experiment is on in "1.24.9", "1.24.9+noswissmap"."""
    experiments = version.partition("+")[2].split(",")
    if feature == "deferarguments":
        # Go 1.17 keeps arguments of deferred calls with them where it does not use registers.
        return _minor(version) == 17 and "noregabi" in experiments
    return f"no{feature}" not in experiments and (
        feature in experiments or _minor(version) >= _ADOPTED[feature]
    )


def applies(entry, version, mode):
    if entry.get("mode", mode) != mode:
        return False
    for condition in filter(None, entry.get("versions", "").split(",")):
        sign, text = re.fullmatch(r"(>=|<=|<|>|==|!|)(.*)", condition.strip()).groups()
        if sign in _OPERATORS:
            fits = _OPERATORS[sign](_minor(version), _minor(text))
        else:
            fits = _has(version, text) == (sign == "")
        if not fits:
            return False
    return True


def _element_matches(pattern, element):
    if isinstance(pattern, dict):
        return re.fullmatch(pattern["re"], element) is not None
    return pattern in ("*", element)


def matches(pattern, chain):
    if not pattern:
        return not chain
    if pattern[0] == "**":
        return any(matches(pattern[1:], chain[i:]) for i in range(len(chain) + 1))
    return bool(chain) and _element_matches(pattern[0], chain[0]) and matches(pattern[1:], chain[1:])


def _larger_headers(entry, version):
    """What has to be added to an entry's bytes."""
    larger = _minor(version) >= 24 and not _has(version, "swissmap")
    return entry.get("maps", 0) * 16 if larger else 0


def _fits(expected, found):
    if expected is None:
        return True
    if isinstance(expected, list):
        low, high = expected
        return (low is None or found >= low) and (high is None or found <= high)
    return found == expected


def show(chain):
    return " > ".join(element if isinstance(element, str) else f"/{element['re']}/" for element in chain)


def _patterns(entry):
    return entry["chains"] if "chains" in entry else [entry["chain"]]


def _nearest(pattern, chains):
    """The chains of a profile that look most like a pattern."""
    shown = {show(chain): chain for chain in chains}
    near = difflib.get_close_matches(show(pattern), shown, n=4, cutoff=0.5)
    root = pattern[0]
    if not near:
        near = [text for text, chain in shown.items() if _element_matches(root, chain[0])][:6]
    return [f"      {text}: {chains[shown[text]][0]} objects, {chains[shown[text]][1]} bytes" for text in near]


def check(entries, chains, version, mode):
    """A list of lines that say how a profile's chains differ from what is expected."""
    problems, covered, closed, opened = [], set(), [], []
    for entry in entries:
        if not applies(entry, version, mode):
            continue
        patterns = _patterns(entry)
        found = [chain for chain in chains if any(matches(pattern, chain) for pattern in patterns)]
        covered.update(found)
        (opened if entry.get("open") else closed).extend(pattern[0] for pattern in patterns)
        objects = sum(chains[chain][0] for chain in found)
        size = sum(chains[chain][1] for chain in found) - _larger_headers(entry, version)
        if _fits(entry.get("objects"), objects) and _fits(entry.get("bytes"), size):
            continue
        problems.append(
            f"  {' or '.join(show(pattern) for pattern in patterns)}:\n"
            f"    expected {entry.get('objects')} objects, {entry.get('bytes')} bytes; "
            f"found {objects}, {size}"
        )
        if not found:
            problems += ["    nearest:"] + _nearest(patterns[0], chains)
    roots = [root for root in closed if root not in opened]
    for chain, (objects, size) in sorted(chains.items()):
        if chain in covered or not any(_element_matches(root, chain[0]) for root in roots):
            continue
        problems.append(f"  not expected: {show(chain)}: {objects} objects, {size} bytes")
    return problems


def read(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)
