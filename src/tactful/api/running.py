"""Which parts run in this process, and in which order they begin and end."""

import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tactful.api.limits import is_loopback
from tactful.api.sending import SenderThread
from tactful.api.server import listen, open_service, serve
from tactful.api.service import Service
from tactful.api.tracing import tracer_of
from tactful.clock import WallClock
from tactful.errors import CannotServe
from tactful.runtime import deciding_version
from tactful.runtime.running import EngineThread
from tactful.runtime.settings import Settings
from tactful.stores.sqlite import SqliteStore

_ENDING: Final = (signal.SIGTERM, signal.SIGINT)
_LOOK_S: Final = 3600.0


def run(
    path: Path, settings: Settings, address: tuple[str, int] | None, decides: bool, told: Callable[[str], object]
) -> None:
    """Runs the service until the process is told to stop.

    A stop (SIGTERM, SIGINT) ends the listening and lets requests that are under way be answered; then the engine ends
    its batch and the sender its messages. What waits is there again after a start.

    Args:
        path: the store, made if it is not there.
        address: host and port to listen on; None for no HTTP.
        decides: whether engine and sender run in this process.
        told: hears a line for a person, such as where the service listens.

    Raises:
        CannotServe: there is nothing to run, the address is taken, or others could use it without a key.
        OtherDecidingVersion: code that decides otherwise was killed over the store.
    """
    if address is None and not decides:
        raise CannotServe("got --no-engine and --no-api, expected one of them at most: nothing is left to run")
    store = SqliteStore(path)  # made, or brought to the present schema, before anybody reads
    try:
        if decides:
            deciding_version.check(store)
    finally:
        store.close()
    clock = WallClock()
    with _ends_when_told() as stop:
        engine = EngineThread(path, settings, clock, settings.api.tick_ms / 1000.0) if decides else None
        parts: list[EngineThread | SenderThread] = []
        tracer = tracer_of(settings.api)
        if engine is not None:
            sender = SenderThread(path, settings, clock)
            engine.tracer = sender.telemetry.tracer = tracer
            parts = [engine, sender]
        if address is None:
            with _running(parts):
                told(f"deciding and sending from {path}")
                while not stop.wait(_LOOK_S):
                    pass
        else:
            with listen(*address) as bound:
                service = _opened(path, settings, address, engine)
                service.telemetry.tracer = tracer
                _serve(service, bound, parts, told)
    told("stopped; nothing that was taken is lost")


def _opened(path: Path, settings: Settings, address: tuple[str, int], engine: EngineThread | None) -> Service:
    local = is_loopback(address[0])
    service = open_service(path, settings, may_be_open=local)
    service.engine = engine
    if not local and not service.keys.any_in_force:
        service.close()
        raise CannotServe(
            f"got the address {address[0]}, which others can reach, and no API key; expected one at least: make it "
            f"with 'tactful key new --store {path} --scope ingest,read', or listen on 127.0.0.1"
        )
    return service


def _serve(
    service: Service,
    bound: socket.socket,
    parts: Sequence[EngineThread | SenderThread],
    told: Callable[[str], object],
) -> None:
    host, port = bound.getsockname()[:2]
    service.sender = next((part for part in parts if isinstance(part, SenderThread)), None)
    note = " (it has no key: open to everybody on this machine)" if service.keys.is_open else ""
    try:
        with _running(parts):
            told(f"serving {service.path} on http://{f'[{host}]' if ':' in host else host}:{port}{note}")
            serve(service, bound)
    finally:
        service.close()


@contextmanager
def _running(parts: Sequence[EngineThread | SenderThread]) -> Iterator[None]:
    for part in parts:
        part.start()
    try:
        yield
    finally:
        for part in parts:
            part.stop()


@contextmanager
def _ends_when_told() -> Iterator[threading.Event]:
    """Keeps SIGTERM and SIGINT from ending the process at once: uvicorn raises them once more when it has stopped."""
    stop = threading.Event()
    before = {each: signal.signal(each, lambda *_: stop.set()) for each in _ENDING}
    try:
        yield stop
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
