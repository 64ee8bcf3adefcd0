"""`tactful bench decisions` on cells that are on file: told as tables, as JSON, on a page and as a picture."""

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
from typer.testing import CliRunner

from tactful.cli.app import app
from tactful.cli.report import sensitivity_chart
from tactful.simulator.bench import cell, page
from tactful.simulator.bench.cell import Cell

RUNNER = CliRunner()
GAINS = {"silence": -1.0, "hand_caps": 0.0, "uniform_personal": 0.25, "tactful": 0.5}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    people = np.arange(2, 10) / 2.0
    for arm, gain in GAINS.items():
        j = (people + gain).astype("<f2")
        sent = 0.0 if arm == "silence" else 2.5
        made = Cell(
            **{"world": "default", "arm": arm, "seed": 1, "users": 8, "days": 56, "times": 1.0, "volume": sent},
            **{"sends_per_user_week": sent, "daily_active": 0.1, "weekly_active": 0.4, "opens": 1.0, "clicks": 1.0},
            **{"unsubscribes": 9.0, "retention": 0.4, "active_days": 2.0, "remaining_value": 1.0, "cpu_seconds": 1.0},
            score=float(j.mean()),
            scores=j.tobytes(),
        )
        cell.write(tmp_path / "default" / f"cell-{arm}-1-1.json", made)
    return tmp_path


def asked(results: Path, *more: str) -> list[str]:
    arms = [word for arm in GAINS for word in ("--arm", arm)]
    place = ["--results", str(results), "--scratch", str(results / "scratch")]
    return ["bench", "decisions", *arms, "--world", "default", "--seed", "1", "--users", "8", *place, *more]


def test_cells_on_file_are_told_without_being_lived_again(results: Path) -> None:
    result = RUNNER.invoke(app, asked(results))
    assert result.exit_code == 0, result.output
    ours = next(line for line in result.stdout.splitlines() if line.startswith("| **tactful**"))
    assert "+0.250 (+0.250 to +0.250)" in ours
    assert not (results / "scratch").exists()


def test_as_json_every_cell_is_there_without_everybodys_own(results: Path) -> None:
    found = json.loads(RUNNER.invoke(app, asked(results, "--json")).stdout)
    assert {one["arm"] for one in found} == set(GAINS)
    assert not any("scores" in one for one in found)


def test_tables_go_into_a_page_and_the_picture_into_a_file(results: Path) -> None:
    pytest.importorskip("vl_convert")
    told, drawn = results / "page.md", results / "picture.png"
    told.write_text(f"Before.\n\n{page.BEGIN}\n{page.END}\n")
    result = RUNNER.invoke(app, asked(results, "--page", str(told), "--picture", str(drawn)))
    assert result.exit_code == 0, result.output
    assert "| **tactful** |" in told.read_text()
    assert drawn.read_bytes().startswith(b"\x89PNG")


def test_scaled_constants_on_file_have_a_picture_of_their_own(results: Path) -> None:
    pytest.importorskip("vl_convert")
    for file in sorted((results / "default").glob("*.json")):
        one = msgspec.json.decode(file.read_bytes(), type=Cell)
        for by in ("0.5", "2"):
            world = msgspec.structs.replace(one, world=f"fatigue_days*{by}")
            cell.write(results / f"fatigue_days-times-{by}" / file.name, world)
    rows = sensitivity_chart.rows_of(cell.cells(results))
    assert {row["constant"] for row in rows} == {"fatigue_days"}
    assert {row["constant is"] for row in rows} == {"× 0.5", "× 2"}
    assert sum(row["gain"] for row in rows) == pytest.approx(0.0)
    assert RUNNER.invoke(app, asked(results, "--picture", str(results / "picture.png"))).exit_code == 0
    assert (results / "picture-sensitivity.png").read_bytes().startswith(b"\x89PNG")


def test_an_unknown_arm_is_an_error_with_the_known_ones(results: Path) -> None:
    result = RUNNER.invoke(app, [*asked(results), "--arm", "tactfull"])
    assert result.exit_code == 1
    assert 'did you mean "tactful"' in result.stderr


def test_words_that_are_no_verb_of_the_group_name_scripts(tmp_path: Path) -> None:
    result = RUNNER.invoke(app, ["bench", "decision", "--folder", str(tmp_path)])
    assert result.exit_code == 1
    assert "no benchmark" in result.stderr
