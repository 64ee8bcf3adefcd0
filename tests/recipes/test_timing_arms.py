"""The recipe on simulated hours: its page shows its cells, arms differ in hours alone, and it runs on a slice."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import jaxtyping
import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def recipe() -> ModuleType:
    """The recipe as a module; it lies beside the package, not inside it."""
    folder = str(ROOT / "recipes")
    if folder not in sys.path:
        sys.path.append(folder)
    import timing_arms

    return timing_arms


@pytest.fixture
def checks_restored() -> Iterator[None]:
    """The recipe switches shape checks off; afterwards they are on again."""
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


def test_tables_of_the_page_are_those_of_the_committed_cells(recipe: ModuleType) -> None:
    from timing_simulated import cell, page

    told = (ROOT / "docs" / "explanation" / "timing-simulated.md").read_text(encoding="utf-8")
    cells = cell.read(recipe.RESULTS)
    assert {c.seed for c in cells} == set(recipe.SEEDS)
    for table in page.tables(cells, cell.ceilings(recipe.RESULTS)):
        assert table in told, f"run recipes/timing_arms.py; the page lacks\n{table}"


def test_every_arm_of_a_quota_sent_as_much_within_a_hundredth(recipe: ModuleType) -> None:
    from timing_simulated import cell

    cells = cell.read(recipe.RESULTS)
    for q in {c.q for c in cells} - {0}:
        sent = [np.mean([c.sends for c in cells if (c.rule, c.source, c.q) == arm]) for arm in recipe.arms((q,))]
        assert max(sent) / min(sent) < 1.01, q


def test_a_slice_is_lived_through_once(
    recipe: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], checks_restored: None
) -> None:
    from timing_simulated import cell

    words = ["--slice", "--seeds", "1", "--results", str(tmp_path / "cells"), "--scratch", str(tmp_path / "scratch")]
    recipe.main(words)
    file = tmp_path / "cells" / "slice" / "seed-1.ndjson"
    written = file.read_bytes()
    cells = cell.read(file.parent)
    assert {(c.rule, c.source) for c in cells} >= {("silence", ""), ("best", "model"), ("best_hour", "true")}
    planned = {(c.rule, c.source): c.promise for c in cells}
    assert planned["best", "true"] >= planned["best_hour", "true"] > planned["even", ""]
    recipe.main(words)
    assert file.read_bytes() == written
    assert "tables need two seeds" in capsys.readouterr().out


@pytest.mark.parametrize("q", [1, 2, 3, 5])
def test_rules_keep_quota_and_open_slots(recipe: ModuleType, q: int) -> None:
    from timing_simulated.rules import RULES

    rng = np.random.default_rng(1)
    p, n = rng.random((50, 24)), 50
    allowed = np.zeros((n, 24), dtype=np.bool_)
    allowed[:, 8:21] = True
    for name, rule in RULES.items():
        made = rule(p, allowed, np.full(n, q), rng.random(n))
        assert (made.sum(axis=1) == q).all(), name
        assert made.max() == 1
        assert not made[~allowed].any(), name


def test_a_repeated_hour_keeps_next_to_the_best_and_nine_begins_at_nine(recipe: ModuleType) -> None:
    from timing_simulated.rules import RULES

    p, allowed = np.zeros((1, 24)), np.ones((1, 24), dtype=np.bool_)
    p[0, [7, 20]] = 0.9, 1.0
    three, u = np.array([3]), np.array([0.3])
    assert np.flatnonzero(RULES["best_hour"](p, allowed, three, u)[0]).tolist() == [19, 20, 21]
    assert np.flatnonzero(RULES["nine"](p, allowed, three, u)[0]).tolist() == [9, 10, 11]
    assert set(np.flatnonzero(RULES["best"](p, allowed, three, u)[0])) >= {7, 20}
