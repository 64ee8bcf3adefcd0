"""Which column of another sender's log is what: one small TOML file, as for an import, parsed into frozen structs."""

import tomllib
from datetime import timedelta
from pathlib import Path

import msgspec

from tactful.errors import InvalidMapping
from tactful.events.declaration import duration
from tactful.events.records import Channel, EngagementKind
from tactful.features.context import Zones
from tactful.runtime.importing.mapping import Choice, Column, Defaults, Mapping, Time


class Known(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Since when there was something to tell: an instant in a column, or so long before the send (`"12h"`)."""

    column: Column | None = None
    before: str | None = None

    @property
    def lead(self) -> timedelta:
        """How long before the send."""
        return duration(self.before) if self.before else timedelta()


class SendsMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which column is what. One row is one message that the other sender sent.

    Attributes:
        user, time: to whom, and when.
        type: which of our event types; `values` translates the other sender's words.
        channel: through what.
        candidate: the id of what was told, as the events in the store have it; without it every row is something else.
        known: since when we could have told it, where the store does not have it; by default since the send.
        clicked, unsubscribed: columns that say whether she did: empty, 0, `false` and `no` are no, all else is yes.
        users: what to assume of people who have no profile in the store.
    """

    user: Column
    time: Time
    type: Choice[str]
    channel: Choice[Channel]
    candidate: Column | None = None
    known: Known = Known()
    clicked: Column | None = None
    unsubscribed: Column | None = None
    users: Defaults = Defaults()

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read, each once."""
        named = (
            self.user, self.time.column, self.type.column, self.channel.column, self.candidate, self.known.column,
            self.clicked, self.unsubscribed,
        )  # fmt: skip
        return tuple(dict.fromkeys(column for column in named if column is not None))

    @property
    def as_receipts(self) -> Mapping:
        """The same as a log of engagements, so that the import reads what both have."""
        kind: Choice[EngagementKind] = Choice(constant="receipt")
        return Mapping(user=self.user, time=self.time, kind=kind, item=self.candidate, channel=self.channel)


def load_sends_mapping(path: Path) -> SendsMapping:
    """Returns the mapping in a TOML file.

    Raises:
        InvalidMapping: naming file and key, what was got and what was expected.
        UnknownTimeZone: for a zone that is not in the IANA data base.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidMapping(f"{path}: got {error}, expected a readable TOML file") from error
    try:
        mapping = msgspec.convert(table, SendsMapping)
    except msgspec.ValidationError as error:
        raise InvalidMapping(f"{path}: {error}; expected the keys of docs/how-to/run-in-shadow.md") from error
    if fault := _fault(mapping):
        raise InvalidMapping(f"{path}: {fault}")
    Zones.of((mapping.users.timezone, mapping.time.timezone or "UTC"))
    return mapping


def _fault(mapping: SendsMapping) -> str:
    for key, choice in (("type", mapping.type), ("channel", mapping.channel)):
        if (choice.column is None) == (choice.constant is None):
            return f"{key}: got both or neither of column and constant, expected one of them"
    if mapping.known.column and mapping.known.before:
        return "known: got column and before, expected one of them"
    try:
        _ = mapping.known.lead
    except ValueError as error:
        return f'known.before: got {error}, expected a duration such as "12h"'
    return ""
