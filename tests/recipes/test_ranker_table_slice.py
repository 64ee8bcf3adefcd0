"""The table of rankers is made from cells on file, each once, and every rival is judged on the same messages."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "recipes"))

import jaxtyping

from ranker import kuairand, page
from ranker.cell import RankerCell
from ranker_table import RESULTS, main, read


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> list[RankerCell]:
    folder = tmp_path_factory.mktemp("ranker-table")
    before = jaxtyping.config.jaxtyping_disable
    words = ["--slice", "--rivals", "simple", "boosted", "--results", str(folder), "--scratch", str(folder / "scratch")]
    main(words)
    main(words)  # finds all on file
    jaxtyping.config.update("jaxtyping_disable", before)
    return read(folder)


def test_every_rival_is_judged_on_the_same_messages(cells: list[RankerCell]) -> None:
    assert [one.rival for one in cells] == ["boosted", "simple"]
    assert len({(one.learned, one.judged, one.judged_random) for one in cells}) == 1
    boosted, simple = cells
    assert boosted.over["simple"].value == pytest.approx(boosted.loss.value - simple.loss.value)
    assert simple.over == {}
    assert boosted.candidates_per_s is not None


def test_the_tables_stand_between_the_markers_of_the_page(cells: list[RankerCell], tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    file.write_text(f"Before\n\n{page.BEGIN}\nold\n{page.END}\n\nAfter\n", encoding="utf-8")
    page.write(cells, [], file)
    text = file.read_text(encoding="utf-8")
    assert text.startswith("Before")
    assert text.endswith("After\n")
    assert "old" not in text
    assert "| LightGBM, a forest a head and channel (default) | 1 |" in text
    assert "| open | all |" in text


def test_tables_of_the_page_are_those_of_the_committed_cells() -> None:
    told = (Path(__file__).parents[2] / "docs" / "explanation" / "ranker.md").read_text(encoding="utf-8")
    tables = page.tables(read(RESULTS), read(RESULTS / kuairand.NAME))
    assert tables in told, "run recipes/ranker_table.py --page docs/explanation/ranker.md"


def test_intervals_of_independent_worlds_shrink() -> None:
    from tactful.experiments.stats import Interval

    one = Interval(1.0, 0.8, 1.1)
    both = page.pooled([one, one])
    assert both.value == 1.0
    assert both.low == pytest.approx(1.0 - 0.2 / 2**0.5)
    assert both.high == pytest.approx(1.0 + 0.1 / 2**0.5)
