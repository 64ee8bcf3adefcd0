"""What all verbs share: help is fast and complete, errors are one paragraph, JSON stands alone."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tactful.cli.app import VERBS, app

HEAVY = ("numpy", "numba", "pyarrow", "tactful.runtime", "tactful.simulator", "tactful.decision")


def test_help_names_every_verb() -> None:
    result = CliRunner().invoke(app, ["--help"])
    assert result.exit_code == 0
    for verb in VERBS:
        assert verb.split()[0] in result.output


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_and_json(verb: str) -> None:
    result = CliRunner().invoke(app, [*verb.split(), "--help"], terminal_width=200)
    assert result.exit_code == 0
    assert "--json" in result.output


def test_the_list_of_verbs_imports_no_heavy_room() -> None:
    look = f"import sys, tactful.cli.app; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_an_error_of_ours_is_one_paragraph_on_stderr_and_exit_1(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["replay", str(tmp_path / "none.db")])
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("tactful: ")
    assert "none.db is not there" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_a_settings_file_with_an_unknown_key_is_an_error(tmp_path: Path, app_db: Path) -> None:
    wrong = tmp_path / "settings.toml"
    wrong.write_text("[volume]\nper_user_per_weak = 3\n")
    for verb in (["replay", str(app_db)], ["explain", "u001", "--store", str(app_db)]):
        result = CliRunner().invoke(app, [*verb, "--settings", str(wrong)])
        assert result.exit_code == 1
        assert "per_user_per_weak" in result.stderr


def test_a_file_of_another_program_is_not_a_store(tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    other.write_text("not a database at all, but long enough to look like one" * 20)
    result = CliRunner().invoke(app, ["explain", "u001", "--store", str(other)])
    assert result.exit_code == 1
    assert "other.db" in result.stderr
