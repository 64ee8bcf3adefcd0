"""The Globo page shows the tables that its committed cells give, to the last digit."""

import sys
from pathlib import Path

import msgspec
import pytest

ROOT = Path(__file__).parents[2]


def test_tables_of_the_page_are_those_of_the_committed_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, str(ROOT / "recipes")])
    from globo.cell import Cell
    from globo.markdown import POLICY_WORDS, tables

    files = sorted((ROOT / "recipes" / "results" / "globo_replay").glob("*.json"))
    cells = [msgspec.json.decode(path.read_bytes(), type=Cell) for path in files]
    assert {cell.policy for cell in cells} == set(POLICY_WORDS), "cells of another policy, or one without"
    page = (ROOT / "docs" / "explanation" / "globo.md").read_text(encoding="utf-8")
    for table in tables(cells):
        assert table in page, f"run recipes/globo_replay.py --markdown; the page lacks\n{table}"
