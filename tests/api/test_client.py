"""What devices report: only of their own person, each thing once, and unknown permission opens nothing."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from served import SECRET, Served
from stage import person
from tactful import draws
from tactful.api import tokens
from tactful.api.client import ENDPOINTS
from tactful.clock import DAY_US
from tactful.events.records import CHANNELS, Engagement, Input, Preferences, Suppression, User

WEB_PUSH = CHANNELS.index("web_push")


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setenv("TACTFUL_SECRET", SECRET)
    made = Served(tmp_path, ENDPOINTS)
    yield made
    made.close()


def send(served: Served, *events: dict[str, Any], user_id: str = "ann", made_us: int | None = None) -> httpx.Response:
    token = tokens.issue(SECRET.encode(), "client", user_id, made_us or served.app.clock.now_us())
    return served.call("POST", "/v1/client/events", json={"token": token, "events": list(events)})


def told(records: list[Input]) -> list[tuple[str, str | None, str | None]]:
    return [(one.kind, one.decision_id, one.channel) for one in records if isinstance(one, Engagement)]


def permission(state: str, id: str = "p") -> dict[str, Any]:
    return {"kind": "permission", "id": id, "channel": "web_push", "state": state}


def address(state: str, id: str = "a", **more: Any) -> dict[str, Any]:
    return {"kind": "address", "id": id, "channel": "web_push", "address": "{}", "permission": state, **more}


def reachable(served: Served) -> bool:
    """Whether the engine could reach ann by web push."""
    row, bit = served.app.row(), 1 << WEB_PUSH
    return bool(row["addresses"] & row["opt_in"] & ~row["blocked"] & bit)


def test_visits_receipts_clicks_and_dismissals_are_engagements_and_count_once(served: Served) -> None:
    decision_id = served.sent.decision_id
    events = [{"kind": "session", "id": "s1"}]
    events += [{"kind": kind, "id": f"{kind}:{decision_id}", "decision_id": decision_id, "at": "2026-03-03T05:00:00Z"}
               for kind in ("receipt", "click", "dismiss")]  # fmt: skip
    assert send(served, *events).json() == {"taken": 4, "ignored": 0}
    send(served, *events[1:])
    kinds = {("session", None, None), *((kind, decision_id, "email") for kind in ("receipt", "click", "dismiss"))}
    found = told(served.taken())
    assert set(found) == kinds
    assert len(found) == 4


def test_a_device_speaks_for_its_own_person_alone(served: Served) -> None:
    click = {"kind": "click", "id": "c", "decision_id": served.sent.decision_id}
    assert send(served, click, user_id="bob").json() == {"taken": 0, "ignored": 1}
    assert send(served, {**click, "decision_id": "0123456789abcdef"}).json() == {"taken": 0, "ignored": 1}
    assert served.taken() == []


def test_a_token_that_is_over_or_forged_reports_nothing(served: Served) -> None:
    now_us = served.app.clock.now_us()
    assert send(served, permission("denied"), made_us=now_us - 31 * DAY_US).status_code == 401
    page = tokens.issue(SECRET.encode(), "preferences", "ann", now_us)
    for token in (page, "x"):
        answer = served.call("POST", "/v1/client/events", json={"token": token, "events": []})
        assert answer.status_code == 401
        assert answer.headers["access-control-allow-origin"] == "*"
    assert send(served, {"kind": "conversion", "id": "x"}).status_code == 422
    assert send(served, *[permission("denied")] * 51).status_code == 422
    assert served.taken() == []


def test_one_persons_devices_are_held_to_a_pace_and_others_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TACTFUL_SECRET", SECRET)
    served = Served(tmp_path, ENDPOINTS, client_requests_per_minute=2.0)
    answers = [send(served, {"kind": "session", "id": f"s{number}"}) for number in range(3)]
    assert [each.status_code for each in answers] == [202, 202, 429]
    assert answers[2].headers["retry-after"] == "30"
    assert answers[2].headers["access-control-allow-origin"] == "*"
    assert send(served, {"kind": "session", "id": "b"}, user_id="bob").status_code == 202
    served.wait(seconds=30)
    assert send(served, {"kind": "session", "id": "s2"}).status_code == 202
    served.close()


def test_unknown_permission_opens_nothing(served: Served) -> None:
    send(served, permission("default"), address("default"), address("denied", "b"))
    kinds = {type(one) for one in served.taken()}
    assert kinds == {Preferences, User}
    assert not reachable(served)
    send(served, address("granted", "c"))
    served.taken()
    assert reachable(served)


def test_unknown_permission_closes_nothing_that_the_app_says_is_open(served: Served) -> None:
    served.app.submit(served.wait(hours=1), person("ann", "email", "web_push"))
    assert send(served, permission("default")).json() == {"taken": 0, "ignored": 1}
    served.taken()
    assert reachable(served)


def test_a_refusal_closes_the_channel_and_a_later_grant_opens_it_again(served: Served) -> None:
    send(served, address("granted"))
    served.taken()
    send(served, permission("denied"))
    assert told(served.taken()) == [("disable", None, "web_push")]
    assert not reachable(served)
    assert send(served, permission("denied", "again")).json() == {"taken": 0, "ignored": 1}
    send(served, permission("granted", "later"))
    (lifted,) = served.taken()
    assert isinstance(lifted, Suppression)
    assert reachable(served)


def test_a_grant_opens_nothing_that_she_ended_otherwise_until_she_asks_for_it(served: Served) -> None:
    send(served, address("granted"))
    left = Engagement(engagement_id="u", user_id="ann", kind="unsubscribe", at=served.wait(hours=1), channel="web_push")
    served.app.submit(served.wait(hours=1), left)
    send(served, permission("granted"), address("granted", "b"))
    served.taken()
    assert not reachable(served)
    send(served, address("granted", "c", asked=True))
    served.taken()
    assert reachable(served)
    assert not served.app.store.suppressed(draws.key("ann"), WEB_PUSH)


def test_what_she_switched_off_a_page_load_does_not_switch_on(served: Served) -> None:
    choice = Preferences(preferences_id="p", user_id="ann", at=served.wait(hours=1), channels={"web_push": False})
    served.app.submit(choice.at, choice)
    send(served, address("granted"))
    served.taken()
    assert not reachable(served)


def test_an_import_keeps_the_address_that_her_browser_told(served: Served) -> None:
    send(served, address("granted"))
    served.taken()
    served.app.submit(served.wait(hours=1), person("ann", "email", locale="en"))
    served.wait(hours=1)
    served.taken()
    assert reachable(served)


def test_the_snippet_is_served_and_nothing_beside_it(served: Served) -> None:
    for name in ("tactful.js", "tactful-sw.js"):
        found = served.call("GET", f"/static/{name}")
        assert found.status_code == 200
        assert found.headers["content-type"].startswith("text/javascript")
    for path in ("/static/../client.py", "/static/%2e%2e/client.py", "/static/", "/static/x.js"):
        assert served.call("GET", path).status_code == 404
