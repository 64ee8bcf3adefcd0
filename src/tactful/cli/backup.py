"""`tactful backup` and `tactful restore`: a copy of a store while it is in use, and its way back."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tactful.cli.options import AsJson, console, open_to_read, print_json

if TYPE_CHECKING:
    from tactful.runtime.backing_up import Held

_Store = Annotated[Path, typer.Option("--store", help="The store.")]


def backup(
    to: Annotated[Path, typer.Option("--to", help="The copy; a new file, in a folder with twice the store's room.")],
    store: _Store = Path("app.db"),
    as_json: AsJson = False,
) -> None:
    """Copy a store while engine and service run. The copy is whole, and proven: an engine started from it."""
    from tactful.clock import WallClock
    from tactful.runtime.backing_up import back_up

    open_to_read(store).close()
    made = back_up(store, to, WallClock())
    if as_json:
        print_json(made)
    else:
        console().print(f"{made.path}: {_told(made)}. An engine starts from it.", markup=False)


def restore(
    copy: Annotated[Path, typer.Argument(help="What `tactful backup` wrote; it stays as it is.")],
    store: _Store = Path("app.db"),
    replace: Annotated[bool, typer.Option("--replace", help="Lose what only the store holds.")] = False,
    as_json: AsJson = False,
) -> None:
    """Put a copy into a store's place while nothing runs. What may have gone out since is not sent by itself."""
    from tactful.clock import WallClock
    from tactful.runtime.backing_up import restore as put_back

    open_to_read(copy).close()
    done = put_back(copy, store, WallClock(), replace)
    if as_json:
        print_json(done)
        return
    say = console()
    say.print(f"{done.store.path}: {_told(done.store)}.", markup=False)
    if done.replaced is not None:
        say.print(f"Replaced: {_told(done.replaced)}.", markup=False)
        say.print(f"Carried over from it: {done.carried_over:,} choices, complaints, erasures and revoked keys.")
    if done.in_doubt:
        say.print(f"{done.in_doubt:,} messages may have gone out since the copy: see `tactful outbox list`.")


def _told(held: "Held") -> str:
    until = f"{held.decided_until:%Y-%m-%d %H:%M:%S} UTC" if held.decided_until else "never"
    return f"{held.inputs:,} inputs, {held.decisions:,} decisions, decided until {until}, {held.bytes / 1e6:,.1f} MB"
