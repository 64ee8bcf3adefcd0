"""Whatever a client sends, the service answers, and never with a fault of its own."""

import asyncio
import os
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fuzzed import Fuzzed, fuzzed
from served_app import ask, decided, served
from tactful.api import tokens
from tactful.api.app import ENDPOINTS, create_app
from tactful.api.keys import SCOPES, Keyring, make_key
from tactful.events.records import Decision, decode
from tactful.runtime.settings import Api, Settings
from tactful.stores.sqlite import SqliteStore

REQUESTS = int(os.environ.get("TACTFUL_FUZZED", "2000"))
"""A large number for a run by hand."""
SECRET = "0123456789abcdef"
OPEN = Api(requests_per_second=0.0, wrong_keys_per_minute=1e9, client_requests_per_minute=0.0, behind_letters=1 << 40)


def meaningful(store: SqliteStore, now_us: int) -> list[str]:
    """Ids and tokens that the service knows."""
    made = [d for row in store.decisions_between(0, now_us + 1) if isinstance(d := decode(row.data), Decision)]
    own = [tokens.issue(SECRET.encode(), use, "u003", now_us) for use in ("client", "preferences")]
    return [
        "u003",
        "u004",
        "nobody",
        *(d.decision_id for d in made[:5]),
        *(d.candidate_id or "" for d in made[:5]),
        *own,
    ]


async def status_of(app: Any, one: Fuzzed) -> int:
    """What an application answers, as a server would ask it."""
    told: list[dict[str, Any]] = []
    received = iter([{"type": "http.request", "body": one.body, "more_body": False}])

    async def receive() -> dict[str, Any]:
        return next(received, {"type": "http.disconnect"})

    async def send(message: dict[str, Any]) -> None:
        told.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": one.method,
        "scheme": "http",
        "path": one.path,
        "raw_path": one.path.encode(),
        "query_string": one.query,
        "root_path": "",
        "headers": one.headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
    }
    await app(scope, receive, send)
    return int(told[0]["status"]) if told else 499


def test_no_request_makes_the_service_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service = served(decided(tmp_path / "app.db"))
    service.settings = msgspec.structs.replace(Settings(), api=OPEN)
    service.__post_init__()
    monkeypatch.setenv(service.settings.api.secret_env, SECRET)
    key, token = make_key(SCOPES, "test", 0)
    service.keys = Keyring([key])
    login = ask(service, ENDPOINTS, "POST", "/dashboard/login", data={"key": token})
    cookie = login.headers["set-cookie"].partition(";")[0].encode()
    store = SqliteStore(service.path, read_only=True)
    words = meaningful(store, service.clock.now_us())
    store.close()

    async def all_of_them() -> tuple[Counter[int], list[tuple[int, Fuzzed]]]:
        app, statuses, faults = create_app(service), Counter[int](), []
        for number in range(REQUESTS):
            one = fuzzed(number, ENDPOINTS, token, cookie, words)
            status = await status_of(app, one)
            statuses[status] += 1
            if status >= 500:
                faults.append((number, one))
        return statuses, faults

    statuses, faults = asyncio.run(all_of_them())
    service.close()
    print(dict(sorted(statuses.items())))
    assert not faults, f"{len(faults)} of {REQUESTS}; the first: {faults[0]}"
    assert statuses[200] + statuses[202] > REQUESTS / 20  # it does get behind the door
