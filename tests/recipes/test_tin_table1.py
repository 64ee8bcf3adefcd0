"""The recipes of the response models: pages show their cells, a slice runs, and what is learned is what is there."""

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "explanation" / "behaviour-sequences.md"
SPEED = ROOT / "docs" / "explanation" / "performance.md"
RESULTS = ROOT / "recipes" / "results"
CATEGORIES, LENGTH, ROWS = 4, 4, 18_000


@pytest.fixture(autouse=True)
def _recipes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the recipes importable; they lie beside the package, not inside it."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(ROOT / "recipes")])


@pytest.fixture
def recipe() -> ModuleType:
    import tin_table1

    return tin_table1


@pytest.fixture
def data() -> object:
    """Whoever has the target's category newest responds; who has it as the oldest of four does not; between, by chance.

    Without positions both look alike. An item is its category.
    """
    from responses.data import assemble
    from tactful.training.histories import Behaviours, Samples

    rng = np.random.default_rng(0)
    target = rng.integers(1, CATEGORIES + 1, ROWS)
    label = rng.random(ROWS) < 0.5
    history = rng.integers(1, CATEGORIES + 1, (ROWS, LENGTH))
    other = 1 + (target + rng.integers(0, CATEGORIES - 1, ROWS)) % CATEGORIES
    history[:, -1], history[:, 0] = np.where(label, target, other), np.where(label, other, target)
    place = np.arange(ROWS)
    samples = Samples(
        user=place // 2,
        start=place * LENGTH,
        end=(place + 1) * LENGTH,
        target=target.astype(np.int32),
        label=label.astype(np.float32),
        context=np.empty((ROWS, 0), dtype=np.int32),
    )
    parts = tuple(samples.take(rows) for rows in np.split(place, [ROWS * 2 // 3, ROWS * 5 // 6]))
    items = np.arange(CATEGORIES + 1)[:, None]
    return assemble("made up", ("category",), (), 0, items, Behaviours(history.ravel().astype(np.int32)), parts, "none")


def _fitted(data: object, model: str, folder: Path) -> tuple[object, float]:
    """A fitted model and its AUC on the test rows."""
    from responses.cells import of_test
    from responses.learn import Setting, fitted, foretold

    net, _ = fitted(data, model, Setting(learning_rate=1e-2, table_rate=0.05, decay=0.0, dropout=0.0), 0, folder)
    return net, of_test(data, foretold(net, data.test)).auc


def test_tables_of_the_page_are_those_of_the_committed_cells(recipe: ModuleType) -> None:
    import tin_attention_size
    import tin_correlation
    from responses.cells import read
    from responses.page import tables

    page = PAGE.read_text(encoding="utf-8")
    found = [
        *tables(*recipe.on_file(RESULTS / "tin_table1")),
        tin_correlation.table(read(RESULTS / "tin_correlation" / "agreement.ndjson", tin_correlation.Agreement)),
        tin_attention_size.table(read(RESULTS / "tin_attention_size" / "cells.ndjson", tin_attention_size.SizeCell)),
    ]
    assert len(found) > 3
    for table in found:
        assert table in page, f"run the recipe with --no-fit --page {PAGE}; the page lacks\n{table}"


def test_tin_tells_what_only_positions_tell_and_its_ablation_does_not(data: object, tmp_path: Path) -> None:
    assert _fitted(data, "tin", tmp_path)[1] > 0.95
    assert _fitted(data, "tin_without_tte", tmp_path)[1] < 0.6


def test_learned_correlation_follows_the_truth_where_positions_were_learned(data: object, tmp_path: Path) -> None:
    from responses.correlation import agreement, frequent, learned, pairs, truth

    found = pairs(data.train, 0)
    own = frequent(found, 1)
    true = truth(found, int(own[0]), own)[0]
    assert np.round(true[1:3], 2).tolist() == [0.0, 0.0]
    assert true[0] > 0.3
    net, _ = _fitted(data, "tin", tmp_path)
    values = learned(net, found, int(own[0]), own)[0]
    assert agreement(true[:3], values[:3]) > 0.8


def test_a_flat_curve_agrees_with_nothing_and_two_places_are_too_few() -> None:
    from responses.correlation import agreement

    true = np.array([3.0, 2.0, 1.0])
    assert agreement(true, np.full(3, 7.0)) == 0.0
    assert agreement(true, np.array([6.0, 5.0, 4.0])) == pytest.approx(1.0)
    assert np.isnan(agreement(true, np.array([6.0, 5.0, np.nan])))


def test_a_fit_that_is_done_is_read_and_not_done_again(data: object, tmp_path: Path) -> None:
    from responses.learn import Setting, fitted

    setting = Setting(learning_rate=1e-2, table_rate=0.05, decay=0.0, dropout=0.3)
    _, first = fitted(data, "average_product", setting, 0, tmp_path)
    _, second = fitted(data, "average_product", setting, 0, tmp_path)
    assert first.losses == second.losses
    assert second.rows_per_s == 0.0


def test_every_setting_is_tried_once_and_the_best_on_validation_is_taken(data: object, tmp_path: Path) -> None:
    from responses.cells import read
    from responses.learn import SETTINGS, Trial, tuned

    file = tmp_path / "trials.ndjson"
    chosen = tuned(data, "average_product", file)
    trials = read(file, Trial)
    assert sorted(map(str, (trial.setting for trial in trials))) == sorted(map(str, SETTINGS))
    assert chosen == min(trials, key=lambda trial: min(trial.losses)).setting
    assert tuned(data, "average_product", file) == chosen
    assert len(read(file, Trial)) == len(SETTINGS) == 8


def test_what_eight_bits_cost_stands_on_the_page_of_performance() -> None:
    import tin_eight_bits
    from responses.cells import read

    table = tin_eight_bits.table(read(RESULTS / "tin_eight_bits" / "cells.ndjson", tin_eight_bits.EightBits))
    assert "| int8 |" in table
    assert table in SPEED.read_text(encoding="utf-8"), f"run the recipe with --no-fit --page {SPEED}"


@pytest.mark.data
def test_recipe_runs_on_a_slice_and_a_second_run_computes_nothing(
    recipe: ModuleType, data_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--slice", "200", "--data", str(data_path), "--results", str(tmp_path), "--scratch", str(tmp_path / "s")]
    words += ["--data-sets", "toys", "--models", "tin", "tin_order"]
    recipe.main(words)
    out = capsys.readouterr().out
    assert "**Toys, by length of history**" in out
    files = sorted((tmp_path / "slice-200").glob("*.ndjson"))
    assert [file.name.partition("-")[0] for file in files] == ["cells", "differences", "lengths", "trials"]
    cells = files[0].read_bytes()
    recipe.main(words)
    assert files[0].read_bytes() == cells
    assert capsys.readouterr().out in out
    recipe.main([*words, "--no-fit"])
    assert capsys.readouterr().out in out


@pytest.mark.data
def test_pictures_widths_and_eight_bits_are_made_on_a_slice(
    data_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import tin_attention_size
    import tin_correlation
    import tin_eight_bits
    from responses import correlation

    words = ["--slice", "80", "--data", str(data_path), "--scratch", str(tmp_path), "--cells", str(tmp_path)]
    words += ["--results", str(tmp_path / "made")]
    monkeypatch.setattr(tin_correlation, "TARGETS", 5)
    monkeypatch.setattr(correlation, "FEWEST", 1)
    tin_correlation.main([*words, "--models", "tin", "position_bias"])
    assert "(ours) |" in capsys.readouterr().out
    pictures = sorted(path.stem for path in (tmp_path / "made").glob("*.png"))
    assert pictures == ["figure-1", "figure-3", "figure-6", "figure-7"]
    monkeypatch.setattr(tin_attention_size, "SIZES", ((16, 16), (0, 16)))
    tin_attention_size.main([*words, "--seeds", "1"])
    assert "| none | 64 | 1 |" in capsys.readouterr().out
    tin_eight_bits.main(words)
    assert "| int8 |" in capsys.readouterr().out
