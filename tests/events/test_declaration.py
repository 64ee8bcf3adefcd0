"""Every mistake in an event-type file is reported with file, key, what was got and what was expected."""

import contextlib
import re
from datetime import timedelta
from pathlib import Path

import pytest

from tactful.errors import InvalidEventType
from tactful.events.declaration import declare, duration
from tactful.events.registry import Aggregation, Caps, EngagementRule, Template

VALID = """
channels = ["push", "email"]
lifetime = "2d"
ranked = true
wake = "slot"
max_wait = "90m"
priority = 0.5
critical = false
aggregation = { window = "6h", min_count = 3 }
engagement = { kinds = ["click", "open"], within = "12h" }
caps = { daily = 1, weekly = 3 }

[payload]
type = "object"
required = ["who", "n", "tags"]

[payload.properties]
who = { type = "string" }
n = { type = "integer" }
tags = { type = "array" }
maybe = { type = "string" }

[templates.push.en]
title = "{count} x {n}"
body = "{who} {{here}}"

[templates.email.en]
subject = "Hello {who}"
body = "Text"

[templates.email.pt-BR]
subject = "Oi {who}"
body = "Texto"
"""


def report(folder: Path, text: str, name: str = "greeting.toml") -> list[str]:
    """The lines of the error for a file with this text, without the folder."""
    file = folder / name
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidEventType) as caught:
        declare(file)
    return str(caught.value).replace(f"{folder}/", "").splitlines()


def changed(*changes: tuple[str, str]) -> str:
    text = VALID
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def test_file_without_mistakes_becomes_its_event_type(tmp_path: Path) -> None:
    file = tmp_path / "greeting.toml"
    file.write_text(VALID)
    event_type = declare(file)
    assert event_type.name == "greeting"
    assert event_type.channels == ("push", "email")
    assert event_type.lifetime == timedelta(days=2)
    assert event_type.max_wait == timedelta(minutes=90)
    assert event_type.aggregation == Aggregation(window=timedelta(hours=6), min_count=3)
    assert event_type.engagement == EngagementRule(kinds=("click", "open"), within=timedelta(hours=12))
    assert event_type.caps == Caps(daily=1, weekly=3)
    assert event_type.templates["email"]["pt-BR"] == Template(subject="Oi {who}", body="Texto")
    assert event_type.payload["required"] == ["who", "n", "tags"]
    assert not event_type.transactional


def test_keys_left_out_take_their_defaults(tmp_path: Path) -> None:
    file = tmp_path / "plain.toml"
    file.write_text(
        'channels = ["push"]\nlifetime = "1h"\npayload = {}\ntemplates.push.en = { title = "a", body = "b" }'
    )
    event_type = declare(file)
    assert (event_type.ranked, event_type.wake, event_type.critical) == (True, "slot", False)
    assert (event_type.max_wait, event_type.aggregation) == (None, None)
    assert event_type.caps == Caps(daily=0, weekly=0)


