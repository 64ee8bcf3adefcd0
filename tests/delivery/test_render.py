"""Rendering: a finished message or the list of what is missing, never a half-filled text."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from tactful.delivery.outbox import OutboxMessage, decode, encode
from tactful.delivery.protocol import Message
from tactful.delivery.render import Unrenderable, render
from tactful.events.event_type import EventType
from tactful.events.records import CHANNELS, Channel
from tactful.events.registry import Registry

DIGEST: dict[str, object] = {"post_title": "Cats & <dogs>", "url": "https://app.example/p?a=1&b=2"}


BASE = OutboxMessage(
    decision_id="d1",
    user_id="u1",
    channel="push",
    address="there",
    type="comment_digest",
    locale="en",
    candidate_id="c1",
    candidate_log_ts_us=1,
    payload=DIGEST,
    expires_at=datetime(2026, 3, 2, tzinfo=UTC),
)


def waiting(channel: Channel = "push", **changes: Any) -> OutboxMessage:
    return msgspec.structs.replace(BASE, channel=channel, **changes)


def event_type(name: str) -> EventType:
    registry = Registry.shipped()
    return registry.types[registry.index(name)]


def rendered(message: OutboxMessage) -> Message:
    result = render(event_type(message.type), message)
    assert isinstance(result, Message)
    return result


def test_placeholders_are_filled_from_payload_and_count() -> None:
    message = rendered(waiting(count=7))
    assert (message.title, message.body) == ("New comments: 7", "Your post is being discussed: Cats & <dogs>")


def test_values_are_escaped_in_html_bodies_and_only_there() -> None:
    message = rendered(waiting("email"))
    assert message.body.startswith("<p>")
    assert "Cats &amp; &lt;dogs&gt;" in message.body
    assert 'href="https://app.example/p?a=1&amp;b=2"' in message.body
    assert message.subject == "New comments on Cats & <dogs>: 1"


def test_a_quote_in_a_value_cannot_leave_an_attribute() -> None:
    evil = {**DIGEST, "url": 'https://x" onclick="steal()'}
    assert 'onclick="' not in rendered(waiting("email", payload=evil)).body


def test_a_line_break_in_a_value_cannot_add_a_mail_header() -> None:
    evil = {**DIGEST, "post_title": "Hello\r\nBcc: everyone@example.com"}
    assert rendered(waiting("email", payload=evil)).subject == "New comments on Hello Bcc: everyone@example.com: 1"


def test_braces_in_a_value_stay_as_they_are() -> None:
    assert "{url} {0}" in rendered(waiting(payload={**DIGEST, "post_title": "{url} {0}"})).body


@pytest.mark.parametrize(
    ("locale", "used"),
    [("pt", "pt"), ("pt-BR", "pt"), ("pt_BR", "pt"), ("xx-Latn-YY", "en"), ("en-GB", "en"), ("", "en")],
)
def test_a_missing_locale_falls_back_to_the_language_and_then_to_english(locale: str, used: str) -> None:
    message = rendered(waiting(locale=locale))
    assert message.locale == used
    assert message.title.startswith({"pt": "Novos", "en": "New"}[used])


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({}, "{post_title}: the payload has no such value"),
        ({"post_title": None}, "{post_title}: got a NoneType, expected a string or a number"),
        ({"post_title": ["a"]}, "{post_title}: got a list, expected a string or a number"),
        ({"post_title": True}, "{post_title}: got a bool, expected a string or a number"),
        ({"post_title": float("nan")}, "{post_title}: got nan, expected a finite number"),
    ],
)
def test_a_missing_value_gives_a_reason_and_no_message(payload: dict[str, object], reason: str) -> None:
    assert render(event_type("comment_digest"), waiting(payload=payload)) == Unrenderable((reason,))


def test_everything_that_is_missing_is_reported_at_once() -> None:
    result = render(event_type("comment_digest"), waiting("email", payload={}))
    assert isinstance(result, Unrenderable)
    assert [reason.split(":")[0] for reason in result.reasons] == ["{post_title}", "{url}"]


def test_a_channel_without_templates_gives_a_reason() -> None:
    result = render(event_type("comment_digest"), waiting("webhook"))
    assert result == Unrenderable(("type comment_digest has no webhook template in en",))


def test_every_shipped_type_renders_on_every_channel_it_names() -> None:
    for each in Registry.shipped().types:
        payload = dict.fromkeys(each.payload["properties"], "x")
        for channel in set(CHANNELS) & set(each.channels):
            message = rendered(waiting(channel, type=each.name, payload=payload))
            assert message.subject or message.title
            assert message.body


def test_an_outbox_message_survives_its_bytes() -> None:
    message = waiting("email", cancel_key="post-1", payload={"n": 1, "deep": {"x": [1.5, None]}})
    assert decode(encode(message)) == message
