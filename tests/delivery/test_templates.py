"""Templates in Jinja: what may stand in them, what payloads cannot do to them, and how large they grow."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tactful.delivery.outbox import OutboxMessage
from tactful.delivery.protocol import Message
from tactful.delivery.render import Unrenderable, render
from tactful.errors import InvalidEventType
from tactful.events.declaration import declare
from tactful.events.event_type import EventType
from tactful.events.records import Channel

FILE = """
channels = ["email", "push"]
lifetime = "2d"
templating = "jinja"

[payload]
type = "object"
required = ["who", "url", "posts"]

[payload.properties]
who = { type = "string" }
url = { type = "string" }
posts = { type = "array" }
note = { type = "string" }

[templates.email.en]
subject = "SUBJECT"
body = '''BODY'''

[templates.push.en]
title = "{{ who|upper }}"
body = "{{ count }} new{% if note is defined %}: {{ note }}{% endif %}"
"""
LIST = "{% for p in posts %}{{ p.title }}{% if not loop.last %}, {% endif %}{% endfor %}"
BODY = '<p>{{ who }} <a href="{{ url }}">' + LIST + "</a></p>"
PAYLOAD: dict[str, Any] = {
    "who": "Ann & <Bob>",
    "url": "https://app.example/?a=1&b=2",
    "posts": [{"title": "One"}, {"title": "Two"}],
}


def declared(folder: Path, body: str = BODY, subject: str = "Hello {{ who }}") -> EventType:
    file = folder / "news.toml"
    file.write_text(FILE.replace("BODY", body).replace("SUBJECT", subject))
    return declare(file)


def filled(kind: EventType, channel: Channel = "email", **payload: Any) -> Message | Unrenderable:
    waiting = OutboxMessage(
        decision_id="d1", user_id="u1", channel=channel, address="there", type="news", locale="pt", candidate_id="c",
        candidate_log_ts_us=1, payload={**PAYLOAD, **payload}, count=3, expires_at=datetime(2026, 3, 2, tzinfo=UTC),
    )  # fmt: skip
    return render(kind, waiting)


def made(kind: EventType, channel: Channel = "email", **payload: Any) -> Message:
    message = filled(kind, channel, **payload)
    assert isinstance(message, Message), message
    return message


def reasons(kind: EventType, **payload: Any) -> str:
    message = filled(kind, **payload)
    assert isinstance(message, Unrenderable), message
    return "; ".join(message.reasons)


def test_values_conditions_and_loops_make_a_message_and_values_are_escaped_in_html_alone(tmp_path: Path) -> None:
    kind = declared(tmp_path)
    mail = made(kind)
    assert mail.subject == "Hello Ann & <Bob>"
    assert mail.body == '<p>Ann &amp; &lt;Bob&gt; <a href="https://app.example/?a=1&amp;b=2">One, Two</a></p>'
    assert (made(kind, "push").title, made(kind, "push").body) == ("ANN & <BOB>", "3 new")
    assert made(kind, "push", note="x").body == "3 new: x"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("{{ nobody }}", "nobody"),
        ("{{ note }}", '"note" in payload.required'),
        ("{% if %}", "no Jinja"),
        ("{{ range(10) }}", "Call"),
        ("{% for i in posts %}{% for j in posts %}{% for k in posts %}x{% endfor %}{% endfor %}{% endfor %}", "3 deep"),
        ("{{ who * 1000000 }}", "Mul"),
        ("{{ 9 ** 9 ** 9 }}", "Pow"),
        ("{{ who|safe }}", "filter safe"),
        ("{{ who|center(100000000) }}", "filter center"),
        ("{{ '%1000000000d'|format(1) }}", "filter format"),
        ("{{ who.__class__.__mro__ }}", "underscore"),
        ("{{ who['__class__'] }}", ""),
        ("{% include 'x' %}", "Include"),
        ("{% set x = 1 %}", "Assign"),
        ("{% macro m() %}{% endmacro %}", "Macro"),
        ("{% autoescape false %}{{ who }}{% endautoescape %}", "got Scope"),
    ],
)
def test_what_could_run_away_or_is_not_there_is_refused_when_the_file_is_loaded(
    tmp_path: Path, body: str, says: str
) -> None:
    if not says:  # allowed to stand there; the sandbox gives nothing of it
        assert "Undefined" in reasons(declared(tmp_path, body)) or "Security" in reasons(declared(tmp_path, body))
        return
    with pytest.raises(InvalidEventType, match=says):
        declared(tmp_path, body)


def test_a_value_is_never_read_as_a_template(tmp_path: Path) -> None:
    evil = "{{ 7 * 7 }}{% for x in range(9) %}{{ url }}{% endfor %}"
    mail = made(declared(tmp_path), who=evil)
    assert "{{ 7 * 7 }}" in mail.body
    assert "{{ 7 * 7 }}" in mail.subject


def test_a_value_cannot_add_a_header_or_leave_an_attribute(tmp_path: Path) -> None:
    assert made(declared(tmp_path), who="Hi\r\nBcc: all@example.com").subject == "Hello Hi Bcc: all@example.com"
    assert 'onclick="' not in made(declared(tmp_path), url='https://x" onclick="steal()').body


HARMFUL = (
    *("javascript:alert(1)", " JaVaScRiPt:alert(1)", "java\tscript:alert(1)", "\u200bjavascript:x"),
    *("data:text/html,x", "vbscript:x"),
)


@pytest.mark.parametrize("url", HARMFUL)
def test_a_link_that_runs_code_is_not_sent(tmp_path: Path, url: str) -> None:
    assert "runs code" in reasons(declared(tmp_path), url=url)
    assert isinstance(filled(declared(tmp_path), "push", url=url), Unrenderable)


def test_an_attribute_without_quotes_lets_no_code_in(tmp_path: Path) -> None:
    kind = declared(tmp_path, "<a href={{ url }}>{{ who }}</a>")
    assert "onmouseover" in reasons(kind, url="https://x onmouseover=steal()")


def test_lists_texts_and_results_are_bounded(tmp_path: Path) -> None:
    kind = declared(tmp_path, "{% for a in posts %}{% for b in posts %}{{ who }}{% endfor %}{% endfor %}")
    assert "1000 items" in reasons(kind, posts=[0] * 1001)
    assert "65536 characters" in reasons(kind, who="x" * 65537)
    began = time.process_time()
    assert "262144 characters" in reasons(kind, posts=[0] * 1000, who="x" * 100)
    assert time.process_time() - began < 5.0


def test_what_is_missing_is_never_sent_half_filled(tmp_path: Path) -> None:
    kind = declared(tmp_path, "{% for p in posts %}{{ p.title }}{% endfor %}")
    assert "title" in reasons(kind, posts=[{"name": "x"}])
