"""Whatever is posted is taken or refused with a reason, never a fault; and the engine survives what was taken."""

import asyncio
import json
import random
from pathlib import Path
from typing import Any

from ingest import EVENT, NOW_US, http, service_over
from tactful.clock import DAY_US, SimulatedClock, from_us
from tactful.runtime.embedded import Engine
from tactful.runtime.settings import Settings

ACT = {
    "user_id": "ann",
    "kind": "view",
    "engagement_id": "e",
    "at": "2026-11-22T10:00:00Z",
    "value": 1.5,
    "category": 3,
}
PROFILE = {"timezone": "UTC", "addresses": {"email": "a@app.invalid"}, "opt_in": ["email"], "attributes": {"age": 3}}
CANCEL = {"user_id": "ann", "cancel_key": "k", "at": "2026-11-22T10:00:00Z"}
FULL = {
    **EVENT,
    "created_at": "2026-11-22T10:00:00Z",
    "expires_at": "2027-11-22T10:00:00+02:00",
    "items": [{"item_id": "i", "category": 2, "quality": 0.5}],
    "group_key": "g",
    "cancel_key": "k",
}
SHAPES = (
    ("POST", "/v1/events", FULL),
    ("POST", "/v1/engagements", ACT),
    ("PUT", "/v1/users/ann", PROFILE),
    ("POST", "/v1/cancels", CANCEL),
)
ODD: tuple[Any, ...] = (
    *(
        None,
        True,
        0,
        -1,
        2**31,
        2**63,
        2**64,
        10**30,
        1e308,
        -0.0,
        "",
        "x" * 300,
        "\x00",
        "é😀",
        "0001-01-01T00:00:00Z",
    ),
    *("9999-12-31T23:59:59+14:00", "../../etc/passwd", "{{7*7}}", "'; DROP TABLE inputs; --", [], [[]], {}, {"a": []}),
    *(
        "security_alert",
        "comment_digest",
        "email",
        "Europe/Berlin",
        ["email", "email"],
        {"email": ""},
        {"start_minute": 1},
    ),
)
ROUNDS, AT_ONCE = 20, 60


def mutated(value: Any, rng: random.Random) -> Any:
    """The value with one place changed, removed, added or made odd."""
    if isinstance(value, dict) and value and rng.random() < 0.8:
        key = rng.choice(list(value))
        what = rng.random()
        if what < 0.1:
            return {k: v for k, v in value.items() if k != key}
        if what < 0.2:
            return {**value, rng.choice(["x", "record", "schema_version", ""]): rng.choice(ODD)}
        return {**value, key: mutated(value[key], rng)}
    if isinstance(value, list) and value and rng.random() < 0.8:
        return [mutated(value[0], rng), *value[1:], *value * rng.randrange(3)]
    return rng.choice(ODD)


def body(shape: Any, rng: random.Random) -> bytes:
    """A request's body: an odd record, some of them a line each, or bytes that are hurt."""
    records = [shape if rng.random() < 0.2 else mutated(shape, rng) for _ in range(rng.choice([1, 1, 1, 4]))]
    data = b"\n".join(json.dumps(record).encode() for record in records)
    if rng.random() < 0.1:
        at = rng.randrange(len(data))
        data = data[:at] + rng.randbytes(rng.randrange(4)) + data[at + rng.randrange(4) :]
    return data


def test_no_request_is_a_fault_and_the_engine_goes_on_with_what_was_taken(tmp_path: Path) -> None:
    service, rng = service_over(tmp_path / "app.db", requests_per_second=0.0), random.Random(20261122)
    media = ("application/json", "application/x-ndjson", "text/plain", "application/json; charset=utf-8")
    answered: dict[int, int] = {}

    async def run() -> None:
        async with http(service) as client:
            for _ in range(ROUNDS):
                asked = []
                for _ in range(AT_ONCE):
                    method, path, shape = rng.choice(SHAPES)
                    headers = {"content-type": rng.choices(media, (10, 10, 1, 1))[0]}
                    if rng.random() < 0.3:
                        headers["idempotency-key"] = rng.choice(["a", "b", "", "k" * 300])
                    asked.append(client.request(method, path, content=body(shape, rng), headers=headers))
                for each in await asyncio.gather(*asked):
                    answered[each.status_code] = answered.get(each.status_code, 0) + 1

    asyncio.run(run())
    service.close()
    assert set(answered) <= {202, 400, 409, 413, 415, 422}, answered
    assert answered[202] > ROUNDS * AT_ONCE // 10
    engine = Engine.open(tmp_path / "app.db", Settings(), clock=SimulatedClock(NOW_US))
    engine.advance(from_us(NOW_US + 2 * DAY_US))
    assert engine.telemetry.snapshot()["engine.inputs.accepted"] > 0
    engine.close()
