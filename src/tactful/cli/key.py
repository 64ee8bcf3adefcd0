"""`tactful key new | list | revoke`: who may use the HTTP service, and for what."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tactful.cli.options import AsJson, console, needs_extra, open_to_read, print_json

if TYPE_CHECKING:
    from tactful.stores.protocols import ApiKey

_Store = Annotated[Path, typer.Option("--store", help="The store of the service.")]


def key_new(
    store: _Store = Path("app.db"),
    scope: Annotated[
        str, typer.Option("--scope", help="Rights, with commas: ingest (post), read (decisions), admin (operate).")
    ] = "ingest",
    name: Annotated[str, typer.Option("--name", help="Whose it is, for the list.")] = "",
    as_json: AsJson = False,
) -> None:
    """Make an API key and print it, this once: only a hash of it is kept. A running service takes it in a second."""
    with needs_extra("serve"):
        from tactful.api.keys import SCOPES, make_key
    from tactful.clock import WallClock
    from tactful.stores.sqlite import SqliteStore

    told = [word.strip() for word in scope.split(",")]
    scopes = [one for one in SCOPES if one in told]
    if len(scopes) < len(set(told)):
        raise typer.BadParameter(f"got --scope {scope}, expected some of {', '.join(SCOPES)}")
    made, token = make_key(scopes, name, WallClock().now_us())
    opened = SqliteStore(store)
    opened.add_api_key(made)
    opened.close()
    if as_json:
        print_json({"key_id": made.key_id, "token": token, "scopes": made.scopes, "name": name})
    else:
        typer.echo(token)
        typer.echo(f"key {made.key_id} may {', '.join(made.scopes)}; it is not shown again", err=True)


def key_list(store: _Store = Path("app.db"), as_json: AsJson = False) -> None:
    """List the API keys, revoked ones included; the keys themselves are not kept."""
    from rich.table import Table

    opened = open_to_read(store)
    keys = opened.api_keys()
    opened.close()
    if as_json:
        print_json([_shown(key) for key in keys])
        return
    table = Table()
    for head in ("key", "may", "name", "made", "revoked"):
        table.add_column(head)
    for key in keys:
        table.add_row(*(str(value or "") for value in _shown(key).values()))
    console().print(table)


def key_revoke(
    key: Annotated[str, typer.Argument(help="The key's id, as the list shows it.")],
    store: _Store = Path("app.db"),
    as_json: AsJson = False,
) -> None:
    """Revoke an API key for good; a running service refuses it within a second or two."""
    from tactful.clock import WallClock
    from tactful.errors import StoreError
    from tactful.stores.sqlite import SqliteStore

    opened = SqliteStore(store)
    done = opened.revoke_api_key(key, WallClock().now_us())
    opened.close()
    if not done:
        raise StoreError(f"got the key {key}, expected one in force; see: tactful key list --store {store}")
    if as_json:
        print_json({"revoked": key})
    else:
        typer.echo(f"key {key} is revoked")


def _shown(key: "ApiKey") -> dict[str, str | None]:
    from tactful.clock import from_us

    return {
        "key_id": key.key_id,
        "may": ", ".join(key.scopes),
        "name": key.name,
        "made": from_us(key.created_us).isoformat(timespec="seconds"),
        "revoked": None if key.revoked_us is None else from_us(key.revoked_us).isoformat(timespec="seconds"),
    }
