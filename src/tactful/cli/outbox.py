"""`tactful outbox list | show | retry | settle`: what was not delivered, and what to do about it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tactful.cli.options import AsJson, console, open_to_read, print_json

if TYPE_CHECKING:
    from tactful.delivery.dead_letters import Letter

_ALL = 1_000_000
_Store = Annotated[Path, typer.Option("--store", help="The store of an engine, which may be running.")]
_Named = Annotated[str, typer.Argument(metavar="DECISION", help="The message's decision id.")]


def outbox_list(
    store: _Store = Path("app.db"),
    limit: Annotated[int, typer.Option("--limit", min=1, help="Show no more than so many.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List what waits for a person: sends that may have arrived and may not, and those that failed for good."""
    from rich.table import Table

    from tactful.delivery.dead_letters import open_letters

    opened = open_to_read(store)
    found = open_letters(opened, limit)
    opened.close()
    if as_json:
        print_json(found)
        return
    table = Table()
    for head in ("decision", "state", "channel", "type", "tries", "last", "the provider said"):
        table.add_column(head)
    for each in found:
        last = each.attempts[-1]
        when = f"{last.at:%Y-%m-%d %H:%M}"
        table.add_row(each.decision_id, each.state, each.channel, each.type, f"{len(each.attempts)}", when, last.detail)
    console().print(table if found else "Nothing waits for a person.")


def outbox_show(decision: _Named, store: _Store = Path("app.db"), as_json: AsJson = False) -> None:
    """Show one message with all its attempts; never its address or text."""
    from tactful.delivery.dead_letters import letter

    opened = open_to_read(store)
    found = letter(opened, decision)
    opened.close()
    _tell(found, as_json)


def outbox_retry(
    decision: Annotated[list[str] | None, typer.Argument(metavar="DECISION", help="Their decision ids.")] = None,
    store: _Store = Path("app.db"),
    all_: Annotated[bool, typer.Option("--all", help="All dead letters that have not expired.")] = False,
    as_json: AsJson = False,
) -> None:
    """Let dead letters be tried again, once their provider or template is mended; the sender takes them by itself."""
    from tactful.clock import WallClock
    from tactful.delivery.dead_letters import open_letters, retry
    from tactful.stores.sqlite import SqliteStore

    if bool(decision) == all_:
        raise typer.BadParameter("give decision ids, or --all; not both")
    open_to_read(store).close()
    opened, now_us = SqliteStore(store), WallClock().now_us()
    try:
        found = [] if decision else open_letters(opened, _ALL)
        wanted = decision or [each.decision_id for each in found if each.may_be_retried(now_us)]
        done = [retry(opened, each, now_us).decision_id for each in wanted]
    finally:
        opened.close()
    if as_json:
        print_json({"retried": done})
    else:
        console().print(f"{len(done)} will be tried again." if done else "There is no dead letter that may be.")


def outbox_settle(
    decision: _Named,
    arrived: Annotated[bool, typer.Option("--arrived/--lost", help="What you found out. What was lost is sent again.")],
    store: _Store = Path("app.db"),
    as_json: AsJson = False,
) -> None:
    """End a send of which nobody knew whether it arrived, by what you found out at the provider."""
    from tactful.clock import WallClock
    from tactful.delivery.dead_letters import settle
    from tactful.stores.sqlite import SqliteStore

    open_to_read(store).close()
    opened = SqliteStore(store)
    try:
        found = settle(opened, decision, arrived, WallClock().now_us())
    finally:
        opened.close()
    _tell(found, as_json)


def _tell(found: "Letter", as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    say = console()
    due = f", due {found.due_at:%Y-%m-%d %H:%M:%S} UTC" if found.due_at else ""
    until = f", expires {found.expires_at:%Y-%m-%d %H:%M} UTC" if found.expires_at else ""
    say.print(f"{found.decision_id}: {found.state}{due}{until}", markup=False)
    say.print(f"{found.type} to {found.user_id} by {found.channel}, candidate {found.candidate_id}", markup=False)
    for each in found.attempts:
        said = f": {each.detail}" if each.detail else ""
        outcome = each.outcome or "no result"
        say.print(f"  {each.attempt}. {each.at:%Y-%m-%d %H:%M:%S} {outcome}{said}", markup=False)
