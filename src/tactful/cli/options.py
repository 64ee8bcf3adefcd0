"""Options that several verbs take, each declared once; and the two ways in which a verb answers."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from tactful.runtime.settings import Settings
    from tactful.stores.protocols import StateSnapshots
    from tactful.stores.sqlite import SqliteStore

COLUMNS = 100
"""What the widest tables need; a narrower terminal wraps them."""

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON, and nothing else.")]
SettingsFile = Annotated[
    Path | None, typer.Option("--settings", help="TOML file of settings; see docs/reference/settings.md.")
]


Guardrails = Annotated[
    list[str] | None,
    typer.Option("--guardrail", metavar="NAME[=MARGIN]", help="What must not rise, by more than a margin (0.1)."),
]


def guardrails_of(told: list[str] | None) -> tuple[list[str], dict[str, float]]:
    """Returns the guardrails that options name, and the margins of those that have one."""
    parts = [text.partition("=") for text in told or []]
    try:
        margins = {name: float(margin) for name, sign, margin in parts if sign}
    except ValueError:
        raise typer.BadParameter(f"got --guardrail {told}, expected shares such as unsubscribes=0.05") from None
    return [name for name, _, _ in parts], margins


def share_of(text: str) -> tuple[str, float]:
    """Returns an arm and its share from the text of an option --arm."""
    name, _, share = text.partition("=")
    try:
        return name, float(share)
    except ValueError:
        raise typer.BadParameter(f"got --arm {text!r}, expected ARM=SHARE, such as control=0.5") from None


def _instant(text: str) -> datetime:
    """Returns the instant of ISO 8601 text; without an offset nobody knows which instant is meant."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"got {text!r}, expected ISO 8601 such as 2026-03-01T18:00:00Z") from None
    if at.tzinfo is None:
        raise typer.BadParameter(f"got {text!r} without an offset; append Z for UTC, or +02:00")
    return at


def instant_option(name: str, meaning: str) -> Any:
    """Returns the declaration of an option that holds an instant."""
    return typer.Option(name, parser=_instant, metavar="INSTANT", help=f"{meaning}; ISO 8601 with an offset.")


@contextmanager
def needs_extra(name: str) -> Iterator[None]:
    """Tells which extra is missing when an import inside finds a package that is not installed.

    Raises:
        MissingExtra: it is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        from tactful.errors import MissingExtra

        if (error.name or "").partition(".")[0] == "tactful":
            raise
        raise MissingExtra(
            f"{error.name} is not installed, expected the extra {name!r}: pip install 'tactful[{name}]'"
        ) from error


def settings_of(file: Path | None, store: "StateSnapshots") -> "Settings":
    """Returns the settings of a file, else those that the store was run with."""
    from tactful.runtime.settings import load, noted

    return load(file) if file else noted(store)


def open_to_read(path: Path) -> "SqliteStore":
    """Returns a store that is never written to.

    Raises:
        StoreError: if the file is not there, or is no store.
    """
    from tactful.errors import StoreError
    from tactful.stores.sqlite import SqliteStore

    if not path.is_file():
        raise StoreError(f"{path} is not there; give the file that `tactful import` or an engine wrote")
    return SqliteStore(path, read_only=True)


def console() -> "Console":
    """Returns where a person reads."""
    from rich.console import Console

    return Console(highlight=False)


def print_json(value: object) -> None:
    """Writes a result as one line of JSON."""
    import msgspec

    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    sys.stdout.flush()
