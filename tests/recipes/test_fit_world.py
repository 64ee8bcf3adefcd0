"""The recipe of the fit: the page shows its cells, and it runs on a slice."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import jaxtyping
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def recipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The recipe as a module; it lies beside the package. Shape checks would cost thrice the run."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(ROOT / "recipes")])
    import fit_world

    jaxtyping.config.update("jaxtyping_disable", True)
    yield fit_world
    jaxtyping.config.update("jaxtyping_disable", False)


def test_the_table_of_the_page_is_that_of_the_committed_cells(recipe: ModuleType) -> None:
    page = (ROOT / "docs" / "explanation" / "simulator.md").read_text(encoding="utf-8")
    assert recipe.tables(recipe.RESULTS) in page


def test_the_recipe_runs_on_a_slice_and_a_second_run_computes_nothing(recipe: ModuleType, tmp_path: Path) -> None:
    words = ["--slice", "120", "--cell", "fitted-same-1", "--results", str(tmp_path)]
    recipe.main(words)
    path = tmp_path / "fitted-same-1.json"
    found = json.loads(path.read_text())
    assert found["truth"]["visits"] == recipe.truth("fitted", 1).visits
    fitted = {each["name"] for each in found["fit"]["constants"] if each["low"] is not None}
    assert "visits" in fitted <= {"visits", "attention"}
    before = path.stat().st_mtime_ns
    recipe.main(words)
    assert path.stat().st_mtime_ns == before
