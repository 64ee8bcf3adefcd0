"""Order of items and pruned sources: the page shows the cells, lists know nothing of their own day, slices run."""

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "explanation" / "content-order.md"


@pytest.fixture(autouse=True)
def _recipes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the recipes importable; they lie beside the package, not inside it."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(ROOT / "recipes")])


@pytest.mark.parametrize("name", ["content_order", "generation_pruning"])
def test_table_of_the_page_is_that_of_the_committed_cells(name: str) -> None:
    recipe = __import__(name)
    cells = recipe.read(ROOT / "recipes" / "results" / name / "cells.ndjson", recipe.Cell)
    assert cells
    assert recipe.table_of(cells) in PAGE.read_text(encoding="utf-8"), f"run recipes/{name}.py --page {PAGE}"


@pytest.mark.data
def test_a_list_is_ordered_by_what_was_known_before_its_first_item(data_path: Path, tmp_path: Path) -> None:
    import content_order
    from responses.data import load
    from responses.part import first_users

    lists = content_order.of_days(first_users(load("kuairand", data_path, tmp_path), 300))
    samples = lists.data.test.samples
    for name in ("user", "start", "end", "at_us"):
        assert _constant(getattr(samples, name), lists.list_of), name
    clicks = np.bincount(lists.list_of, samples.label)
    size = np.bincount(lists.list_of)
    assert ((clicks > 0) == (size > 0)).all()
    assert (clicks[size > 0] < size[size > 0]).all()


@pytest.mark.data
def test_orders_are_judged_on_a_slice_and_a_second_run_computes_nothing(
    data_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import content_order

    words = ["--slice", "300", "--data", str(data_path), "--results", str(tmp_path), "--scratch", str(tmp_path)]
    content_order.main(words)
    assert "| TIN |" in capsys.readouterr().out
    written = (tmp_path / "slice-300" / "cells.ndjson").read_bytes()
    content_order.main(words)
    assert (tmp_path / "slice-300" / "cells.ndjson").read_bytes() == written


@pytest.mark.data
def test_nothing_is_lost_where_nothing_is_skipped(
    data_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe: ModuleType = __import__("generation_pruning")
    monkeypatch.setattr(recipe, "BELOW", (0.0, 0.8))
    recipe.main(["--slice", "100", "--data", str(data_path), "--results", str(tmp_path)])
    never, often = recipe.read(tmp_path / "slice-100" / "cells.ndjson", recipe.Cell)
    assert never.saved == never.lost.value == 0.0
    assert often.saved > 0.1
    assert "under 0.8" in capsys.readouterr().out


def _constant(column: np.ndarray, of_list: np.ndarray) -> bool:
    """Whether all rows of a list say the same."""
    least, most = (np.full(of_list.max() + 1, fill) for fill in (np.iinfo(np.int64).max, np.iinfo(np.int64).min))
    np.minimum.at(least, of_list, column)
    np.maximum.at(most, of_list, column)
    return bool((least[of_list] == most[of_list]).all())
