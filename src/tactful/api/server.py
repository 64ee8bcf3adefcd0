"""The service on a port: opened over a store, listened to, answered by uvicorn."""

import asyncio
import logging
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

import uvicorn
from starlette.types import Lifespan

from tactful.api.app import create_app
from tactful.api.intake import Intake
from tactful.api.keys import Keyring
from tactful.api.logs import RequestLog
from tactful.api.pulse import beat
from tactful.api.service import Service
from tactful.clock import Clock, WallClock
from tactful.errors import CannotServe
from tactful.runtime import event_types
from tactful.runtime.settings import Settings
from tactful.stores.sqlite import SqliteStore

_LOG: Final = logging.getLogger(__name__)
_BEAT_S: Final = 1.0
_FLUSH_S: Final = 0.2
_BACKLOG: Final = 2048
_SWITCH_S: Final = 0.001
"""How long a thread keeps the interpreter while another wants it: the writer waits for it a few times a commit."""


def open_service(path: Path, settings: Settings, may_be_open: bool, clock: Clock | None = None) -> Service:
    """Returns the service over a store, which is made if it is not there.

    Args:
        may_be_open: whether everybody may do everything while there is no key.
    """
    intake = Intake(path)
    store = SqliteStore(path, read_only=True)
    registry, keys = event_types.soon(store, settings), store.api_keys()
    store.close()
    log = RequestLog(sys.stderr)
    return Service(path, settings, clock or WallClock(), registry, intake, keys=Keyring(keys, may_be_open), log=log)


def listen(host: str, port: int) -> socket.socket:
    """Returns a socket that takes connections, which wait until somebody answers; port 0 takes any that is free.

    Raises:
        CannotServe: the address is taken, or not this machine's.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        bound = socket.socket(family, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        bound.listen(_BACKLOG)
    except OSError as error:
        raise CannotServe(f"cannot listen on {host}, port {port}: {error.strerror}; give another --port") from error
    return bound


def serve(service: Service, bound: socket.socket) -> None:
    """Answers requests until the process is told to stop."""
    limits = service.settings.api
    config = uvicorn.Config(
        create_app(service, lifespan=_lifespan_of(service)),
        http="httptools",
        loop="uvloop",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=_BACKLOG,
        proxy_headers=bool(limits.trusted_proxies),
        forwarded_allow_ips=list(limits.trusted_proxies),
        timeout_graceful_shutdown=limits.stop_seconds,
    )
    before = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_S)
    try:
        uvicorn.Server(config).run(sockets=[bound])
    finally:
        sys.setswitchinterval(before)


def _lifespan_of(service: Service) -> Lifespan[Any]:
    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        await beat(service)
        tasks = [asyncio.create_task(_beating(service)), asyncio.create_task(_flushing(service))]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    return lifespan


async def _beating(service: Service) -> None:
    while True:
        await asyncio.sleep(_BEAT_S)
        try:
            await beat(service)
        except Exception:
            _LOG.exception("the service could not look after itself")


async def _flushing(service: Service) -> None:
    while True:
        await asyncio.sleep(_FLUSH_S)
        service.log.flush()
