# SPDX-License-Identifier: BSD-2-Clause
"""That there is Go to build programs with: what cannot be fetched is skipped, and nothing but skips would
pass."""

from toolchains import ANY_VERSION, Toolchain, Unavailable


def test_what_most_tests_build_with_is_there():
    try:
        Toolchain(ANY_VERSION)
    except Unavailable as reason:
        raise AssertionError(
            f"{reason}; all tests that need it are skipped. Install Go {ANY_VERSION}, or let the "
            "module proxy be reached (GOPROXY, ca-certificates)"
        ) from reason
