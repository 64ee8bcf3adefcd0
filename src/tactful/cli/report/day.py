"""A day through another policy, as a person reads it: what changed, what is foretold of it, and for whom."""

from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from tactful.runtime.replaying_day import DayComparison, Message

_SHOWN: Final = 10
_WORDS: Final = {
    "same": "the same message",
    "other_hour": "at another hour",
    "other_channel": "on another channel",
    "other_candidate": "another message instead",
    "not_sent": "not sent",
    "sent_only_now": "sent only by the other settings",
}


def print_day(found: "DayComparison", out: Console) -> None:
    """Prints counts, what is foretold of both, and the first changes."""
    one, other = found.recorded, found.replayed
    table = Table(title=f"{found.day} (UTC) through other settings", title_justify="left")
    for head in ("", "recorded", "replayed", "difference"):
        table.add_column(head, justify="left" if not head else "right")
    table.add_row("messages", f"{one.sends:,}", f"{other.sends:,}", f"{other.sends - one.sends:+,}")
    for name, mine, theirs in (
        ("clicks, foretold", one.clicks, other.clicks),
        ("unsubscribes, foretold", one.unsubscribes, other.unsubscribes),
        ("utility, foretold", one.utility, other.utility),
    ):
        table.add_row(name, f"{mine:.4g}", f"{theirs:.4g}", f"{theirs - mine:+.3g}")
    out.print(table)
    told = ", ".join(f"{_WORDS[how]} {number:,}" for how, number in found.counts.items() if number)
    out.print(f"{found.people:,} people with a message. {told or 'No message in either'}.", markup=False)
    if found.changes:
        out.print(_changes(found))
        if len(found.changes) > _SHOWN:
            out.print(f"{len(found.changes) - _SHOWN:,} more with --json.")
    if found.other_weights:
        out.print("The two have other weights, so their utilities are not one scale: compare clicks and unsubscribes.")
    out.print("Foretold by the models in force: what people would have done is not known.")


def _changes(found: "DayComparison") -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    for head in ("user", "recorded", "other settings"):
        table.add_column(head)
    for one in found.changes[:_SHOWN]:
        table.add_row(one.user_id.replace("[", "\\["), _message(one.recorded), _message(one.replayed))
    return table


def _message(one: "Message | None") -> str:
    return f"{one.type} by {one.channel}, {one.hour}:00" if one else "-"
