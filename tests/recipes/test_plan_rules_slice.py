"""The recipe on planning rules, on a slice of its users: it runs once, and its tables say what they must."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.data
USERS = 40


@pytest.fixture(scope="module")
def recipe() -> ModuleType:
    """The recipe as a module; it lies beside the package, not inside it."""
    folder = str(Path(__file__).parents[2] / "recipes")
    if folder not in sys.path:
        sys.path.append(folder)
    import plan_rules

    return plan_rules


def test_the_recipe_runs_and_a_second_run_computes_nothing(
    recipe: ModuleType, data_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    words = ["--slice", str(USERS), "--data", str(data_path), "--results", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["plan_rules.py", *words])
    monkeypatch.setattr(recipe, "SEEDS", range(1))
    recipe.main()
    first = capsys.readouterr().out
    assert "Availability, not lift" in first
    file = tmp_path / f"globo-slice{USERS}.json"
    written = file.stat().st_mtime_ns
    recipe.main()
    assert (file.stat().st_mtime_ns, capsys.readouterr().out) == (written, first)


def test_no_rule_keeps_more_than_the_exact_optimum_and_hours_are_shares(recipe: ModuleType) -> None:
    file = Path(recipe.__file__).parent / "results" / "plan_rules" / "globo.json"
    found = recipe.msgspec.json.decode(file.read_bytes(), type=recipe.Found)
    assert found.users == 12_000
    assert all(0 < row.of_optimum <= 1 + 1e-12 for row in found.lost)
    assert all(sum(shares) == pytest.approx(1.0, abs=1e-3) for shares in found.by_hour.values())
