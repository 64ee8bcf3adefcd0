"""The reference page of event types says what the code says. Run this file to write the page's tables anew."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from msgspec import inspect

from tactful.events.declaration import MAX_DURATION, expectation
from tactful.events.event_type import TEMPLATE_FIELDS, EventType
from tactful.events.payload import MAX_DEPTH, MAX_PAYLOAD_BYTES
from tactful.events.registry import MAX_TYPES, Registry

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "event-types.md"


def table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, tuple("-" * 3 for _ in head), *rows))


def keys() -> str:
    root = inspect.type_info(EventType)
    assert isinstance(root, inspect.StructType)
    fields = [field for field in root.fields if field.name != "name"]
    return table(("key", "holds", "default", "meaning"), (row for field in fields for row in rows_of(field, "")))


def rows_of(field: inspect.Field, at: str) -> Iterator[tuple[str, ...]]:
    """The row of a key, and those of the keys within it."""
    assert isinstance(field.type, inspect.Metadata), f"{field.name} has no description"
    meaning = (field.type.extra_json_schema or {})["description"]
    default = "required" if field.required else shown(field.default)
    yield f"`{at}{field.name}`", expectation(field.type), default, meaning
    for inner, key in fields_within(field.type, f"{at}{field.name}."):
        yield from rows_of(inner, key)


def fields_within(kind: inspect.Type, at: str) -> Iterator[tuple[inspect.Field, str]]:
    match kind:
        case inspect.Metadata(type=inner):
            yield from fields_within(inner, at)
        case inspect.UnionType(types=types):
            for each in types:
                yield from fields_within(each, at)
        case inspect.DictType(key_type=inspect.LiteralType(), value_type=inspect.DictType(value_type=inner)):
            yield from fields_within(inner, at + "<channel>.<locale>.")
        case inspect.StructType(fields=fields):
            yield from ((field, at) for field in fields)


def shown(value: object) -> str:
    match value:
        case None:
            return "unset"
        case msgspec.Struct():
            return "its keys' defaults"
        case bool():
            return f"`{str(value).lower()}`"
        case timedelta():
            return f"`{hours(value)}`"
        case tuple():
            return "`[" + ", ".join(f'"{each}"' for each in value) + "]`"
        case "":
            return "by channel, below"
        case _:
            return f'`"{value}"`' if isinstance(value, str) else f"`{value}`"


def hours(length: timedelta) -> str:
    return f"{length / timedelta(hours=1):g}h"


def texts() -> str:
    rows = ((channel, ", ".join(f"`{text}`" for text in fields)) for channel, fields in TEMPLATE_FIELDS.items())
    return table(("channel", "texts"), rows)


def limits() -> str:
    rows = [
        ("event types", f"{MAX_TYPES}"),
        ("a duration", f"{MAX_DURATION.days} days"),
        ("a payload as stored (msgpack)", f"{MAX_PAYLOAD_BYTES:,} bytes"),
        ("levels of nesting in a payload", f"{MAX_DEPTH}"),
        ("a number in a payload", "finite"),
        ("`quality` of an item", "0 to 1"),
        ("`expires_at`", "not before `created_at`; both with an offset"),
    ]
    return table(("what", "at most"), iter(rows))


def shipped() -> str:
    head = ("type", "decided", "channels", "lifetime", "priority", "told together", "caps", "payload needs")
    return table(head, (shipped_row(each) for each in Registry.shipped().types))


def shipped_row(each: EventType) -> tuple[str, ...]:
    decided = "on arrival" if each.wake == "now" else "at a slot"
    if each.max_wait:
        decided += f", within {hours(each.max_wait)}"
    together = f"{each.aggregation.min_count} in {hours(each.aggregation.window)}" if each.aggregation else "no"
    caps = [f"{cap} a {span}" for cap, span in ((each.caps.daily, "day"), (each.caps.weekly, "week")) if cap]
    return (
        f"`{each.name}`" + (" (critical, transactional)" if each.critical and each.transactional else ""),
        decided,
        ", ".join(each.channels),
        hours(each.lifetime),
        f"{each.priority:g}",
        together,
        ", ".join(caps) or "none",
        ", ".join(f"`{key}`" for key in each.payload["required"]),
    )


SECTIONS = {"keys": keys, "texts": texts, "limits": limits, "shipped": shipped}


def parts(page: str, section: str) -> tuple[str, str, str]:
    """What stands before, between and after a section's two markers."""
    start, end = f"<!-- {section} -->\n", f"<!-- end of {section} -->"
    before, _, rest = page.partition(start)
    between, _, after = rest.partition(end)
    return before + start, between.strip(), end + after


@pytest.mark.parametrize("section", SECTIONS)
def test_table_of_the_page_is_what_the_code_says(section: str) -> None:
    _, between, _ = parts(PAGE.read_text(encoding="utf-8"), section)
    assert between == SECTIONS[section](), f"{PAGE} is out of date; run: python tests/events/{Path(__file__).name}"


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    for name, content in SECTIONS.items():
        before, _, after = parts(text, name)
        text = f"{before}{content()}\n{after}"
    PAGE.write_text(text, encoding="utf-8")
