"""The demo in small: the whole of it runs, says that it is simulated, and what it suggests to try works."""

import json
import re
from io import StringIO
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console
from typer.testing import CliRunner

from tactful.cli import demo as verb
from tactful.cli.app import app
from tactful.cli.progress import bar

USERS, DAYS, SEED = 100, 2, 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def outcome(folder: Path) -> verb.Outcome:
    (folder / "simulated.db").write_text("the store of an earlier demo, which this one replaces")
    return verb.run(USERS, DAYS, SEED, folder, bar(shown=False))


@pytest.fixture(scope="module")
def shown(outcome: verb.Outcome, folder: Path) -> str:
    out = Console(width=80, file=StringIO(), record=True)
    verb.show(outcome, verb.write_page(outcome, folder), folder, out)
    return out.export_text()


@pytest.fixture(scope="module")
def figures(outcome: verb.Outcome, folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(msgspec.json.encode(verb.figures(outcome, None, folder)))
    return found


def test_every_part_is_shown_and_called_simulated(shown: str) -> None:
    for part in ("Everything below is *simulated*", "against its target", "person's day", "Weekly budgets", "not sent"):
        assert part in shown
    for title in ("silence", "everyone at 9:00", "hand caps, best hour", "uniform, own hours", "Tactful"):
        assert re.search(rf"^{title}  +\d", shown, re.MULTILINE)


def test_nothing_but_commands_is_wider_than_a_hundred_columns(shown: str) -> None:
    before_commands = shown.split("The report with charts")[0]
    assert max(len(line) for line in before_commands.splitlines()) <= 100


def test_no_message_falls_into_quiet_hours(figures: dict[str, Any]) -> None:
    assert [arm["quiet_violations"] for arm in figures["arms"]] == [0] * 5


def test_silence_is_silent_but_for_critical_messages(figures: dict[str, Any]) -> None:
    silence, *others = figures["arms"]
    assert silence["sends"] < 0.02 * min(arm["sends"] for arm in others)


def test_the_explained_message_was_not_sent_and_says_what_would_have_changed_it(figures: dict[str, Any]) -> None:
    missed = figures["not_sent"]
    assert missed["decision"]["action"] == "hold"
    assert missed["decision"]["utility"] < missed["decision"]["threshold"]
    assert missed["changes"]


def test_report_is_written_beside_the_store(shown: str, folder: Path) -> None:
    html = (folder / "report.html").read_text()
    assert "simulated" in html
    assert "A message that was not sent" in html


def test_suggested_commands_run_as_they_stand(shown: str) -> None:
    commands = re.findall(r"^  tactful (.*)$", shown, re.MULTILINE)
    assert [c.split()[0] for c in commands] == ["explain", "replay", "import", "simulate"]
    for command in commands[:3]:
        answer = CliRunner().invoke(app, command.split())
        assert answer.exit_code == 0, answer.output


def test_without_altair_the_demo_says_how_to_get_it(
    outcome: verb.Outcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verb, "find_spec", lambda name: None)
    out = Console(file=StringIO(), record=True)
    verb.show(outcome, verb.write_page(outcome, tmp_path), tmp_path, out)
    assert "tactful[report]" in out.export_text()
    assert not (tmp_path / "report.html").exists()


def test_the_verb_gives_the_same_figures_again(figures: dict[str, Any], tmp_path: Path) -> None:
    size = ("--users", str(USERS), "--days", str(DAYS), "--seed", str(SEED))
    answer = CliRunner().invoke(app, ["demo", *size, "--json", "--out", str(tmp_path)])
    assert answer.exit_code == 0, answer.output
    again = json.loads(answer.stdout)
    assert again["report"] == str(tmp_path / "report.html")
    assert {k: again[k] for k in ("arms", "volume_by_day", "not_sent")} == {
        k: figures[k] for k in ("arms", "volume_by_day", "not_sent")
    }
