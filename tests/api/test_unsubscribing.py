"""One click ends messages, only by POST, only with a token of ours, and as often as it is clicked."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from served import SECRET, Served
from stage import at, told
from tactful import draws
from tactful.api.secret import one_click
from tactful.api.unsubscribing import ENDPOINTS
from tactful.delivery.unsubscribe import Scope, create_token
from tactful.errors import InvalidSettings
from tactful.events.records import Engagement, Preferences, Suppression, encode
from tactful.runtime.settings import Api

ONE_CLICK = {"content": b"List-Unsubscribe=One-Click", "headers": {"content-type": "application/x-www-form-urlencoded"}}


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setenv("TACTFUL_SECRET", SECRET)
    made = Served(tmp_path, ENDPOINTS)
    yield made
    made.close()


def address(served: Served, scope: Scope = "channel") -> str:
    return "/u/" + create_token(SECRET.encode(), served.sent.decision_id, scope)


def suppressed(served: Served) -> list[bool]:
    return [served.app.store.suppressed(draws.key("ann"), code) for code in range(5)]


def test_a_get_shows_a_button_and_changes_nothing(served: Served) -> None:
    page = served.call("GET", address(served), headers={"accept-language": "pt-BR,en;q=0.5"})
    assert page.status_code == 200
    assert '<html lang="pt">' in page.text
    assert '<form method="post">' in page.text
    assert page.headers["referrer-policy"] == "no-referrer"
    assert served.call("HEAD", address(served)).status_code == 200
    assert served.taken() == []


def test_one_click_ends_the_channel_and_clicking_again_changes_nothing(served: Served) -> None:
    assert [served.call("POST", address(served), **ONE_CLICK).status_code for _ in range(3)] == [200] * 3
    (left,) = served.taken()
    assert isinstance(left, Engagement)
    assert (left.kind, left.user_id, left.channel, left.decision_id) == (
        "unsubscribe", "ann", "email", served.sent.decision_id,
    )  # fmt: skip
    assert suppressed(served) == [True, False, False, False, False]
    served.wait(hours=1)
    assert served.call("POST", address(served), **ONE_CLICK).status_code == 200
    assert served.taken() == []
    assert served.app.store.rejects(10) == []


def test_who_came_back_can_leave_again_by_the_same_old_mail(served: Served) -> None:
    served.call("POST", address(served), **ONE_CLICK)
    served.taken()
    back = Suppression(suppression_id="s", user_id="ann", channel="email", lifted=True, at=served.wait(hours=1))
    served.app.store.post([encode(back)])
    served.taken()
    assert not suppressed(served)[0]
    served.wait(hours=1)
    served.call("POST", address(served), **ONE_CLICK)
    served.taken()
    assert suppressed(served)[0]


def test_the_page_may_end_everything_or_one_kind_of_message(served: Served) -> None:
    served.call("POST", address(served), data={"scope": "type"})
    kinds = [type(one).__name__ for one in served.taken()]
    assert kinds == ["Preferences", "User"]
    assert suppressed(served) == [False] * 5
    served.app.submit(at(31), told("c2", created=at(31)))
    served.wait(hours=24)
    served.taken()
    assert [d.candidate_id for d in served.app.of("send")] == ["c1"]
    served.call("POST", address(served), data={"scope": "all"})
    served.taken()
    assert suppressed(served) == [True] * 5


def test_a_type_by_token_is_an_opt_out_of_that_type(served: Served) -> None:
    served.call("POST", address(served, "type"), **ONE_CLICK)
    choice = served.taken()[0]
    assert isinstance(choice, Preferences)
    assert choice.types == {"new_follower": False}


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_forged_token_is_refused_and_one_of_an_unknown_message_answered_like_any(served: Served, method: str) -> None:
    forged = create_token(b"another secret of 20", served.sent.decision_id)
    assert [served.call(method, f"/u/{token}").status_code for token in (forged, "x", "%00", "é" * 300)] == [400] * 4
    unknown, known = create_token(SECRET.encode(), "0123456789abcdef"), address(served)
    assert served.call(method, f"/u/{unknown}").content == served.call(method, known).content
    assert len(served.taken()) == (method == "POST")


def test_without_a_secret_nobody_can_unsubscribe_and_the_problem_says_what_to_set(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TACTFUL_SECRET")
    found = served.call("POST", "/u/x", **ONE_CLICK)
    assert found.status_code == 503
    assert "TACTFUL_SECRET" in found.json()["detail"]


def test_headers_of_one_click_come_of_the_settings() -> None:
    made = one_click(Api(public_url="https://n.example/"), {"TACTFUL_SECRET": SECRET})
    assert made is not None
    assert made.headers("d")["List-Unsubscribe"].startswith("<https://n.example/u/")
    assert one_click(Api(), {}) is None
    with pytest.raises(InvalidSettings, match="0 bytes"):
        one_click(Api(public_url="https://n.example"), {})
