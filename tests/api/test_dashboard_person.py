"""The dashboard's page of one person: what it says of her, what it hides, and how far it looks."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

import small_app
from served_app import ask, decided, served
from tactful import draws
from tactful.api.dashboard import ENDPOINTS, person
from tactful.api.dashboard.happenings import Happening, happening
from tactful.api.service import Service
from tactful.api.timeline import Decided, Try
from tactful.clock import to_us
from tactful.events.records import Decision, User, decode
from tactful.runtime import erasing
from tactful.runtime.embedded import Engine
from tactful.runtime.settings import Settings
from tactful.stores.memory import MemoryStore
from tactful.stores.sqlite import SqliteStore

END_US = to_us(small_app.END)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return decided(tmp_path_factory.mktemp("person") / "app.db")


@pytest.fixture
def service(path: Path) -> Iterator[Service]:
    made = served(path)
    yield made
    made.close()


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(path, read_only=True)
    yield opened
    opened.close()


def get(service: Service, url: str) -> httpx.Response:
    return ask(service, ENDPOINTS, "GET", url)


def sent(store: SqliteStore) -> Decision:
    found = (decode(row.data) for row in store.decisions_between(0, END_US + 1))
    return next(d for d in found if isinstance(d, Decision) and d.action == "send")


def test_all_that_happened_stands_on_the_pages_once_the_latest_first(store: SqliteStore) -> None:
    found: list[Happening] = []
    before_us, skipped, at = None, 0, END_US - 1
    for _ in range(10):
        told = person.person_of(store, Settings(), "u003", at, before_us, skipped, rows=10)
        assert told is not None
        assert len(told.happenings) <= 10
        found += told.happenings
        if told.earlier is None:
            break
        before_us, skipped = told.earlier
    assert [one.at for one in found] == sorted((one.at for one in found), reverse=True)
    key = draws.key("u003")
    on_record = store.decisions_of(key, 0, END_US)
    shown = [one.decision_id for one in found if one.what in ("send", "hold", "drop")]
    assert sorted(shown) == sorted(f"{row.decision_key:016x}" for row in on_record)
    assert len([one for one in found if one.what == "plan"]) == len(store.plans_of(key, 0, END_US))


def test_a_decision_says_its_reason_what_was_left_of_the_budget_and_how_the_send_fared(store: SqliteStore) -> None:
    decision = sent(store)
    tries = (Try(1, decision.at, "retry", "no connection"), Try(2, decision.at, None, ""))
    told = happening(Decided(at=decision.at, decision=decision, tries=tries, next_try=decision.at + timedelta(hours=1)))
    assert decision.channel is not None
    assert decision.channel in told.words
    assert f"{decision.budget_left:.2f} tokens" in told.budget
    assert [line.split(" ", 2)[2] for line in told.tries[:2]] == ["retry: no connection", "in doubt"]
    assert told.troubled


def test_the_page_leads_to_decisions_and_shows_no_address_in_full(service: Service, store: SqliteStore) -> None:
    decision = sent(store)
    page = get(service, f"/dashboard/person?user={decision.user_id}")
    assert page.status_code == 200
    assert f"/dashboard/decisions/{decision.decision_id}" in page.text
    assert "e…@app.invalid" in page.text
    number = int(decision.user_id[1:])
    assert f"email-{number}@" not in page.text
    assert f"push-{number}@" not in page.text
    assert "tactful explain" in page.text


def test_a_provider_that_repeats_her_address_does_not_show_it(store: SqliteStore) -> None:
    decision = sent(store)
    said = (Try(1, decision.at, "failed", "550 <ann@example.com> unknown, token c0ffee0123456789"),)
    told = happening(Decided(at=decision.at, decision=decision, tries=said), ["c0ffee0123456789"])
    assert told.tries == (f"1. {decision.at:%H:%M:%S} failed: 550 <a…@example.com> unknown, token …6789",)


def test_who_got_nothing_and_who_cannot_be_reached_have_pages_too(service: Service) -> None:
    for user in (small_app.QUIET, small_app.UNREACHABLE):
        assert get(service, f"/dashboard/person?user={user}").status_code == 200


def test_nobody_and_strangers_are_told_what_to_do(service: Service) -> None:
    assert person.person_of(MemoryStore(), Settings(), "ann", END_US) is None
    assert "Enter the id" in get(service, "/dashboard/person").text
    stranger = get(service, "/dashboard/person?user=%3Cscript%3E")
    assert stranger.status_code == 404
    assert "<script" not in stranger.text
    assert get(service, "/dashboard/person?user=u003&before=tomorrow").status_code == 422


def test_an_erasure_that_waits_for_the_engine_shows(tmp_path: Path) -> None:
    store = MemoryStore()
    engine = Engine(store, Settings())
    engine.submit([User(user_id="ann")], [END_US])
    assert erasing.ask(store, "ann", END_US)
    told = person.person_of(store, Settings(), "ann", END_US)
    assert told is not None
    assert told.erasure_asked == small_app.END


def test_ids_with_signs_of_a_shell_are_quoted_in_the_commands(service: Service, tmp_path: Path) -> None:
    opened = SqliteStore(tmp_path / "app.db", "normal")
    small_app.run(opened).submit([User(user_id="a $(b)")], [END_US + 1])
    opened.close()
    made = served(tmp_path / "app.db")
    page = get(made, "/dashboard/person?user=a%20%24%28b%29")
    assert page.status_code == 200
    assert "tactful explain &#39;a $(b)&#39;" in page.text
    made.close()
