"""Hillstrom and the Open Bandit Dataset: recipes run, their logs are what they say, the page shows its cells."""

import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "recipes" / "results" / "hillstrom_bandit"


@pytest.fixture(autouse=True)
def _recipes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the recipes importable; they lie beside the package, not inside it."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(ROOT / "recipes")])


def test_rejection_leaves_a_log_of_the_other_policy_and_the_customers_as_they_were() -> None:
    from off_policy.bandit import Bandit, accepted

    rng = np.random.default_rng(0)
    x = rng.integers(0, 2, 60_000)
    bandit = Bandit(np.stack([np.ones(60_000), x], axis=1), rng.integers(0, 3, 60_000), np.zeros(60_000))
    chance = np.array([[0.6, 0.3, 0.1], [0.1, 0.2, 0.7]])[x]
    rows = accepted(bandit, chance, rng)
    for value in range(2):
        mine = rows[x[rows] == value]
        shares = np.bincount(bandit.action[mine], minlength=3) / len(mine)
        np.testing.assert_allclose(shares, chance[x == value][0], atol=0.015)
    assert x[rows].mean() == pytest.approx(0.5, abs=0.015)


def test_hillstrom_runs_on_a_slice_and_keeps_its_cells(
    data_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import hillstrom_bandit

    words = ["--data", str(data_path), "--results", str(tmp_path), "--slice", "40"]
    hillstrom_bandit.main(words)
    first = capsys.readouterr().out
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.ndjson")}
    hillstrom_bandit.main(words)
    assert capsys.readouterr().out == first
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.ndjson")}
    assert "Switch-DR" in first


def test_a_log_with_two_effective_rows_is_refused_and_the_others_are_not(data_path: Path) -> None:
    from obd_uniform import judged, read

    folder = data_path / "obd_small"
    found, refusal = judged(read(folder, "bts", "women"), 46)
    assert found["IPS"].ess == pytest.approx(2.08, abs=0.01)
    assert "are worth 2" in refusal
    for campaign, items in (("men", 34), ("all", 80)):
        assert judged(read(folder, "bts", campaign), items)[1] == ""


def test_a_simulated_log_has_the_chances_that_were_decided_by_and_the_truth_of_every_option() -> None:
    from off_policy.simulated_jobs import lived
    from off_policy_coverage_simulated import EXPLORES
    from tactful.simulator.arms.tactful import Tactful
    from tactful.simulator.closed_loop import Loop
    from tactful.simulator.world import make

    found = lived(Loop.start(make(seed=7, n_users=300), Tactful(exploration=EXPLORES).prepare(None, 7)), days=2)
    jobs = found.jobs(EXPLORES.shares)  # refuses chances that are not those on record
    assert len(np.unique(jobs.bucket)) == 4
    choices, truth = found.choices()
    assert (np.diff(jobs.user) >= 0).all()
    assert len(choices) > 20
    assert truth.shape == (*choices.present.shape, 2)
    assert (truth[np.arange(len(choices)), choices.sent] > 0.0).all()


def test_tables_of_the_page_are_those_of_the_committed_cells() -> None:
    from hillstrom_bandit import tables
    from off_policy_coverage_simulated import table as coverage
    from off_policy_simulated import table

    page = (ROOT / "docs" / "explanation" / "off-policy.md").read_text(encoding="utf-8")
    simulated = table(RESULTS.parent / "off_policy_simulated" / "drawings.ndjson")
    covered = coverage(RESULTS.parent / "off_policy_coverage_simulated" / "worlds.ndjson").split("\n\n")
    for part in [*tables(RESULTS).split("\n\n"), simulated, *covered]:
        assert " ".join(part.split()) in " ".join(page.split())
