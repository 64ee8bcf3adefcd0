"""The result page of the volume arms is that of the cells beside it, and the recipe's parts run on a few people."""

import sys
from pathlib import Path
from types import ModuleType

import jaxtyping
import msgspec
import pytest


@pytest.fixture(scope="module")
def recipe() -> ModuleType:
    """The recipe as a module; it lies beside the package, not inside it."""
    folder = str(Path(__file__).parents[2] / "recipes")
    if folder not in sys.path:
        sys.path.append(folder)
    import volume_arms

    return volume_arms


def test_the_page_is_made_of_the_cells_beside_it(recipe: ModuleType) -> None:
    from volume import page

    kept = (recipe.RESULTS / "README.md").read_text()
    found = page.find(recipe.RESULTS)
    assert page.text(found) == kept
    told = (Path(__file__).parents[2] / "docs" / "explanation" / "volume.md").read_text()
    for table in (page.arms(found.table, found.bounds), page.reaches(found.table)):
        assert table in told, f"docs/explanation/volume.md lacks\n{table}"


def test_every_cell_of_the_table_sent_what_it_should(recipe: ModuleType) -> None:
    from volume import page

    for cell in page.find(recipe.RESULTS).table:
        if cell.arm != "silence":
            assert cell.sends_per_user_week == pytest.approx(recipe.VOLUME, rel=0.01), (cell.arm, cell.seed)


def test_a_cell_is_lived_through_and_kept(recipe: ModuleType, tmp_path: Path) -> None:
    from volume.cell import PARTS, Cell

    run = recipe.Run(recipe.Sizes(users=100, days=7, warm_up=3), tmp_path / "results", tmp_path / "scratch")
    recipe.unchecked()
    try:
        recipe.live(run, "silence", 1)
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)
    cell = msgspec.json.decode(recipe.cell_file(run, "silence", 1).read_bytes(), type=Cell)
    assert (cell.users, cell.days) == (100, 7)
    assert cell.daily_active > 0.0
    assert len(cell.sends_by_visits) == PARTS
    assert sum(reach.people for reach in cell.by_reach.values()) == cell.users
