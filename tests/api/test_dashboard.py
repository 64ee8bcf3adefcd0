"""The dashboard without a browser: who may look, what the pages say with data and with none, what the switches do."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import small_app
from served_app import ask, decided, served
from tactful.api.dashboard import ENDPOINTS, decisions, now, switches
from tactful.api.keys import Keyring, make_key
from tactful.api.service import Service
from tactful.clock import to_us
from tactful.delivery import stops
from tactful.events.records import Decision, decode
from tactful.runtime.settings import Settings
from tactful.stores.memory import MemoryStore
from tactful.stores.sqlite import SqliteStore

END_US = to_us(small_app.END)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return decided(tmp_path_factory.mktemp("dashboard") / "app.db")


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


def get(service: Service, url: str, session: str = "") -> httpx.Response:
    return ask(service, ENDPOINTS, "GET", url, headers={"cookie": f"tactful_session={session}"})


def token_of(page: str) -> str:
    return re.findall(r'name="token" value="([^"]+)"', page)[0]


def one_of(store: SqliteStore, action: str) -> Decision:
    found = (decode(row.data) for row in store.decisions_between(0, END_US + 1))
    return next(d for d in found if isinstance(d, Decision) and d.action == action)


def test_now_counts_the_sends_of_each_day_and_shows_the_last_prices(store: SqliteStore) -> None:
    found = now.now_of(store, Settings(), END_US - 1)
    sent = [d for d in map(decode, (row.data for row in store.decisions_between(0, END_US)))
            if isinstance(d, Decision) and d.action == "send"]  # fmt: skip
    assert sum(sum(one.by_day) for one in found.volumes) == len(sent) > 0
    assert {one.channel for one in found.volumes} == {d.channel for d in sent}
    assert found.since is None
    assert found.cells
    assert all(cell.sent > 0 or cell.target > 0 for cell in found.cells)


def test_an_empty_store_has_pages_too(tmp_path: Path) -> None:
    assert now.now_of(MemoryStore(), Settings(), END_US).volumes == ()
    assert decisions.decision_of(MemoryStore(), Settings(), "0" * 16) is None
    assert switches.switches_of(MemoryStore(), (), END_US).turns == ()
    SqliteStore(tmp_path / "app.db").close()
    service = served(tmp_path / "app.db")
    for url in ("/dashboard", "/dashboard/decisions", "/dashboard/switches", "/dashboard/login"):
        assert get(service, url).status_code == 200
    service.close()


@pytest.mark.parametrize("action", ["send", "hold"])
def test_a_decision_opens_with_its_reasons_and_what_would_have_changed_it(
    service: Service, store: SqliteStore, action: str
) -> None:
    decision = one_of(store, action)
    found = decisions.decision_of(store, service.settings, decision.decision_id)
    assert found is not None
    page = get(service, f"/dashboard/decisions/{decision.decision_id}").text
    assert all(step.label in page for step in found[1].trace)
    assert get(service, "/dashboard/decisions/" + "f" * 16).status_code == 404


def test_the_search_finds_by_user_and_action_and_leaves_empty_fields_out(service: Service, store: SqliteStore) -> None:
    decision = one_of(store, "send")
    url = f"/dashboard/decisions?user={decision.user_id}&action=send&channel=&type=&since=&until=2026-03-05T00:00"
    page = get(service, url).text
    assert decision.decision_id in page
    assert f"/dashboard/person?user={decision.user_id}" in page
    assert "mark hold" not in page
    assert get(service, "/dashboard/decisions?since=soon").status_code == 422


def test_markup_in_a_search_stays_text(service: Service) -> None:
    page = get(service, "/dashboard/decisions?user=%22%3E%3Cscript%3E").text
    assert "<script" not in page


def test_no_page_lets_scripts_or_strangers_in(service: Service) -> None:
    policy = get(service, "/dashboard").headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "script-src" not in policy
    assert "frame-ancestors 'none'" in policy


def test_a_turn_of_a_switch_needs_the_forms_token_and_is_on_record(tmp_path: Path) -> None:
    SqliteStore(tmp_path / "app.db").close()
    service = served(tmp_path / "app.db")
    form = {"what": "channel", "name": "email", "on": "yes"}
    assert ask(service, ENDPOINTS, "POST", "/dashboard/switches", data=form).status_code == 403
    token = token_of(get(service, "/dashboard/switches").text)
    turned = ask(service, ENDPOINTS, "POST", "/dashboard/switches", data={**form, "token": token})
    assert turned.status_code == 303
    wrong = {**form, "name": "pigeon", "token": token}
    assert ask(service, ENDPOINTS, "POST", "/dashboard/switches", data=wrong).status_code == 422
    opened = SqliteStore(tmp_path / "app.db", read_only=True)
    assert [(one.name, one.on, one.by) for one in stops.turned(opened)] == [("email", True, "dashboard, no key")]
    assert opened.posted() == 1
    opened.close()
    assert 'email</strong> <span class="mark blocked">stopped' in get(service, "/dashboard/switches").text
    service.close()


def test_with_keys_only_who_entered_one_looks_and_only_admin_stops(service: Service) -> None:
    key, secret = make_key(["read"], "", END_US)
    service.keys = Keyring([key])
    assert get(service, "/dashboard").headers["location"] == "/dashboard/login"
    assert ask(service, ENDPOINTS, "POST", "/dashboard/login", data={"key": "tact_x_y"}).status_code == 401
    entered = ask(service, ENDPOINTS, "POST", "/dashboard/login", data={"key": secret})
    flags = entered.headers["set-cookie"].lower()
    assert "httponly" in flags
    assert "samesite=strict" in flags
    cookie = entered.cookies["tactful_session"]
    page = get(service, "/dashboard/switches", cookie)
    assert page.status_code == 200
    assert "Stop" not in re.findall(r"<button[^>]*>([^<]*)", page.text)
    form = {"what": "all", "name": "", "on": "yes", "token": token_of(page.text)}
    jar = {"cookie": f"tactful_session={cookie}"}
    assert ask(service, ENDPOINTS, "POST", "/dashboard/switches", data=form, headers=jar).status_code == 403
    assert get(service, "/dashboard", cookie + "x").status_code == 303
    service.keys = Keyring([key._replace(revoked_us=1)])
    assert get(service, "/dashboard", cookie).status_code == 303