DURATION = 'a duration such as "90m", "24h" or "7d", at most 366 days'
CHANNEL = "one of email, in_app, push, web_push, webhook"


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            "max_wait",
            "max_wat",
            "max_wat: got an unknown key, expected one of channels, lifetime, payload, templates, templating, ranked, "
            'wake, max_wait, priority, critical, aggregation, engagement, caps (did you mean "max_wait"?)',
        ),
        (
            "weekly =",
            "wekly =",
            'caps.wekly: got an unknown key, expected one of daily, weekly (did you mean "weekly"?)',
        ),
        ('lifetime = "2d"\n', "", f"lifetime: got nothing, expected {DURATION}"),
        ("ranked = true", 'ranked = "yes"', 'ranked: got "yes", expected true or false'),
        ("critical = false", "critical = 0", "critical: got 0, expected true or false"),
        ("daily = 1", 'daily = "one"', 'caps.daily: got "one", expected a whole number from 0 to 1000'),
        ("daily = 1", "daily = true", "caps.daily: got true, expected a whole number from 0 to 1000"),
        ("daily = 1", "daily = -1", "caps.daily: got -1, expected a whole number from 0 to 1000"),
        (
            "min_count = 3",
            "min_count = 1",
            "aggregation.min_count: got 1, expected a whole number from 2 to 10000",
        ),
        ("priority = 0.5", "priority = 2", "priority: got 2, expected a number from 0 to 1"),
        ("priority = 0.5", "priority = nan", "priority: got NaN, expected a number from 0 to 1"),
        (
            'channels = ["push", "email"]',
            'channels = ["push", "emial"]',
            f'channels[1]: got "emial", expected {CHANNEL} (did you mean "email"?)',
        ),
        (
            'channels = ["push", "email"]',
            "channels = []",
            'channels: got [], expected a list of one or more, each one of "email", "in_app", '
            '"push", "web_push", "webhook"',
        ),
        (
            'channels = ["push", "email"]',
            'channels = ["push", "email", "push"]',
            "channels: got push, email, push, expected each channel once, the preferred one first",
        ),
        ('wake = "slot"', 'wake = "soon"', 'wake: got "soon", expected one of now, slot'),
        ('lifetime = "2d"', 'lifetime = "two days"', f'lifetime: got "two days", expected {DURATION}'),
        ('lifetime = "2d"', "lifetime = 48", f"lifetime: got 48, expected {DURATION}"),
        ('lifetime = "2d"', 'lifetime = "367d"', f'lifetime: got "367d", expected {DURATION}'),
        ('window = "6h"', 'window = "0h"', f'aggregation.window: got "0h", expected {DURATION}'),
        (
            'aggregation = { window = "6h", min_count = 3 }',
            "aggregation = 3",
            "aggregation: got 3, expected a table",
        ),
        (
            'kinds = ["click", "open"]',
            'kinds = ["clik"]',
            'engagement.kinds[0]: got "clik", expected one of click, conversion, effective_view, open, '
            'session, view (did you mean "click"?)',
        ),
        (
            'type = "object"',
            'type = "objekt"',
            'payload.type: got no JSON Schema ("objekt" is not valid under any of the schemas listed in the '
            "'anyOf' keyword), expected draft 2020-12",
        ),
        (
            "maybe = { type",
            "count = { type",
            "payload.properties.count: got a property that hides {count}, expected another name",
        ),
        (
            "Hello {who}",
            "Hello {whom}",
            "templates.email.en.subject: got the placeholder {whom}, expected one that payload.properties "
            "declares (who, n, tags, maybe, count)",
        ),
        (
            "Hello {who}",
            "Hello {maybe}",
            'templates.email.en.subject: got the placeholder {maybe}, expected "maybe" in payload.required, '
            "since a message cannot do without it",
        ),
        (
            "Hello {who}",
            "Hello {tags}",
            "templates.email.en.subject: got the placeholder {tags}, expected payload.properties.tags.type "
            'to be "string", "integer" or "number"',
        ),
        (
            "Hello {who}",
            "Hello {who.name}",
            "templates.email.en.subject: got a malformed placeholder ({who.name} is not a plain name in "
            "braces), expected {name}, or {{ for a brace",
        ),
        (
            "Hello {who}",
            "Hello {who",
            "templates.email.en.subject: got a malformed placeholder (expected '}' before end of string), "
            "expected {name}, or {{ for a brace",
        ),
        (
            "[templates.push.en]",
            "[templates.push.pt]",
            "templates.push.en: got nothing, expected a table with title and body",
        ),
        (
            'channels = ["push", "email"]',
            'channels = ["push", "email", "in_app"]',
            "templates.in_app.en: got nothing, expected a table with title and body",
        ),
        (
            'channels = ["push", "email"]',
            'channels = ["push"]',
            "templates.email: got templates for a channel that is not in `channels`, expected none",
        ),
        ('subject = "Hello {who}"\n', "", "templates.email.en.subject: got nothing, expected text"),
        ('subject = "Hello {who}"', "subject = 7", "templates.email.en.subject: got 7, expected text"),
        (
            'subject = "Hello {who}"',
            'subject = "Hello"\ntitle = "Hello"',
            "templates.email.en.title: got text, expected none: email shows subject and body",
        ),
        (
            "[templates.email.pt-BR]",
            "[templates.email.pt_BR]",
            'templates.email.pt_BR: got the locale "pt_BR", expected a language tag such as "en" or "pt-BR"',
        ),
        (
            'max_wait = "90m"',
            'max_wait = "3d"',
            "max_wait: got 72h, expected at most the lifetime of 48h",
        ),
        (
            'wake = "slot"',
            'wake = "now"',
            'max_wait: got a wait with wake = "now", expected none: the candidate is decided on arrival',
        ),
        (
            'window = "6h"',
            'window = "3d"',
            "aggregation.window: got 72h, expected at most the lifetime of 48h: its candidates would "
            "expire while they wait",
        ),
        (
            "critical = false",
            "critical = true",
            "caps: got a cap with critical = true, expected none: a critical type passes caps",
        ),
        ("daily = 1", "daily = 5", "caps.weekly: got 3, expected 0 or at least the daily cap of 5"),
    ],
)
def test_one_mistake_gives_one_line_with_key_got_and_expected(tmp_path: Path, old: str, new: str, line: str) -> None:
    assert report(tmp_path, changed((old, new))) == [f"greeting.toml: {line}"]


