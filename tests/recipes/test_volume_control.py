"""The bench of the volume controller: its page shows its files, its judge tells an oscillation, ours holds the day."""

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def recipe() -> ModuleType:
    """The recipe as a module; it lies beside the package, not inside it."""
    folder = str(ROOT / "recipes")
    if folder not in sys.path:
        sys.path.append(folder)
    import volume_control

    return volume_control


def test_the_pages_show_the_files_beside_them(recipe: ModuleType) -> None:
    from controller import page

    found = page.find(recipe.RESULTS)
    assert page.text(found) == (recipe.RESULTS / "README.md").read_text()
    told = (ROOT / "docs" / "explanation" / "volume-control.md").read_text()
    for _, table in page.tables(found):
        assert table in told, f"run recipes/volume_control.py; docs/explanation/volume-control.md lacks\n{table}"


def test_ours_ran_with_the_packages_defaults_and_every_scored_day_was_within_the_bound(recipe: ModuleType) -> None:
    from controller import page, tune
    from controller.contestants import CONTESTANTS, OURS
    from tactful.decision.policy import pid

    found = page.find(recipe.RESULTS)
    assert tune.best(found.tried, CONTESTANTS[0]) == (pid.LR,)
    seven = {what.name for what in recipe.SEVEN}
    ours = [v for v in found.verdicts if v.rule == OURS and v.disturbance in seven]
    assert len(ours) == len(seven) * len(recipe.SEEDS)
    for verdict in ours:
        assert not verdict.oscillates, verdict
        assert verdict.rank_inside == 1.0, verdict
    held = [v.within for v in ours if "unannounced" not in v.disturbance and "200 users" not in v.disturbance]
    assert np.mean(held) > 0.995
    assert min(held) > 0.9


def test_our_controller_holds_a_daily_cycle_on_the_plant(recipe: ModuleType) -> None:
    from controller.follow import days_of, follow
    from controller.judge import judge
    from controller.plant import Plant
    from controller.rules import Tactful

    plant = Plant(201, recipe.SEVEN[1])
    verdict = judge("ours", recipe.SEVEN[1], 201, follow(Tactful(plant), plant, days_of(plant, 7)))
    assert verdict.within == 1.0
    assert 0.05 < verdict.rank_low < verdict.rank_high < 0.95


def test_weekends_are_foreseen_from_the_third_week_on(recipe: ModuleType) -> None:
    from controller.contestants import BEFORE, OURS
    from controller.disturbance import WEEKLY
    from controller.page import find

    verdicts = [v for v in find(recipe.RESULTS).verdicts if v.disturbance == WEEKLY[1].name]
    error = {rule: np.mean([v.error for v in verdicts if v.rule == rule]) for rule in (OURS, BEFORE)}
    assert error[OURS] < 0.5 * error[BEFORE]
    assert all(v.rank_inside == 1.0 and v.turns_a_day < 3 for v in verdicts if v.rule == OURS)


def test_all_rules_meet_the_same_days_and_a_day_can_be_made_again(recipe: ModuleType) -> None:
    from controller.plant import Plant

    one, again, other = (Plant(seed, recipe.SEVEN[1]).day(3) for seed in (7, 7, 8))
    assert (one.utility == again.utility).all()
    assert one.planned.tobytes() == again.planned.tobytes()
    assert len(one.utility) != len(other.utility) or (one.utility != other.utility).any()


def test_too_many_sends_raise_every_rules_price(recipe: ModuleType) -> None:
    from controller.contestants import CONTESTANTS
    from controller.follow import Look
    from controller.plant import Plant
    from tactful.decision.policy.threshold import UtilityHistogram

    plant = Plant(1, recipe.SEVEN[1])
    histogram, one = UtilityHistogram(1), np.ones(plant.n_cells)
    for segment in plant.segments:
        zero = np.zeros(1000, dtype=np.int64)
        histogram.add(0, zero, zero + segment.index, zero, np.linspace(0.0, 0.1, 1000))
    for rule in CONTESTANTS:
        gains = rule.chosen if rule.chosen is not None else rule.grid[0]
        if not gains:
            continue  # a fixed price, and one that knows no error
        prices = []
        for sends in (8.0, 12.0):
            look = Look(0, 5, sends * one, 10 * one, sends * one, 10 * one, 100 * one, histogram, [])
            prices.append(rule.make(plant, 0.05 * one, gains).prices(look))
        assert (prices[1] > prices[0]).all(), rule.name


def test_the_textbook_pid_lives_in_simulated_time(recipe: ModuleType) -> None:
    from controller.follow import Look
    from controller.rules import TextbookPid
    from tactful.decision.policy.threshold import UtilityHistogram

    one, pid = np.ones(1), TextbookPid(0.05 * np.ones(1), 0.0, 0.001, 0.0)
    prices = [
        pid.prices(Look(0, h, 12 * one, 10 * one, 12 * one, 10 * one, 240 * one, UtilityHistogram(1), []))[0]
        for h in range(3)
    ]
    assert np.diff([0.05, *prices]) == pytest.approx(0.0002)  # ki · 2 sends too many of 10 a mean hour, each hour


def test_a_swing_is_told_from_noise_and_from_a_daily_cycle(recipe: ModuleType) -> None:
    from controller.judge import TURNS_A_DAY, longest_alternation, turns

    assert longest_alternation(np.array([1.0, -1.0, 0.0, 1.0, -1.0])) == 4
    assert longest_alternation(np.array([1.0, 1.0, 1.0, 0.0, -1.0])) == 2
    assert longest_alternation(np.zeros(9)) == 0
    hours = np.arange(10 * 24)
    daily, nervous = (0.6 + 0.2 * np.sin(2 * np.pi * hours / period) for period in (24, 8))
    assert turns(daily) / 10 <= 2 < TURNS_A_DAY < turns(nervous) / 10
    assert turns(0.6 + 0.04 * np.sin(hours)) == 0


def test_a_day_within_two_percent_and_two_standard_errors_is_within_the_bound(recipe: ModuleType) -> None:
    from controller.judge import side

    bound = 0.02 * 900 + 2 * np.sqrt(900 * (1 - 900 / 1200))
    sends = np.array([[900 + bound - 1], [900 + bound + 1], [900 - bound - 1]])
    assert side(sends, np.full((3, 1), 900.0), np.full((3, 1), 1200.0)).ravel().tolist() == [0.0, 1.0, -1.0]


def test_the_recipe_runs_on_a_slice(recipe: ModuleType, tmp_path: Path) -> None:
    recipe.slice_of(tmp_path)
    assert (tmp_path / "2-daily-cycle.json").stat().st_size > 1000
