"""`tactful doctor`: what is set up, what is missing, and what to do about it, before the first message leaves."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from tactful.cli.options import AsJson, SettingsFile, console, print_json

if TYPE_CHECKING:
    from tactful.delivery.domain_records import Finding
    from tactful.delivery.settings import Smtp
    from tactful.events.records import Channel
    from tactful.runtime.settings import Settings

_COLOURS: Final = {"good": "green", "weak": "yellow", "unknown": "yellow", "bad": "red"}


def doctor(
    settings: SettingsFile = None,
    store: Annotated[Path, typer.Option("--store", help="The store; it is only read.")] = Path("app.db"),
    dns: Annotated[
        str | None,
        typer.Option("--dns", metavar="HOST[:PORT]", help="The DNS server to ask; by default this machine's own."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check settings, store, channels with their secrets, and what the DNS says of the domain that sends e-mail.

    Providers are not called. Exits with 1 if something is bad; what could not be found out is not.
    """
    found = list(_findings(settings, store, dns or ""))
    if as_json:
        print_json(found)
    else:
        _print(found)
    if any(each.standing == "bad" for each in found):
        raise typer.Exit(1)


def _findings(file: Path | None, store: Path, dns: str) -> Iterator["Finding"]:
    """All findings; without settings that can be read there is nothing more to look at."""
    from tactful.delivery.domain_records import Finding
    from tactful.errors import TactfulError
    from tactful.events.records import CHANNELS

    try:
        given, origin = _settings(file, store)
    except TactfulError as error:
        yield Finding("settings", "bad", str(error), "mend the file")
        return
    yield Finding("settings", "good", origin)
    yield _looked("event types", lambda: _event_types(given), "mend the event-type file")
    if store.is_file():
        yield _looked("store", lambda: _store(store), "restore the file from a backup, or name another one")
    else:
        yield Finding("store", "unknown", f"{store} is not there", "`tactful serve` makes it; or give --store")
    for name in CHANNELS:
        yield _channel(given, name, store)
    yield from _mail(given, dns)


def _settings(file: Path | None, store: Path) -> tuple["Settings", str]:
    from tactful.cli.options import open_to_read
    from tactful.runtime.settings import Settings, load, noted

    if file is not None:
        return load(file), str(file)
    if not store.is_file():
        return Settings(), "no --settings: the defaults"
    opened = open_to_read(store)
    try:
        return noted(opened), f"no --settings: those of the last run on {store}"
    finally:
        opened.close()


def _looked(what: str, look: Callable[[], str], advice: str) -> "Finding":
    from tactful.delivery.domain_records import Finding
    from tactful.errors import TactfulError

    try:
        return Finding(what, "good", look())
    except TactfulError as error:
        return Finding(what, "bad", str(error), advice)


def _event_types(given: "Settings") -> str:
    from tactful.events.registry import Registry, load_folder

    registry = load_folder(Path(given.event_types)) if given.event_types else Registry.shipped()
    return f"{len(registry.types)} in {given.event_types or 'the package'}"


def _store(path: Path) -> str:
    from tactful.cli.options import open_to_read

    open_to_read(path).close()
    return str(path)


def _channel(given: "Settings", name: "Channel", store: Path) -> "Finding":
    """Whether a channel can be made: its table, its packages, its secrets."""
    from msgspec.structs import replace

    from tactful.delivery.channels import build, close
    from tactful.delivery.domain_records import Finding
    from tactful.delivery.settings import Channels, Console, File, Inbox

    what, table = f"channel {name}", getattr(given.channels, name)
    match table:
        case Console():
            return Finding(what, "good", "printed: nobody is reached")
        case Inbox():
            return Finding(what, "good", "in the store")
        case File(path=path) if not os.access(Path(path).parent, os.W_OK):
            return Finding(
                what, "bad", f"{path} cannot be written", "make its folder, or give the right to write there"
            )

    def made() -> str:
        close(build(replace(Channels(), **{name: table}), os.environ, store=store))
        return f"through {table.__struct_config__.tag}; its secrets are there"

    return _looked(what, made, f"see [channels.{name}] in docs/reference/settings.md")


def _mail(given: "Settings", dns: str) -> Iterator["Finding"]:
    """What e-mail needs beyond its channel: a way to unsubscribe, and a domain that may send."""
    from tactful.delivery.domain_records import Finding
    from tactful.delivery.settings import Console, File, Smtp

    table = given.channels.email
    if isinstance(table, Console | File):
        return
    if given.api.public_url:
        yield _looked("unsubscribe", lambda: _unsubscribe(given), "see public_url and secret_env in [api]")
    else:
        advice = "set public_url in [api]: large mailbox providers ask bulk senders for it"
        yield Finding("unsubscribe", "weak", "e-mail has no one-click unsubscribe", advice)
    if isinstance(table, Smtp):
        yield from _domain(table, dns)


def _unsubscribe(given: "Settings") -> str:
    from tactful.api.secret import one_click

    made = one_click(given.api, os.environ)
    return f"one click leads to {made.url}" if made else "no links"


def _domain(table: "Smtp", dns: str) -> Iterator["Finding"]:
    """What the DNS says of the domains in From and in the return path; one that is none was told with its channel."""
    from tactful.delivery.dns_lookup import texts
    from tactful.delivery.domain_records import findings
    from tactful.delivery.mail import letterhead
    from tactful.errors import InvalidSettings

    try:
        domain = letterhead(table.sender).sender.domain
    except InvalidSettings:
        return
    bounces = table.return_path.rpartition("@")[2] or domain
    yield from findings(domain, bounces, table.dkim_selector, texts(dns))


def _print(found: list["Finding"]) -> None:
    """A line for each finding, and what to do below it."""
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    for each in found:
        told = Text(each.found)
        if each.advice:
            told.append(f"\n{each.advice}", style="dim")
        table.add_row(Text(each.standing, style=_COLOURS[each.standing]), each.what, told)
    console().print(table)
