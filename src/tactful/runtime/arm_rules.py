"""The rules of an arm: those of everybody, but for what the arm changes."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from tactful.decision.rules import Rules
from tactful.errors import InvalidExperiment, InvalidSettings
from tactful.runtime.settings import Settings

FOR_ALL: Final = ("channel_mode", "price")
"""Rules that no arm has for itself: an engine keeps the names of what may climb a ladder by one of them, and without a
price no controller holds an arm's volume."""


def settings_of(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    """Returns the settings of an arm.

    A table, such as `weights`, is changed key by key: what the arm does not name stays as it is for everybody.

    Raises:
        InvalidExperiment: a rule is unknown, out of range, or the same for all arms.
    """
    if not changes:
        return settings
    fixed = sorted(changes.keys() & set(FOR_ALL))
    if fixed:
        raise InvalidExperiment(f"got an arm with rules {fixed} of its own, which all arms share; leave them out")
    told = msgspec.to_builtins(settings.rules)
    merged = {
        name: {**told[name], **value} if isinstance(value, Mapping) and isinstance(told.get(name), dict) else value
        for name, value in changes.items()
    }
    try:
        rules = msgspec.convert({**told, **merged}, Rules)
    except (msgspec.ValidationError, InvalidSettings) as error:
        raise InvalidExperiment(
            f"got the rules {dict(changes)} for an arm: {error}; see docs/reference/settings.md, [rules], for every key"
        ) from error
    return msgspec.structs.replace(settings, rules=rules)
