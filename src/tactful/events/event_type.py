"""What one event type says, as frozen structs: the keys of a type's TOML file are their fields.

A key's meaning is written once, in its `Meta`; the reference page is made from it. How a file is read and
which mistakes are found is in `declaration`; the folder as a whole is in `registry`.
"""

import string
from datetime import timedelta
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta

from tactful.events.records import Channel

DEFAULT_LOCALE = "en"
"""The locale that every type must have templates in: the last resort of a user whose own is missing."""

COUNT = "count"
"""The placeholder every template may use: how many candidates the message tells about (mostly 1)."""

TEMPLATE_FIELDS: dict[Channel, tuple[str, ...]] = {
    "email": ("subject", "body"),
    "push": ("title", "body"),
    "web_push": ("title", "body"),
    "in_app": ("title", "body"),
    "webhook": ("title", "body"),
}
"""The texts that a message of each channel consists of: all of them, and no others."""

EngagedKind: TypeAlias = Literal["session", "view", "effective_view", "open", "click", "conversion"]
"""What a person may do that makes a message a success: `records.ACTIVE_KINDS`, spelled out as a type."""

Locale: TypeAlias = str
"""A language tag such as "en" or "pt-BR"."""


class Template(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The texts of a message in one channel and locale; how values stand in them says the type's `templating`."""

    subject: Annotated[str, Meta(description="The subject line; email only.")] = ""
    title: Annotated[str, Meta(description="The headline; every channel except email.")] = ""
    body: Annotated[str, Meta(description="The text; HTML in email, plain elsewhere.")] = ""


class Aggregation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How candidates of one user, type and `Candidate.group_key` become one message."""

    window: Annotated[
        timedelta,
        Meta(description="How long after its first candidate a group waits for `min_count` before fewer will do."),
    ]
    min_count: Annotated[
        int, Meta(ge=2, le=10_000, description="So many candidates of a group are told about without further waiting.")
    ]


class EngagementRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What counts as an engagement with a message of the type."""

    kinds: Annotated[
        tuple[EngagedKind, ...],
        Meta(min_length=1, description="The kinds of engagement that count as a success of the message."),
    ] = ("click",)
    within: Annotated[
        timedelta, Meta(description="How long after the send an engagement still counts for the message.")
    ] = timedelta(hours=24)


class Caps(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many messages of this type one user may get at most, whatever the budget; 0 is no cap."""

    daily: Annotated[
        int, Meta(ge=0, le=1_000, description="Messages of this type a user and day at most; 0: no cap.")
    ] = 0
    weekly: Annotated[
        int, Meta(ge=0, le=1_000, description="Messages of this type a user and week at most; 0: no cap.")
    ] = 0


class EventType(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One kind of event a person could be told about. `name` is the name of its file, without `.toml`."""

    name: str
    channels: Annotated[
        tuple[Channel, ...],
        Meta(min_length=1, description="The channels that may carry it, the preferred one first."),
    ]
    lifetime: Annotated[
        timedelta,
        Meta(description="How long after its creation it is worth telling, unless a candidate says otherwise."),
    ]
    payload: Annotated[
        dict[str, Any],
        Meta(description="JSON Schema (draft 2020-12) that a candidate's payload must satisfy."),
    ]
    templates: Annotated[
        dict[Channel, dict[Locale, Template]],
        Meta(description="The texts, as `[templates.<channel>.<locale>]`; `en` is needed for every channel."),
    ]
    templating: Annotated[
        Literal["braces", "jinja"],
        Meta(
            description="`braces`: `{name}` stands for that value. `jinja`: Jinja with conditions, loops and some "
            "filters (extra `serve` or `channels`)."
        ),
    ] = "braces"
    ranked: Annotated[
        bool,
        Meta(
            description="`true`: it waits in the user's pool and competes. `false` (transactional): it is "
            'sent at once if rights allow, and needs `wake = "now"`.'
        ),
    ] = True
    wake: Annotated[
        Literal["now", "slot"],
        Meta(description="`now`: decided when it arrives. `slot`: waits for the user's next good slot."),
    ] = "slot"
    max_wait: Annotated[
        timedelta | None,
        Meta(description='With `wake = "slot"`: decided after this long at the latest. Unset: its lifetime.'),
    ] = None
    priority: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="The larger stands first in the pool: first at equal utility, last to be dropped.",
        ),
    ] = 0.5
    critical: Annotated[
        bool, Meta(description="`true`: passes caps, budgets and quiet hours. For safety and security only.")
    ] = False
    aggregation: Annotated[
        Aggregation | None,
        Meta(description="Makes one message of a `group_key`'s candidates. Unset: the newest stands for them."),
    ] = None
    engagement: Annotated[EngagementRule, Meta(description="What counts as an engagement with its message.")] = (
        EngagementRule()
    )
    caps: Annotated[Caps, Meta(description="This type's own caps, beside the user's budget.")] = Caps()

    @property
    def transactional(self) -> bool:
        """Whether it bypasses ranking: sent at once, after filtering."""
        return not self.ranked


def placeholders(text: str) -> tuple[str, ...]:
    """Returns the names in braces of a template's text, in order; `{{` and `}}` are literal braces.

    Raises:
        ValueError: for a lone brace, or a placeholder that is no plain name (`{user.name}`, `{n:.2f}`, `{}`).

    >>> placeholders("{count} new comments on {post_title}")
    ('count', 'post_title')
    """
    names = []
    for _, name, spec, conversion in string.Formatter().parse(text):
        if name is None:
            continue
        if not name.isidentifier() or spec or conversion:
            raise ValueError(f"{{{name}}} is not a plain name in braces")
        names.append(name)
    return tuple(names)
