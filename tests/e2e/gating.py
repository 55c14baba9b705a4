# SPDX-License-Identifier: BSD-2-Clause
"""
What of all that can be tested `make check` tests: of a matrix, the newest release with everything and
each other release with a share; of repetitions, fewer.

  GRF_TEST_LONG    set: all of it (`make check-matrix`). Where GRF_GO_VERSIONS names the releases, too.
"""

import os

from toolchains import MODES, versions

LONG = bool(os.environ.get("GRF_TEST_LONG")) or "GRF_GO_VERSIONS" in os.environ

# The oldest, the first with pointer masks in the objects, and the newest.
EDGES = ("1.17.13", "1.22.12", "1.27.0")


def times(gate, long):
    """How often something is repeated."""
    return long if LONG else gate


def few(releases):
    """Those at the edges, for what hardly differs from one release to the next."""
    return [release for release in releases if LONG or release in EDGES]


def pairs(releases, others, share=3, newest=True):
    """(release, other): one of `share` of the others with each release, so that each of them comes with
    one release or more; and all of them with the newest, unless told otherwise."""
    return [
        (release, other)
        for at, release in enumerate(releases)
        for place, other in enumerate(others)
        if LONG or (at + place) % share == 0 or (newest and release == releases[-1])
    ]


def programs(kinds):
    """(release, mode, kind): optimised as a rule; without optimisations, each kind with one release."""
    optimised, plain = MODES
    found = [(release, optimised, kind) for release, kind in pairs(versions(), kinds)]
    few_of_each = pairs(few(versions()), kinds, newest=False)
    return found + [(release, plain, kind) for release, kind in few_of_each]
