# SPDX-License-Identifier: BSD-2-Clause
"""What `make check` leaves to `make check-matrix`, and the order in which tests run beside each other."""

import gating
import order
import pytest

RELEASES = ["1.17.13", "1.21.13", "1.22.12", "1.24.9", "1.26", "1.27.0"]
KINDS = [f"kind{number}" for number in range(7)]


@pytest.mark.parametrize("share", [3, 5])
def test_the_newest_has_all_and_others_a_share(share, monkeypatch):
    monkeypatch.setattr(gating, "LONG", False)
    found = gating.pairs(RELEASES, KINDS, share)
    assert len(found) == len(set(found)) < len(RELEASES) * len(KINDS) / 2 + share
    assert [kind for release, kind in found if release == RELEASES[-1]] == KINDS
    older = gating.pairs(RELEASES[:-1], KINDS, share, newest=False)
    assert {release for release, _ in older} == set(RELEASES[:-1])
    assert {kind for _, kind in older} == set(KINDS)


def test_at_length_there_is_all(monkeypatch):
    monkeypatch.setattr(gating, "LONG", True)
    assert len(gating.pairs(RELEASES, KINDS)) == len(RELEASES) * len(KINDS)
    assert gating.few(RELEASES) == RELEASES
    assert gating.times(1, 2) == 2
    assert len(gating.programs(KINDS)) == 2 * len(KINDS) * len(gating.versions())


@pytest.mark.parametrize("workers", [1, 2, 3, 4])
def test_no_worker_has_all_the_long_ones(workers):
    names = [f"test_short[{number}]" for number in range(400)] + [*order.SECONDS]
    dealt = order.deal(names, workers, name=str)
    assert sorted(dealt) == sorted(names)
    size = len(names) // workers // 4
    first = [dealt[worker * size:(worker + 1) * size] for worker in range(workers)]
    took = [sum(map(order.seconds, share)) for share in first]
    assert max(took) - min(took) <= max(order.SECONDS.values()), took
    # What is handed out at the end is short.
    assert max(map(order.seconds, dealt[workers * size:])) == 1
