"""`tactful shadow`: a table, JSON and a page about two senders; nobody is told, and the store stays as it is."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from http_peer import Http1Peer
from small_app import START
from tactful.cli.app import app
from tactful.delivery.settings import Webhook
from tactful.runtime.settings import load

RUNNER = CliRunner(env={"COLUMNS": "100"})
MAPPING = """
user = "user"
time = { column = "at" }
type = { column = "type" }
channel = { constant = "push" }
clicked = "clicked"
"""
HOOK = """
[channels.push]
through = "webhook"
url = "{url}/hook"
secrets_env = "HOOK_SECRET"
allow_private = true
"""


@pytest.fixture
def call(app_db: Path, tmp_path: Path) -> list[str]:
    """The command line over the log of a sender that tells ten people at 9:00 UTC on each of two days."""
    lines = ["user,at,type,clicked"]
    lines += [
        f"u{number:03d},{(START + timedelta(days=day, hours=9)).isoformat()},recommendation,{int(number == 3)}"
        for day in range(2)
        for number in range(10)
    ]
    (tmp_path / "sends.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "mapping.toml").write_text(MAPPING)
    return ["shadow", str(app_db), "--log", str(tmp_path / "sends.csv"), "--mapping", str(tmp_path / "mapping.toml")]


def test_a_person_reads_agreement_volume_and_what_is_foretold_and_what_is_not_known(call: list[str]) -> None:
    result = RUNNER.invoke(app, call)
    assert result.exit_code == 0, result.output
    for part in (
        "20 people: they sent 20 messages",
        "nothing was sent",
        "user-days with a message",
        "messages a user and week",
        "click a user and week",
        "of 1,000 of their messages",
        "09:00",
        "Not to be known from this log",
        "`tactful evaluate` refuses",
        "Next: Only an experiment tells",
    ):
        assert part in " ".join(result.stdout.split()), part
    assert max(len(line) for line in result.output.splitlines()) <= 100


def test_json_says_the_same_every_time(call: list[str]) -> None:
    first, second = (json.loads(RUNNER.invoke(app, [*call, "--json"]).stdout) for _ in range(2))
    assert first == second
    assert (first["people"], first["they"], first["read"]["taken"]) == (20, 20, 20)
    assert sum(first["agreement"]["user_days"].values()) == 40


def test_the_page_has_its_pictures_inside(call: list[str], tmp_path: Path) -> None:
    page = tmp_path / "out" / "shadow.html"
    result = RUNNER.invoke(app, [*call, "--html", str(page)])
    assert result.exit_code == 0, result.output
    text = page.read_text()
    assert "drawChart('#hours'" in text
    assert "drawChart('#segments'" in text
    assert "cdn." not in text.replace("cdn.jsdelivr.net/npm/vega", "")


def test_a_channel_that_is_set_up_is_never_called_and_the_store_stays_as_it_is(
    call: list[str], app_db: Path, tmp_path: Path
) -> None:
    before, settings = app_db.read_bytes(), tmp_path / "settings.toml"
    with Http1Peer() as peer:
        settings.write_text(HOOK.format(url=peer.url))
        assert isinstance(load(settings).channels.push, Webhook)
        result = RUNNER.invoke(app, [*call, "--settings", str(settings), "--json"])
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout)["we"] > 0
        assert peer.asked == []
        assert peer.connections == 0
    assert app_db.read_bytes() == before


def test_a_day_without_their_messages_is_an_error_that_says_so(call: list[str]) -> None:
    result = RUNNER.invoke(app, [*call, "--since", "2026-05-01"])
    assert result.exit_code == 1
    assert "since 2026-05-01" in result.output


def test_without_a_log_it_compares_with_what_the_service_was_told_and_says_where_that_comes_from(app_db: Path) -> None:
    result = RUNNER.invoke(app, ["shadow", str(app_db)])
    assert result.exit_code == 1
    assert "/v1/shadow/sends" in result.output
    assert RUNNER.invoke(app, ["shadow", str(app_db), "--log", "sends.csv"]).exit_code == 2
