"""One-click tokens: they work for ever, for nobody else, and say nothing about the person."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tactful.delivery.unsubscribe import OneClick, Scope, Unsubscribe, create_token, verify_token
from tactful.errors import InvalidSettings

SECRET, OTHER = b"a secret of ours 1", b"a secret of ours 2"


@given(st.text(min_size=1, max_size=40), st.sampled_from(["channel", "type", "all"]))
def test_a_token_says_what_it_was_made_for(decision_id: str, scope: Scope) -> None:
    token = create_token(SECRET, decision_id, scope)
    assert verify_token(token, [SECRET]) == Unsubscribe(decision_id, scope)
    assert all(character.isalnum() or character in "-_" for character in token)


@given(st.data())
def test_a_changed_token_is_worthless(data: st.DataObject) -> None:
    token = create_token(SECRET, "8f14e45fceea167a")
    raw = bytearray(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    changed = base64.urlsafe_b64encode(bytes(raw)).rstrip(b"=").decode()
    assert verify_token(changed, [SECRET]) is None


@given(st.text(max_size=60))
def test_nonsense_is_no_token(text: str) -> None:
    assert verify_token(text, [SECRET]) is None


def test_old_mails_keep_working_while_a_secret_is_replaced() -> None:
    token = create_token(SECRET, "d1")
    assert verify_token(token, [OTHER, SECRET]) == Unsubscribe("d1", "channel")
    assert verify_token(token, [OTHER]) is None
    assert verify_token(token, []) is None


def test_a_token_holds_the_decision_and_nothing_about_the_user() -> None:
    token = create_token(SECRET, "8f14e45fceea167a")
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    assert raw[16:] == b"\x008f14e45fceea167a"


def test_headers_offer_one_click_over_https() -> None:
    headers = OneClick("https://app.example/unsubscribe/", SECRET).headers("d1")
    link = headers["List-Unsubscribe"]
    assert link.startswith("<https://app.example/unsubscribe/")
    assert verify_token(link.rsplit("/", 1)[1].rstrip(">"), [SECRET]) == Unsubscribe("d1", "channel")
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


@pytest.mark.parametrize("url", ["http://app.example/u", "app.example", "https:///u", "https://app.example/u?x=1"])
def test_an_address_that_mail_providers_do_not_follow_is_refused(url: str) -> None:
    with pytest.raises(InvalidSettings, match="https"):
        OneClick(url, SECRET)


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(InvalidSettings, match="5 bytes"):
        create_token(b"short", "d1")


def test_the_secret_is_not_shown() -> None:
    assert "secret of ours" not in repr(OneClick("https://app.example/u", SECRET))
