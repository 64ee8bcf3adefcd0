"""The calibration recipe on a slice of its users: it runs, and writes its table and its plot."""

import json
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def recipes() -> None:
    """Makes the recipes importable; they lie beside the package, not inside it."""
    folder = str(Path(__file__).parents[2] / "recipes")
    if folder not in sys.path:
        sys.path.append(folder)


def test_the_recipe_runs_on_a_slice_and_writes_table_and_plot(recipes: None, tmp_path: Path) -> None:
    import world_calibration

    world_calibration.main(["--slice", "200", "--results", str(tmp_path)])
    result = json.loads((tmp_path / "table.json").read_text())
    assert "--slice 200" in result["command"]
    assert len(result["table"]) == 4 + len(world_calibration.SEGMENTS)
    assert len(result["volume_response"]) == len(world_calibration.SEGMENTS) * len(world_calibration.TIMES)
    assert all(p["value"] == 0.0 for p in result["volume_response"] if p["times"] == 1.0), "the habit against itself"
    assert (tmp_path / "volume.png").read_bytes().startswith(b"\x89PNG")
    assert "<html" in (tmp_path / "volume.html").read_text()
