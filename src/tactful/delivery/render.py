"""From an event type's templates and a payload to a finished message, or to the list of what is missing.

Which texts a type has is checked when its file is loaded; here only the values can be missing.
"""

import html
import math
import string
from collections.abc import Callable, Mapping
from typing import TypeAlias

import msgspec

from tactful.delivery.markup import harm_in, harmful
from tactful.delivery.outbox import OutboxMessage
from tactful.delivery.protocol import Message
from tactful.events.event_type import COUNT, DEFAULT_LOCALE, EventType, Template, placeholders
from tactful.events.records import Channel

HTML_BODIES: frozenset[Channel] = frozenset({"email"})
"""Channels whose body is HTML: the template's markup stays, the values are escaped."""


LINK = "url"
"""The payload's value that says where a tap leads."""


class Unrenderable(msgspec.Struct, frozen=True):
    """No message, and why: a reason a line, each naming the placeholder or the template that is wanting."""

    reasons: tuple[str, ...]


Rendered: TypeAlias = Message | Unrenderable
_Escape: TypeAlias = Callable[[str], str]


def render(event_type: EventType, message: OutboxMessage, headers: Mapping[str, str] | None = None) -> Rendered:
    """Returns the finished message, or everything that it lacks; never a half-filled text.

    A value may be a string or a finite number. Locales are tried from the user's own to ever shorter ones
    (`pt-BR`, `pt`), then `en`.
    """
    found = find_template(event_type, message.channel, message.locale)
    if found is None:
        return Unrenderable((f"type {event_type.name} has no {message.channel} template in {DEFAULT_LOCALE}",))
    locale, template = found
    values = {**message.payload, COUNT: message.count}
    link = message.payload.get(LINK)
    texts = _texts(event_type, template, values, message.channel in HTML_BODIES)
    if isinstance(texts, Unrenderable):
        return texts
    harm = harm_in(texts.body) if message.channel in HTML_BODIES else None
    if harm is None and isinstance(link, str) and harmful(link):
        harm = f"{{{LINK}}}: got an address that runs code or is no link; use https, or a scheme of the app's own"
    if harm is not None:
        return Unrenderable((harm,))
    return Message(
        channel=message.channel,
        address=message.address,
        type=event_type.name,
        locale=locale,
        subject=_one_line(texts.subject),
        title=_one_line(texts.title),
        body=texts.body,
        headers=dict(headers or {}),
        link=link if isinstance(link, str) else "",
        decision_id=message.decision_id,
        user_id=message.user_id,
        expires_at=message.expires_at,
        collapse_key=message.collapse_key,
    )


def find_template(event_type: EventType, channel: Channel, locale: str) -> tuple[str, Template] | None:
    """Returns the nearest locale that the type has a template for, and the template; None if it has none."""
    by_locale = event_type.templates.get(channel, {})
    for tried in locale_chain(locale):
        if tried in by_locale:
            return tried, by_locale[tried]
    return None


def locale_chain(locale: str) -> tuple[str, ...]:
    """Returns the locales to try, the user's own first and the default one last.

    >>> locale_chain("zh_Hant_TW")
    ('zh-Hant-TW', 'zh-Hant', 'zh', 'en')
    """
    parts = locale.replace("_", "-").split("-")
    chain = ["-".join(parts[:length]) for length in range(len(parts), 0, -1)]
    return tuple(dict.fromkeys([*chain, DEFAULT_LOCALE]))


def _texts(
    event_type: EventType, template: Template, values: Mapping[str, object], is_html: bool
) -> Template | Unrenderable:
    """The template with its values in place, or what is missing."""
    if event_type.templating == "jinja":
        return _by_jinja(template, values, is_html)
    wanted = [n for t in (template.subject, template.title, template.body) for n in placeholders(t)]
    reasons = tuple(problem for name in dict.fromkeys(wanted) if (problem := _problem(name, values)))
    if reasons:
        return Unrenderable(reasons)
    texts = {name: str(values[name]) for name in wanted}
    return Template(
        subject=_fill(template.subject, texts, _one_line),
        title=_fill(template.title, texts, _one_line),
        body=_fill(template.body, texts, html.escape if is_html else _as_is),
    )


def _by_jinja(template: Template, values: Mapping[str, object], is_html: bool) -> Template | Unrenderable:
    from tactful.events import jinja  # needs an extra, and only these types do

    try:
        return Template(
            subject=jinja.fill(template.subject, values, html=False),
            title=jinja.fill(template.title, values, html=False),
            body=jinja.fill(template.body, values, is_html),
        )
    except jinja.CannotFill as error:
        return Unrenderable((str(error),))


def _problem(name: str, values: Mapping[str, object]) -> str | None:
    if name not in values:
        return f"{{{name}}}: the payload has no such value"
    value = values[name]
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return f"{{{name}}}: got a {type(value).__name__}, expected a string or a number"
    if isinstance(value, float) and not math.isfinite(value):
        return f"{{{name}}}: got {value}, expected a finite number"
    return None


def _fill(text: str, values: Mapping[str, str], escape: _Escape) -> str:
    """The text with its placeholders filled; a brace or a name in a value is never read as a placeholder."""
    return "".join(
        literal + (escape(values[name]) if name is not None else "")
        for literal, name, _, _ in string.Formatter().parse(text)
    )


def _as_is(value: str) -> str:
    return value


def _one_line(value: str) -> str:
    """A line break in a subject would let a payload add mail headers of its own."""
    return " ".join(value.split())
