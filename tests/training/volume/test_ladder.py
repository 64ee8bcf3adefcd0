"""The less is known, the less a head tells people apart; and the curves of the lowest rung are sound."""

from dataclasses import replace

import numpy as np
import pytest

from tactful.features.segments import SEGMENTS
from tactful.training.volume import shrunk
from tactful.training.volume.labels import Counts, label
from tactful.training.volume.ladder import rungs
from volume_logs import assignments, drawn


def _left(by_reach: tuple[int, int, int], stayed: int = 9000) -> tuple[Counts, np.ndarray]:
    """So many who left in each reach segment, and as many who stayed in each."""
    left = np.concatenate([np.repeat([1, 0], [n, stayed]) for n in by_reach])
    reach = np.repeat(np.arange(3), [n + stayed for n in by_reach])
    return Counts(np.full(len(left), 8), left), reach


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        ((2000, 2000, 2500), ("own", "own", "own")),
        ((2000, 1999, 0), ("own", "pooled", "pooled")),
        ((100, 60, 40), ("pooled", "pooled", "pooled")),
        ((100, 60, 39), ("shrunk", "shrunk", "shrunk")),
        ((0, 0, 0), ("shrunk", "shrunk", "shrunk")),
    ],
)
def test_the_rung_follows_from_how_many_left(left: tuple[int, int, int], expected: tuple[str, str, str]) -> None:
    assert rungs(*_left(left)) == expected


def test_the_rarer_outcome_decides_whichever_it_is() -> None:
    always = Counts(np.full(9000, 56), np.full(9000, 56))
    assert rungs(always, np.zeros(9000, dtype=np.int64)) == ("shrunk", "shrunk", "shrunk")


def test_without_data_the_tables_are_what_is_stated() -> None:
    log = assignments(k=[10])
    none = Counts(np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64))
    daily = shrunk.daily_table(log, none, 10)
    assert daily[:, 0] == pytest.approx(np.repeat(shrunk.DAILY_ACTIVITY, 3))
    assert shrunk.after_table(log, none, daily)[:, 0] == pytest.approx(0.9 * daily[:, 0])
    assert shrunk.leaving_table(log, none, 10)[:, 10] == pytest.approx(0.0155)


def test_with_data_the_tables_are_what_was_seen() -> None:
    log, truth = drawn(30_000, seed=1, gain=0.05, hazard=0.01)
    labels = label(log)
    daily, leaving = shrunk.daily_table(log, labels.days, 10), shrunk.leaving_table(log, labels.left, 10)
    segment = log.activity * 3 + log.reach
    assert daily[segment, log.k].mean() == pytest.approx(truth.active.mean(), rel=0.05)
    many = daily[segment].mean(axis=0)
    assert many[10] - many[0] == pytest.approx(
        truth.active[log.k == 10].mean() - truth.active[log.k == 0].mean(), rel=0.25
    )
    assert leaving[segment, log.k].mean() == pytest.approx(truth.leaves.mean(), rel=0.1)
    after = shrunk.after_table(log, labels.after, daily)[segment, 0]
    assert after.mean() == pytest.approx(truth.after.mean(), rel=0.15)


def test_leaving_never_falls_with_the_budget_even_where_the_data_do() -> None:
    log, _ = drawn(3000, seed=2)
    upside_down = replace(log, k=(10 - log.k).astype(np.int64))
    table = shrunk.leaving_table(upside_down, label(upside_down).left, 10)
    assert table.shape == (len(SEGMENTS), 11)
    assert (np.diff(table, axis=1) >= 0.0).all()
    assert (table > 0.0).all()


def test_a_segment_without_people_follows_the_others() -> None:
    log, _ = drawn(3000, seed=3, hazard=0.02)
    table = shrunk.leaving_table(log, label(log).left, 10)
    empty = SEGMENTS.index("new/both")
    assert table[empty] == pytest.approx(table[:9].mean(axis=0), rel=0.3)
