"""`tactful outbox`: what a person sees of undelivered messages, and what she may do with them."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from delivery_stage import enqueue, outcomes
from tactful.cli.app import app
from tactful.clock import MINUTE_US, from_us, to_us
from tactful.delivery.channels.memory import MemoryChannel
from tactful.delivery.protocol import Failed
from tactful.delivery.send import Sender
from tactful.events.registry import Registry
from tactful.stores.protocols import OutboxRow
from tactful.stores.sqlite import SqliteStore

RUNNER = CliRunner(env={"COLUMNS": "140"})
SENT_AT = to_us(datetime(2026, 6, 1, tzinfo=UTC))
NEVER = datetime(2999, 1, 1, tzinfo=UTC)
FAILED, DOUBTFUL, FINE, EXPIRED = 0xA, 0xB, 0xC, 0xD


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A failed message, one in doubt, a delivered one, and a failed one that has expired."""
    made = tmp_path / "app.db"
    store = SqliteStore(made)
    channel = MemoryChannel([Failed("5.7.1 refused"), ConnectionResetError()], honours_idempotency=False)
    for key in (FAILED, DOUBTFUL, FINE):
        enqueue(store, key, expires_at=NEVER)
    sender = Sender(store, {"push": channel}, Registry.shipped())
    sender.run(SENT_AT, 10)
    enqueue(store, EXPIRED, expires_at=from_us(SENT_AT + MINUTE_US))
    Sender(store, {"push": MemoryChannel([Failed("no")])}, Registry.shipped()).run(SENT_AT, 10)
    store.close()
    return made


def outbox(verb: str, path: Path, *arguments: str) -> Result:
    return RUNNER.invoke(app, ["outbox", verb, *arguments, "--store", str(path)])


def told(path: Path, key: int) -> list[str | None]:
    store = SqliteStore(path)
    found = outcomes(store, key)
    store.close()
    return found


def test_the_list_shows_what_is_in_doubt_and_what_failed_and_nothing_else(path: Path) -> None:
    found = json.loads(outbox("list", path, "--json").stdout)
    assert [(each["decision_id"], each["state"]) for each in found] == [
        (f"{DOUBTFUL:016x}", "in doubt"),
        (f"{EXPIRED:016x}", "failed"),
        (f"{FAILED:016x}", "failed"),
    ]
    plain = outbox("list", path).stdout
    assert "5.7.1 refused" in plain
    assert "secret-device-token" not in plain


def test_an_empty_outbox_says_so(tmp_path: Path) -> None:
    SqliteStore(tmp_path / "app.db").close()
    assert "Nothing waits" in outbox("list", tmp_path / "app.db").stdout


def test_one_message_shows_its_attempts_and_neither_address_nor_text(path: Path) -> None:
    shown = outbox("show", path, f"{FAILED:x}").stdout
    assert "failed: 5.7.1 refused" in shown
    assert "comment_digest to u1 by push, candidate c1" in shown
    assert "secret-device-token" not in shown
    assert "private title" not in shown


def test_a_dead_letter_is_sent_once_more_when_a_person_says_so(path: Path) -> None:
    assert outbox("retry", path, f"{FAILED:x}").exit_code == 0
    store, channel = SqliteStore(path), MemoryChannel(honours_idempotency=False)
    Sender(store, {"push": channel}, Registry.shipped()).run(to_us(NEVER) - MINUTE_US, 10)
    store.close()
    assert list(channel.arrived) == [f"d{FAILED}"]
    assert told(path, FAILED) == ["failed", "redriven", "delivered"]


def test_all_means_all_that_have_not_expired(path: Path) -> None:
    assert json.loads(outbox("retry", path, "--all", "--json").stdout) == {"retried": [f"{FAILED:016x}"]}


@pytest.mark.parametrize(
    ("key", "why"), [(DOUBTFUL, "settle it first"), (FINE, "'delivered'"), (EXPIRED, "expired at 2026-06-01 00:01")]
)
def test_what_arrived_may_have_arrived_or_is_too_late_is_not_sent_again(path: Path, key: int, why: str) -> None:
    before = told(path, key)
    refused = outbox("retry", path, f"{key:x}")
    assert refused.exit_code == 1
    assert why in " ".join(refused.stderr.split())
    assert told(path, key) == before


def test_the_message_of_an_erased_person_is_not_tried_again(path: Path) -> None:
    store = SqliteStore(path)
    store.enqueue([OutboxRow(0xE, 1, SENT_AT, 1, b"")])
    store.begin_attempt(0xE, SENT_AT)
    store.end_attempt(0xE, 1, "failed", "", None)
    store.close()
    assert "person was erased" in " ".join(outbox("retry", path, "e").stderr.split())
    assert json.loads(outbox("retry", path, "--all", "--json").stdout) == {"retried": [f"{FAILED:016x}"]}


@pytest.mark.parametrize(("flag", "state"), [("--arrived", "delivered"), ("--lost", "waiting")])
def test_a_person_settles_what_is_in_doubt(path: Path, flag: str, state: str) -> None:
    done = outbox("settle", path, f"{DOUBTFUL:x}", flag, "--json")
    assert json.loads(done.stdout)["state"] == state
    again = outbox("settle", path, f"{DOUBTFUL:x}", flag)
    assert (again.exit_code, "expected one that is in doubt" in " ".join(again.stderr.split())) == (1, True)


@pytest.mark.parametrize("name", ["ffff", "no-hex", "é", "f" * 40])
def test_an_unknown_message_is_told(path: Path, name: str) -> None:
    refused = outbox("show", path, name)
    assert (refused.exit_code, "has no message" in refused.stderr) == (1, True)
