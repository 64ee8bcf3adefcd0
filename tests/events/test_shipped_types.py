"""The shipped types: the six of a social or content app, speaking English and Portuguese."""

from pathlib import Path
from typing import get_args

import pytest

import tactful.events
from tactful.events.event_type import TEMPLATE_FIELDS, EngagedKind, EventType, Template, placeholders
from tactful.events.records import ACTIVE_KINDS, CHANNELS
from tactful.events.registry import Registry

TYPES = Registry.shipped().types
FILES = sorted((Path(tactful.events.__file__).parent / "types").glob("*.toml"))


def test_the_six_types_are_shipped() -> None:
    assert {each.name for each in TYPES} >= {
        "recommendation",
        "new_follower",
        "comment_digest",
        "new_content_from_followed",
        "win_back",
        "security_alert",
    }


@pytest.mark.parametrize("event_type", TYPES, ids=lambda each: each.name)
def test_shipped_type_speaks_english_and_portuguese_by_email_and_push(event_type: EventType) -> None:
    assert {"email", "push"} <= set(event_type.channels)
    for channel in event_type.channels:
        assert set(event_type.templates[channel]) >= {"en", "pt"}


@pytest.mark.parametrize("event_type", TYPES, ids=lambda each: each.name)
def test_translations_of_a_shipped_text_tell_the_same_facts(event_type: EventType) -> None:
    for by_locale in event_type.templates.values():
        facts = {frozenset(_placeholders_of(template)) for template in by_locale.values()}
        assert len(facts) == 1


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_shipped_file_begins_with_its_purpose_and_reasons(file: Path) -> None:
    comment = [line for line in file.read_text().splitlines()[:8] if line.startswith("# ")]
    assert len(comment) >= 3


def test_only_the_security_alert_is_critical() -> None:
    critical = [each for each in TYPES if each.critical]
    assert [each.name for each in critical] == ["security_alert"]
    assert critical[0].transactional
    assert critical[0].wake == "now"


def test_every_channel_has_its_texts() -> None:
    assert set(TEMPLATE_FIELDS) == set(CHANNELS)


def test_engaged_kinds_are_the_active_kinds() -> None:
    assert set(get_args(EngagedKind)) == ACTIVE_KINDS


def _placeholders_of(template: Template) -> set[str]:
    return {name for text in (template.subject, template.title, template.body) for name in placeholders(text)}
