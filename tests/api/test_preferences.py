"""Preferences: over the API for the app, on a page of her own for the person; what she ended only she opens again."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from served import SECRET, Served
from stage import person
from tactful import draws
from tactful.api import preference_page, preferences, tokens
from tactful.clock import DAY_US
from tactful.events.records import Engagement, encode

ENDPOINTS = (*preferences.ENDPOINTS, *preference_page.ENDPOINTS, *tokens.ENDPOINTS)
URL = "/v1/users/ann/preferences"


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setenv("TACTFUL_SECRET", SECRET)
    made = Served(tmp_path, ENDPOINTS)
    yield made
    made.close()


def page_of(served: Served, user_id: str = "ann") -> str:
    return "/p/" + tokens.issue(SECRET.encode(), "preferences", user_id, served.app.clock.now_us())


def ticked(text: str) -> set[str]:
    return set(re.findall(r'value="(\w+)" checked', text))


def test_what_the_app_says_that_she_chose_holds_against_its_own_imports(served: Served) -> None:
    choice = {"channels": {"email": False}, "types": {"win_back": False}, "weekly_wish": 2,
              "quiet_hours": {"start_minute": 1320, "end_minute": 480}}  # fmt: skip
    assert served.call("PUT", URL, json=choice).status_code == 202
    served.taken()
    served.app.submit(served.wait(hours=1), person("ann", "email", locale="en"))
    now = served.call("GET", URL).json()
    assert now["channels"]["email"] == {"on": False, "address": True, "closed": False}
    assert (now["types"]["win_back"], now["types"]["new_follower"]) == (False, True)
    assert (now["weekly_wish"], now["quiet_hours"]) == (2, {"start_minute": 1320, "end_minute": 480})
    assert "security_alert" not in now["types"]


def test_a_choice_of_what_does_not_exist_is_refused(served: Served) -> None:
    for choice in ({"types": {"nwes": False}}, {"types": {"security_alert": False}}, {"weekly_wish": 51}, {"x": 1}):
        assert served.call("PUT", URL, json=choice).status_code == 422
    assert served.call("GET", "/v1/users/nobody/preferences").status_code == 404


def test_the_app_cannot_open_what_she_ended_and_she_can(served: Served) -> None:
    left = Engagement(engagement_id="e", user_id="ann", kind="unsubscribe", at=served.wait(seconds=1))
    served.app.store.post([encode(left)])
    served.taken()
    served.call("PUT", URL, json={"channels": {"email": True}})
    served.taken()
    assert served.call("GET", URL).json()["channels"]["email"] == {"on": True, "address": True, "closed": True}
    page = page_of(served)
    assert "email" not in ticked(served.call("GET", page).text)
    served.call("POST", page, data={"channel": "email", "quiet_from": "22:00", "quiet_to": "08:00"})
    served.taken()
    closed = [served.app.store.suppressed(draws.key("ann"), code) for code in range(5)]
    assert closed == [False, True, True, True, True]


def test_her_page_shows_what_holds_and_takes_what_she_ticks(served: Served) -> None:
    before = served.call("GET", page_of(served))
    assert '<html lang="pt">' in before.text
    assert ticked(before.text) == {"email", *preferences.optional(served.service.registry)}
    form = {
        "type": ["win_back", "recommendation"],
        "weekly": "3",
        "quiet": "on",
        "quiet_from": "21:30",
        "quiet_to": "07:00",
    }
    saved = served.call("POST", page_of(served), data=form)
    assert 'role="status"' in saved.text
    served.taken()
    again = served.call("GET", page_of(served)).text
    assert ticked(again) == {"win_back", "recommendation", "on"}
    assert 'value="21:30"' in again
    assert '<option value="3" selected>' in again
    served.call("POST", page_of(served), data={"channel": "email", "quiet_from": "x", "quiet_to": ""})
    served.taken()
    now = served.call("GET", URL).json()
    assert (now["quiet_hours"], now["weekly_wish"], now["channels"]["email"]["on"]) == (None, None, True)


def test_every_field_of_the_page_has_a_label_and_no_script(served: Served) -> None:
    text = served.call("GET", page_of(served)).text
    fields = re.findall(r'<(?:input|select)[^>]* id="([^"]+)"', text)
    assert len(fields) == len(set(fields)) > 8
    assert set(fields) == set(re.findall(r'<label for="([^"]+)"', text))
    assert "<script" not in text


def test_a_link_that_is_over_or_forged_or_made_for_something_else_opens_nothing(served: Served) -> None:
    now_us = served.app.clock.now_us()
    secret = SECRET.encode()
    bad = [
        tokens.issue(secret, "preferences", "ann", now_us - 91 * DAY_US),
        tokens.issue(secret, "client", "ann", now_us),
        tokens.issue(b"another secret of 20", "preferences", "ann", now_us),
        tokens.issue(secret, "preferences", "nobody", now_us),
        "x.y",
    ]
    for method in ("GET", "POST"):
        answers = [served.call(method, f"/p/{token}", headers={"accept-language": "en"}) for token in bad]
        assert {answer.status_code for answer in answers} == {400}
        assert len({answer.content for answer in answers}) == 1
    assert served.taken() == []


def test_the_app_gets_a_person_s_own_address_and_token(served: Served) -> None:
    found = served.call("POST", "/v1/users/ann/tokens").json()
    assert served.call("GET", found["preferences_url"]).status_code == 200
    assert tokens.read(SECRET.encode(), "client", found["client_token"], served.app.clock.now_us()) == "ann"


def test_names_of_users_and_types_cannot_bring_markup_onto_the_page(served: Served) -> None:
    served.app.submit(served.wait(hours=1), person("<b>x</b>", "email", locale="<i>"))
    text = served.call("GET", page_of(served, "<b>x</b>")).text
    assert "<b>" not in text
    assert "<i>" not in text
