"""What cells say of arms: everything is paired, and nothing is claimed that the cells on file do not hold."""

from collections.abc import Callable

import numpy as np
import pytest

from tactful.simulator.bench import compare, page
from tactful.simulator.bench.cell import BoundCell, Cell

Made = Callable[..., Cell]
PEOPLE = np.arange(2, 10) / 2.0  # halves are exact as 16-bit floats


def test_a_gain_is_of_the_same_people_over_the_seeds_that_both_have(made_cell: Made) -> None:
    ours = [made_cell("tactful", PEOPLE + 0.5, seed) for seed in (1, 2)]
    base = [made_cell("hand_caps", PEOPLE, 1), made_cell("hand_caps", PEOPLE + 9.0, 3)]
    found = compare.gain(ours, base)
    assert found is not None
    assert found == pytest.approx((0.5, 0.5, 0.5))
    assert compare.gain(ours, base[1:]) is None


def test_the_base_is_the_better_of_the_simple_ways(made_cell: Made) -> None:
    caps, personal = made_cell("hand_caps", PEOPLE), made_cell("uniform_personal", PEOPLE + 0.1)
    assert compare.base_of(compare.of_world([caps, personal], "default")) == "uniform_personal"
    assert compare.base_of(compare.of_world([caps], "default")) == "hand_caps"
    assert compare.base_of(compare.of_world([made_cell("nep", PEOPLE)], "default")) is None


def test_a_share_of_what_can_be_gained_needs_two_seeds_and_their_bounds(made_cell: Made) -> None:
    rise = {1: 0.0, 2: 0.25}
    arms = {
        name: [made_cell(name, PEOPLE + by + rise[seed], seed) for seed in rise]
        for name, by in (("silence", 0.0), ("hand_caps", 1.0), ("tactful", 1.5))
    }
    bounds = [BoundCell("default", seed, 2.5, 8, 3.0 + rise[seed], rise[seed], 0.01, 0.0) for seed in rise]
    found = compare.share(arms["tactful"], arms["hand_caps"], arms["silence"], bounds)
    assert found is not None
    assert found.value == pytest.approx(0.25, abs=0.01)  # 0.5 of the 2.0 above the base
    assert compare.share(arms["tactful"], arms["hand_caps"], arms["silence"], bounds[:1]) is None


def test_at_equal_unsubscribes_an_arm_stands_between_two_of_its_volumes(made_cell: Made) -> None:
    cells = [made_cell("hand_caps", PEOPLE, unsubscribes=30.0)]
    cells += [made_cell("tactful", PEOPLE + by, times=by, unsubscribes=20.0 * by) for by in (1.0, 2.0)]
    (found,) = [one for one in compare.at_equal_loss(cells, "default", "hand_caps") if one.arm == "tactful"]
    assert found.gain.value == pytest.approx(1.5)
    assert found.volume == pytest.approx(1.5 * 2.5)
    beyond = [made_cell("hand_caps", PEOPLE, unsubscribes=90.0), *cells[1:]]
    assert compare.at_equal_loss(beyond, "default", "hand_caps") == []


def test_wins_count_worlds_and_not_people(made_cell: Made) -> None:
    worlds = [f"prior-{i}" for i in range(1, 5)]
    cells = [made_cell("nep", PEOPLE, world=world) for world in worlds]
    cells += [made_cell("tactful", PEOPLE + by, world=w) for w, by in zip(worlds, (1.0, 1.0, 1.0, -1.0), strict=True)]
    found = compare.wins(cells, worlds, "tactful", "nep")
    assert found is not None
    assert (found.won, found.of) == (3, 4)
    assert found.gain.value == pytest.approx(0.5)
    assert found.rate.low < 0.75 < found.rate.high
    assert compare.wins(cells, worlds[:1], "tactful", "nep") is None


def test_oracles_and_silence_lead_nobody(made_cell: Made) -> None:
    arms = {name: [made_cell(name, PEOPLE)] for name in ("silence", "true_curves", "nep", "tactful")}
    assert set(compare.leading(arms, 6)) == {"nep", "tactful"}


def test_the_page_marks_an_arm_that_is_off_its_volume(made_cell: Made) -> None:
    cells = [made_cell(name, PEOPLE + i) for i, name in enumerate(("hand_caps", "nep"))]
    assert "(off)" not in page.equal_volume(cells, [], "default")
    off = [cells[0], made_cell("tactful", PEOPLE, times=1.0)]
    lines = page.equal_volume([off[0], _sent(off[1], 2.6)], [], "default").splitlines()
    assert [line for line in lines if "2.600 (off)" in line]


def test_tables_stand_between_the_markers_of_a_page(made_cell: Made) -> None:
    made = page.tables([made_cell("hand_caps", PEOPLE), made_cell("tactful", PEOPLE + 1.0)], [])
    told = page.filled(f"before\n{page.BEGIN}\nold\n{page.END}\nafter", made)
    assert told.startswith("before")
    assert told.endswith("after")
    assert "old" not in told
    assert "+1.000 (+1.000 to +1.000)" in told


def _sent(cell: Cell, per_week: float) -> Cell:
    import msgspec

    return msgspec.structs.replace(cell, sends_per_user_week=per_week)
