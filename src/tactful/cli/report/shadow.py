"""A shadow as a person reads it: the two senders side by side, what is foretold, and what nobody can know yet."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

from rich.console import Console
from rich.table import Table

from tactful.cli.report.text import bar

if TYPE_CHECKING:
    from tactful.experiments.interval import Interval
    from tactful.runtime.shadowing.report import ShadowReport

Cells: TypeAlias = tuple[str, ...]
_BAR: Final = 28
KNOWN: Final = (
    "Counted: who would have told whom what, when and through what, given that she lived through what the other sender "
    "sent until that morning."
)
FORETOLD: Final = (
    "Foretold: clicks and those who leave are what our models say of both. Ours were picked by these very models, so "
    "their errors flatter us. Intervals are over people; how wrong the models are is not in them."
)
UNKNOWN: Final = (
    "Not to be known from this log: which of the two does better. The other sender drew nothing at random, or nobody "
    "wrote down with which chances."
)

AGREEMENT: Final = ("", "both", "only they", "only we", "neither")
NAMED: Final = ("messages", "they", "we", "the same by both")
VOLUME: Final = ("messages a user and week", "they", "we", "user-days")
PREDICTED: Final = ("foretold", "they", "we", "we less they")
CHECKED: Final = ("of 1,000 of their messages", "happened", "foretold", "fits")


def print_shadow(told: "ShadowReport", out: Console) -> None:
    """Prints the report."""
    out.print(lead(told), markup=False)
    for heads, rows in tables(told):
        out.print()
        out.print(_table(heads, rows))
    out.print()
    out.print("Messages by the hour of each person's clock: they, we", style="bold")
    out.print(_hours(told), markup=False, no_wrap=True, overflow="ignore", crop=False)
    out.print()
    for line in (*notes(told), *(f"Next: {step}" for step in told.next_steps)):
        out.print(line, markup=False)


def lead(told: "ShadowReport") -> str:
    """Returns what was compared, in a sentence or two."""
    a = told.agreement.candidates
    parts = [
        f"{told.first_day} to {told.last_day}, {told.people:,} people: they sent {told.they:,} messages, we would have "
        f"sent {told.we:,}; nothing was sent.",
        f"Of {a.both:,} messages that both told, {told.agreement.within_hours[1]:,} came within an hour of each other, "
        f"{told.agreement.within_hours[3]:,} within three, {told.agreement.within_hours[24]:,} within a day; "
        f"{told.agreement.earlier:,} we would have told earlier, {told.agreement.same_channel:,} through the same "
        "channel.",
    ]
    return " ".join(parts[: 2 if a.both else 1])


def tables(told: "ShadowReport") -> list[tuple[Cells, list[Cells]]]:
    """Returns the tables as (heads, rows of texts)."""
    found = [
        (AGREEMENT, _agreement(told)),
        (NAMED, _named(told)),
        (VOLUME, _volume(told)),
        (PREDICTED, _foretold(told)),
    ]
    return [*found, (CHECKED, _checked(told))] if told.checked else found


def notes(told: "ShadowReport") -> list[str]:
    """Returns what the figures are, and what they are not."""
    found = [KNOWN, FORETOLD, UNKNOWN, f"`tactful evaluate` refuses: {told.refusal}."]
    if told.unknown:
        found.append(f"{told.unknown:,} of their messages went to people who were not known yet: nothing is foretold.")
    if told.refused:
        found.append(f"{told.refused:,} of what their log alone tells could not be offered to us.")
    if told.read is not None and told.read.rejected:
        found.append(f"{told.read.rejected:,} of {told.read.rows:,} rows of their log were refused (--rejects).")
    return found


def _agreement(told: "ShadowReport") -> list[Cells]:
    splits = (("user-days with a message", told.agreement.user_days), ("candidates told", told.agreement.candidates))
    return [
        (name, f"{one.both:,}", f"{one.only_they:,}", f"{one.only_we:,}", f"{one.neither:,}") for name, one in splits
    ]


def _named(told: "ShadowReport") -> list[Cells]:
    both = {**told.agreement.by_channel, **told.agreement.by_type}
    return [(name, f"{one.they:,}", f"{one.we:,}", f"{one.both:,}") for name, one in both.items()]


def _volume(told: "ShadowReport") -> list[Cells]:
    volume, days = told.volume, told.agreement.user_days
    every = days.both + days.only_they + days.only_we + days.neither
    of_segment = [(name, (one.they, one.we), one.user_days) for name, one in volume.by_segment.items()]
    rows = [("all", (volume.they, volume.we), every), *of_segment]
    return [(name, f"{they:.2f}", f"{we:.2f}", f"{days:,}") for name, (they, we), days in rows]


def _foretold(told: "ShadowReport") -> list[Cells]:
    volume = told.volume
    sends = (f"{volume.they:.3f}", f"{volume.we:.3f}", _interval(volume.difference, "+.3f"))
    a_week = [
        (f"{one.head} a user and week", f"{one.they_a_week:.4f}", f"{one.we_a_week:.4f}",
         _interval(one.difference, "+.4f"))
        for one in told.foretold
    ]  # fmt: skip
    of_1000 = [
        (f"{one.head} of 1,000 messages", f"{one.they_of_1000:.2f}", f"{one.we_of_1000:.2f}",
         _interval(one.of_1000, "+.2f") if one.of_1000 else "-")
        for one in told.foretold
    ]  # fmt: skip
    return [("messages a user and week", *sends), *a_week, *of_1000]


def _checked(told: "ShadowReport") -> list[Cells]:
    return [
        (one.head, _interval(one.happened, ".2f"), f"{one.foretold:.2f}", "yes" if one.fits else "no")
        for one in told.checked
    ]


def _interval(one: "Interval", form: str) -> str:
    return f"{one.value:{form}} [{one.low:{form}}, {one.high:{form}}]"


def _hours(told: "ShadowReport") -> str:
    they, we = told.volume.by_hour
    most = max(*they, *we, 1)
    lines = []
    for hour in range(24):
        if they[hour] or we[hour]:
            bars = (f"{count:>7,} {bar(count / most, _BAR):<{_BAR}}" for count in (they[hour], we[hour]))
            lines.append(f"{hour:02d}:00 {'  '.join(bars)}".rstrip())
    return "\n".join(lines)


def _table(heads: Cells, rows: Sequence[Cells]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for place, head in enumerate(heads):
        table.add_column(head, justify="right" if place else "left")
    for row in rows:
        table.add_row(*(cell.replace("[", "\\[") for cell in row))
    return table
