"""Starbucks and Hillstrom: the page shows its cells, the recipes run on a slice, and the log is hidden as they say."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tactful.errors import InvalidExperiment
from tactful.experiments.dose import contributions, slope

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "recipes" / "results"


@pytest.fixture(autouse=True)
def _recipes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the recipes importable; they lie beside the package, not inside it."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(ROOT / "recipes")])


def _customers(n: int = 20_000) -> tuple[Any, np.ndarray]:
    """Customers whose spending follows one covariate and who were sent offers at random; with the spending foretold."""
    from volume_real.customers import Customers

    rng = np.random.default_rng(1)
    x = rng.normal(size=(n, 1))
    sent = rng.random((n, 6)) < 0.75
    bought = 5.0 + 2.0 * x[:, 0] + sent.sum(axis=1) + rng.normal(0.0, 6.0, n)
    return Customers(np.arange(n), x, sent, bought, 10.0 * bought), x[:, 0]


def test_tables_of_the_page_are_those_of_the_committed_cells() -> None:
    from volume_real import cells, hillstrom_page, starbucks_page
    from volume_real.hiding import RULES

    folder = RESULTS / "starbucks_dose"
    dose = cells.read(folder / "dose.ndjson", cells.DoseCell)
    hidden = [
        c for rule in RULES for c in cells.read(folder / f"hidden-{rule.replace(' ', '-')}.ndjson", cells.HiddenCell)
    ]
    paths = sorted((RESULTS / "hillstrom_uplift").glob("*-*.ndjson"))
    uplift = [cell for path in paths for cell in cells.read(path, cells.UpliftCell)]
    page = (ROOT / "docs" / "explanation" / "volume-real-data.md").read_text(encoding="utf-8")
    for table in [*starbucks_page.tables(dose, hidden), *hillstrom_page.tables(uplift)]:
        assert table in page, f"run recipes/starbucks_dose.py and hillstrom_uplift.py; the page lacks\n{table}"


@pytest.mark.data
def test_starbucks_runs_on_a_slice_and_a_second_run_computes_nothing(
    data_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import starbucks_dose

    words = ["--slice", "2000", "--data", str(data_path), "--results", str(tmp_path), "--plot", str(tmp_path / "p.png")]
    starbucks_dose.main(words)
    first = capsys.readouterr().out
    assert "| corrected for forgetting |" in first
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    written = {path: path.read_bytes() for path in tmp_path.glob("slice-2000/*.ndjson")}
    assert len(written) == 5
    starbucks_dose.main(words[:-2])
    assert {path: path.read_bytes() for path in written} == written
    assert capsys.readouterr().out == first


@pytest.mark.data
def test_hillstrom_runs_on_a_slice_and_a_second_run_computes_the_missing_cells_only(
    data_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import hillstrom_uplift

    monkeypatch.setattr(hillstrom_uplift, "OUTCOMES", ("visit",))
    monkeypatch.setattr(hillstrom_uplift.hillstrom_page, "OUTCOMES", ("visit",))
    words = ["--slice", "20", "--data", str(data_path), "--results", str(tmp_path)]
    hillstrom_uplift.main([*words, "--plot", str(tmp_path / "p.png")])
    first = capsys.readouterr().out
    assert "| T-learner, logistic |" in first
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    path = tmp_path / "slice-20" / "mens-visit.ndjson"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]))
    hillstrom_uplift.main(words)
    again = path.read_bytes().splitlines(keepends=True)
    assert again[:-1] == lines[:-1]
    assert again[-1].split(b'"cpu_seconds"')[0] == lines[-1].split(b'"cpu_seconds"')[0]


@pytest.mark.data
def test_no_outcome_of_the_thirty_days_is_a_feature(data_path: Path) -> None:
    from volume_real.customers import GENDERS, read

    customers = read(data_path)
    assert customers.profile.shape == (17_000, 3 + len(GENDERS))
    assert customers.sent.sum() == 76_277
    outcomes = np.corrcoef(np.column_stack([customers.profile, customers.transactions, customers.amount]).T)
    assert np.abs(outcomes[:-2, -2:]).max() < 0.5


def test_hidden_logs_make_dose_go_with_spending_and_keep_half_of_heavy_and_of_light() -> None:
    from volume_real.hiding import hide

    customers, foretold = _customers()
    rng = np.random.default_rng(2)
    by_chance, by_profile, by_spending, forgotten = (
        hide(customers, foretold, rule, rng) for rule in ("at random", "by profile", "by own spending", "forgotten")
    )
    for log in (by_chance, by_profile, by_spending, forgotten):
        assert 0.45 < log.hidden_share < 0.55, log.rule
        assert log.heavy.mean() == pytest.approx(0.5, abs=0.02), log.rule
    assert abs(np.corrcoef(by_chance.dose, by_chance.customers.profile[:, 0])[0, 1]) < 0.03
    for log in (by_profile, by_spending, forgotten):
        assert np.corrcoef(log.dose, log.heavy)[0, 1] > 0.2, log.rule


def test_a_rule_that_cannot_keep_half_is_refused() -> None:
    from volume_real.hiding import hide

    customers, _ = _customers()
    with pytest.raises(InvalidExperiment, match="cannot keep half"):
        hide(customers, customers.dose.astype(float), "by profile", np.random.default_rng(1))


def test_known_probabilities_undo_the_hiding_and_the_slope_as_it_lies_does_not() -> None:
    from volume_real.customers import DOSES
    from volume_real.hiding import hide

    customers, foretold = _customers()
    share = np.bincount(customers.dose, minlength=DOSES) / len(customers)
    for rule in ("by profile", "by own spending"):
        log = hide(customers, foretold, rule, np.random.default_rng(3))
        seen = np.where(np.bincount(log.dose, minlength=DOSES) > 0, share, 0.0)
        outcome = log.customers.transactions
        known = slope(contributions(log.dose, outcome, log.probability, doses=DOSES), seen)
        naive = slope(contributions(log.dose, outcome, np.ones(len(outcome)), doses=DOSES), seen)
        assert known.low <= 1.0 <= known.high, rule
        assert naive.low > 1.3, rule


def test_forgotten_sends_are_corrected_by_the_known_share() -> None:
    from volume_real.estimators import corrected
    from volume_real.hiding import hide

    customers, foretold = _customers()
    got = corrected(hide(customers, foretold, "forgotten", np.random.default_rng(4)))
    assert got.low <= 1.0 <= got.high
    assert got.high - got.low < 0.4


def test_auc_interval_is_wider_when_rows_of_one_owner_are_alike() -> None:
    from volume_real.randomisation import clustered_auc

    rng = np.random.default_rng(5)
    score, label = rng.random(500), rng.random(500) < 0.4
    alone = clustered_auc(score, label, np.arange(500))
    doubled = clustered_auc(np.repeat(score, 2), np.repeat(label, 2), np.repeat(np.arange(500), 2))
    careless = clustered_auc(np.repeat(score, 2), np.repeat(label, 2), np.arange(1000))
    assert doubled == pytest.approx(alone)
    assert careless.high - careless.low < 0.75 * (alone.high - alone.low)
    assert alone.low < 0.5 < alone.high


def test_logistic_regression_finds_the_coefficients_of_its_own_world() -> None:
    from volume_real.fitting import logistic

    rng = np.random.default_rng(6)
    x = rng.normal(3.0, 2.0, (20_000, 2))
    truth = 1.0 / (1.0 + np.exp(-(-1.0 + 0.5 * x[:, 0] - 0.3 * x[:, 1])))
    predicted = logistic(x, (rng.random(20_000) < truth).astype(float))(x)
    assert np.abs(predicted - truth).max() < 0.03


def test_no_prediction_comes_from_a_model_that_saw_the_row_of_its_unit() -> None:
    from volume_real.fitting import by_fold, folds

    unit = np.repeat(np.arange(50), 3)
    fold = folds(unit, seed=1, count=3)
    assert all(len(set(fold[unit == u])) == 1 for u in range(50))
    seen = by_fold(fold, lambda rows: lambda held: np.isin(unit[held], unit[rows]).astype(float))
    assert not seen.any()
