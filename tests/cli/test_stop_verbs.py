"""`tactful stop` and `tactful go`: what they stop, and what they refuse to take for a switch."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tactful.cli.app import app
from tactful.delivery import stops
from tactful.stores.sqlite import SqliteStore


@pytest.fixture
def store(tmp_path: Path) -> Path:
    SqliteStore(tmp_path / "app.db").close()
    return tmp_path / "app.db"


def said(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(words))
    return result.exit_code, result.output


def test_stop_and_go_turn_one_switch_each_and_say_what_is_stopped(store: Path) -> None:
    assert said("stop", "--store", str(store), "--channel", "email") == (0, "Stopped: the channel email.\n")
    assert said("stop", "--store", str(store)) == (0, "Everything is stopped.\n")
    assert said("go", "--store", str(store)) == (0, "Stopped: the channel email.\n")
    assert said("go", "--store", str(store), "--channel", "email") == (0, "Nothing is stopped.\n")
    opened = SqliteStore(store, read_only=True)
    assert [(each.what, each.on) for each in stops.turned(opened)] == [
        ("channel", True),
        ("all", True),
        ("all", False),
        ("channel", False),
    ]
    assert all(each.by.startswith("cli:") for each in stops.turned(opened))
    opened.close()


@pytest.mark.parametrize(
    "words", [("--channel", "pigeon"), ("--type", "no_such"), ("--channel", "push", "--type", "x")]
)
def test_a_mistyped_switch_stops_nothing_and_says_so(store: Path, words: tuple[str, ...]) -> None:
    code, _ = said("stop", "--store", str(store), *words)
    assert code == 2
    opened = SqliteStore(store, read_only=True)
    assert stops.turned(opened) == ()
    opened.close()
