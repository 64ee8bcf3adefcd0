"""A/A experiments: 2,000 of each kind are rejected as often as the level says, and watching does not change that."""

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
RUNS = 2000
SLACK = 3.0 * np.sqrt(0.05 * 0.95 / RUNS)
"""Three standard errors of a share of 5 %."""


@pytest.fixture(scope="module")
def recipe() -> ModuleType:
    """The recipe as a module; it lies beside the package, not inside it."""
    folder = str(ROOT / "recipes")
    if folder not in sys.path:
        sys.path.append(folder)
    import peeking

    return peeking


def test_of_2000_experiments_without_a_difference_one_look_rejects_5_percent(recipe: ModuleType) -> None:
    for name, share in recipe.one_look(np.random.default_rng(1), RUNS, n=100).items():
        assert share == pytest.approx(0.05, abs=SLACK), name


def test_watched_at_100_looks_always_valid_intervals_reject_5_percent_at_most(recipe: ModuleType) -> None:
    found = recipe.watched(recipe.arriving(np.random.default_rng(2), RUNS))
    assert found.last == pytest.approx(0.05, abs=SLACK)
    assert found.any > 0.3  # what peeking at intervals of one look does
    assert found.always <= 0.05


@pytest.mark.parametrize("strength", [1e6, 0.4], ids=["users alike", "users differ"])
def test_the_same_users_watched_daily_are_rejected_5_percent_at_most(recipe: ModuleType, strength: float) -> None:
    found = recipe.watched(recipe.daily(np.random.default_rng(3), RUNS, strength))
    assert found.always <= 0.05


def test_a_gain_that_one_look_finds_is_found_by_half_of_those_who_watch(recipe: ModuleType) -> None:
    found = recipe.watched(recipe.arriving(np.random.default_rng(4), 400, recipe.gain_with_power(0.8)))
    assert found.last == pytest.approx(0.8, abs=0.07)
    assert 0.4 < found.always < found.last
    assert found.found_at < 1.0


def test_the_page_shows_the_tables_on_file(recipe: ModuleType) -> None:
    kept = recipe.RESULTS.read_text(encoding="utf-8")
    page = (ROOT / "docs" / "explanation" / "experiments.md").read_text(encoding="utf-8")
    tables = [part for part in kept.split("\n\n") if part.startswith("|")]
    assert len(tables) == 3
    for table in tables:
        assert table.strip() in page
