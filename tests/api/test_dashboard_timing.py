"""The page of hours: sends fall into the hours of people's own clocks, and answers count for the hour of the send."""

from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

import small_app
from served_app import ask, decided, served
from tactful.api.dashboard import ENDPOINTS, heat, hours, timing
from tactful.api.service import Service
from tactful.clock import DAY_US, from_us, to_us
from tactful.events.records import CHANNELS, Decision, Engagement, User, decode, encode
from tactful.runtime.intake import KIND_CODE
from tactful.stores.memory import MemoryStore
from tactful.stores.protocols import DecisionRow, LoggedInput, Store
from tactful.stores.sqlite import SqliteStore

END_US = to_us(small_app.END)
EMAIL = CHANNELS.index("email")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    made = served(decided(tmp_path_factory.mktemp("timing") / "app.db"))
    yield made
    made.close()


@pytest.fixture
def store(service: Service) -> Iterator[SqliteStore]:
    opened = SqliteStore(service.path, read_only=True)
    yield opened
    opened.close()


def of_mondays(clicked: int, sent: int = 40, more_inputs: int = 0) -> Store:
    """A store with e-mails sent on a Monday at nine, of which the first were clicked, and other inputs after that."""
    store, at_us = MemoryStore(), to_us(small_app.START) + 9 * DAY_US // 24
    sends = [
        Decision(decision_id=f"{i:016x}", user_id="u", at=from_us(at_us), action="send", channel="email", slot=9)
        for i in range(sent)
    ]
    store.append_decisions([DecisionRow(i, 1, at_us, 0, encode(one)) for i, one in enumerate(sends)])
    answers = [
        Engagement(
            engagement_id=f"e{i}", user_id="u", kind="click" if i < clicked else "session", at=from_us(at_us),
            decision_id=sends[i].decision_id if i < clicked else None, channel="email",
        )
        for i in range(clicked + more_inputs)
    ]  # fmt: skip
    store.append(
        [LoggedInput(i, at_us + i, 1, 0, 0, KIND_CODE[Engagement], encode(one)) for i, one in enumerate(answers)]
    )
    return store


def test_every_send_falls_into_the_weekday_and_hour_of_the_persons_clock(store: SqliteStore) -> None:
    zones = {one.user_id: ZoneInfo(one.timezone) for _, one in small_app.inputs() if isinstance(one, User)}
    wanted = np.zeros((len(CHANNELS), 7, 24))
    for decision in (decode(row.data) for row in store.decisions_between(0, END_US)):
        if isinstance(decision, Decision) and decision.action == "send" and decision.channel:
            local = decision.at.astimezone(zones[decision.user_id])
            wanted[CHANNELS.index(decision.channel), local.weekday(), local.hour] += 1.0
    found = hours.hours_of(store, END_US)
    assert wanted.sum() > 20
    np.testing.assert_array_equal(found.sends, wanted)
    assert found.plans.sum() == len(list(store.plans_between(0, END_US + 1)))
    np.testing.assert_allclose(found.expected[found.plans > 0].sum(axis=1), 1.0, atol=1e-5)


def test_an_answer_counts_for_the_hour_of_its_send() -> None:
    found = timing.timing_of(of_mondays(clicked=10), END_US)
    assert found.clicked is not None
    monday = dict(found.clicked.rows)["Mon"]
    assert (monday[9].text, monday[9].shade) == ("25", heat.SHADES)
    assert monday[8].text == "·"
    assert found.opened is None
    assert timing.timing_of(of_mondays(clicked=10), END_US, "push").asked == 0


def test_sends_whose_answers_are_not_read_or_still_to_come_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    early = to_us(small_app.START) + DAY_US
    assert hours.hours_of(of_mondays(clicked=10), early).asked.sum() == 0
    monkeypatch.setattr(hours, "LINES", 5)
    found = hours.hours_of(of_mondays(clicked=10, more_inputs=30), END_US)
    assert (found.sends.sum(), found.asked.sum()) == (40, 0)


def test_of_many_decisions_a_sample_is_read_and_scaled_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hours, "_DECISIONS", 10)
    found = hours.hours_of(of_mondays(clicked=0), END_US)
    assert (found.read, found.each) == (10, 4)
    assert found.sends[EMAIL, 0, 9] == 40.0


def test_the_page_has_every_number_in_words_and_says_what_is_missing(service: Service, tmp_path: Path) -> None:
    page = ask(service, ENDPOINTS, "GET", "/dashboard/timing").text
    assert 'aria-label="Messages sent by weekday and hour"' in page
    assert "or nobody told" in page
    assert ask(service, ENDPOINTS, "GET", "/dashboard/timing?channel=push").status_code == 200
    assert ask(service, ENDPOINTS, "GET", "/dashboard/timing?channel=pigeon").status_code == 422
    SqliteStore(tmp_path / "app.db").close()
    empty = served(tmp_path / "app.db")
    page = ask(empty, ENDPOINTS, "GET", "/dashboard/timing").text
    assert "Nothing was sent" in page
    assert "No day was planned yet" in page
    empty.close()