def test_transactional_type_that_waits_or_aggregates_is_refused(tmp_path: Path) -> None:
    assert report(tmp_path, changed(("ranked = true", "ranked = false"))) == [
        'greeting.toml: wake: got "slot" with ranked = false, expected "now": a transactional type is sent at once',
        "greeting.toml: aggregation: got it with ranked = false, expected none: "
        "a transactional type waits for no others",
    ]


def test_unknown_channel_among_the_templates_is_named_with_the_nearest_spelling(tmp_path: Path) -> None:
    lines = report(tmp_path, changed(("[templates.push.en]", "[templates.pusch.en]")))
    assert f'greeting.toml: templates.pusch: got "pusch", expected {CHANNEL} (did you mean "push"?)' in lines


def test_all_mistakes_of_a_file_are_reported_at_once(tmp_path: Path) -> None:
    text = changed(
        ('lifetime = "2d"', 'lifetime = "2 days"'),
        ("daily = 1", "daily = 1.5"),
        ('channels = ["push", "email"]', 'channels = ["push", "email", "sms"]'),
        ("Hello {who}", "Hello {whom}"),
        ("[payload]", 'colour = "red"\n[payload]'),
        ("priority", "prority"),
    )
    keys = [line.split(": ")[1] for line in report(tmp_path, text)]
    assert sorted(keys) == [
        "caps.daily",
        "channels[2]",
        "colour",
        "lifetime",
        "prority",
        "templates.email.en.subject",
    ]


def test_text_that_is_not_toml_is_reported_with_its_line(tmp_path: Path) -> None:
    (line,) = report(tmp_path, "channels = [\nlifetime")
    assert line.startswith("greeting.toml: (file): got text that is not TOML (")
    assert "line 2" in line


def test_schema_that_points_to_another_document_is_refused(tmp_path: Path) -> None:
    (line,) = report(tmp_path, changed(('type = "object"', '"$ref" = "https://example.org/who.json"')))
    assert line.startswith("greeting.toml: payload: got no JSON Schema (")


def test_file_name_that_is_no_identifier_is_refused(tmp_path: Path) -> None:
    (line,) = report(tmp_path, VALID, "New-Follower.toml")
    assert line.startswith('New-Follower.toml: (file name): got "New-Follower", expected lower-case letters')


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("45s", timedelta(seconds=45)),
        ("90m", timedelta(minutes=90)),
        ("24h", timedelta(days=1)),
        ("7d", timedelta(days=7)),
        ("2w", timedelta(days=14)),
    ],
)
def test_duration_is_a_whole_number_and_a_unit(text: str, expected: timedelta) -> None:
    assert duration(text) == expected


@pytest.mark.parametrize("text", ["", "7", "d", "-1d", "1.5h", "1h30m", "7 d", "٧d", "0m", "367d", "9" * 30 + "d"])
def test_any_other_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is "):
        duration(text)


ODD_VALUES = ("true", "-1", "nan", "1979-05-27", '""', '"{"', '"{}"', "[]", "[[]]", "{}", "{ a = 1 }", '["push", 3]')


@pytest.mark.parametrize("key", re.findall(r"^(\w+) = ", VALID, re.MULTILINE))
def test_odd_value_under_any_key_is_taken_or_reported_but_never_crashes(tmp_path: Path, key: str) -> None:
    file = tmp_path / "greeting.toml"
    for value in ODD_VALUES:
        file.write_text(re.sub(rf"^{key} = .*$", f"{key} = {value}", VALID, flags=re.MULTILINE))
        with contextlib.suppress(InvalidEventType):
            declare(file)


@pytest.mark.parametrize("table", ["payload", "payload.properties", "templates.push.en", "templates.push", "templates"])
def test_odd_value_in_place_of_a_table_is_taken_or_reported_but_never_crashes(tmp_path: Path, table: str) -> None:
    file = tmp_path / "greeting.toml"
    head, *sections = re.split(r"^(?=\[)", VALID, flags=re.MULTILINE)
    kept = [section for section in sections if not section.startswith((f"[{table}]", f"[{table}."))]
    for value in ODD_VALUES:
        file.write_text(f"{table} = {value}\n{head}{''.join(kept)}")
        with contextlib.suppress(InvalidEventType):
            declare(file)
