"""`tactful serve`: the HTTP service, the engine and the sender in one process, or some of them."""

from pathlib import Path
from typing import Annotated

import typer

from tactful.cli.options import AsJson, SettingsFile, needs_extra, print_json


def serve(
    store: Annotated[Path, typer.Option("--store", help="The store; made if it is not there.")] = Path("app.db"),
    settings: SettingsFile = None,
    host: Annotated[str, typer.Option("--host", help="Address to listen on; others need a key.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="Port to listen on; 0 takes any that is free.")] = 8000,
    no_engine: Annotated[
        bool, typer.Option("--no-engine", help="Only the API: engine and sender run in another process.")
    ] = False,
    no_api: Annotated[bool, typer.Option("--no-api", help="Only engine and sender, without a port.")] = False,
    as_json: AsJson = False,
) -> None:
    """Serve: take events over HTTP, decide, and send. SIGTERM or Ctrl-C ends it when what is under way is done."""
    from tactful.runtime.settings import Settings, load

    with needs_extra("serve"):
        from tactful.api.logs import log_as_json
        from tactful.api.running import run

    log_as_json()
    run(
        store,
        load(settings) if settings else Settings(),
        address=None if no_api else (host, port),
        decides=not no_engine,
        told=_told_as_json if as_json else typer.echo,
    )


def _told_as_json(line: str) -> None:
    """Says where the service listens, and that it stopped, a line of JSON each, as the log does of requests."""
    print_json({"told": line})
