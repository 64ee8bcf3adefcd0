"""A person's own data: exported whole, erased for good."""

import asyncio
import json
from pathlib import Path

import msgspec
import pytest

import small_app
from served_app import ask, decided, served
from tactful.api import person, users
from tactful.api.pulse import beat
from tactful.api.service import Service
from tactful.runtime.embedded import Engine
from tactful.runtime.settings import Settings
from tactful.stores.sqlite import SqliteStore


@pytest.fixture
def service(tmp_path: Path) -> Service:
    return served(decided(tmp_path / "app.db"))


def test_a_person_is_exported_then_erased_and_not_before_it_is_said(service: Service) -> None:
    export = ask(service, person.ENDPOINTS, "GET", "/v1/users/u003/export")
    told = export.json()
    assert export.headers["cache-control"] == "no-store"
    assert told["profile"]["addresses"] == {"push": "push-3@app.invalid", "email": "email-3@app.invalid"}
    store = SqliteStore(service.path, read_only=True)
    of_her = [i.data for i in store.read(-1, 10_000) if b"u003" in i.data]
    assert sum(entry["what"] in ("profile", "candidate", "engagement") for entry in told["entries"]) == len(of_her)
    assert told["messages"]
    assert {m["user_id"] for m in told["messages"]} == {"u003"}
    assert "u004" not in json.dumps(told)

    assert ask(service, person.ENDPOINTS, "GET", "/v1/users/u003/erasure").status_code == 404
    asked = ask(service, person.ENDPOINTS, "DELETE", "/v1/users/u003")
    assert (asked.status_code, asked.json()["state"]) == (202, "asked")
    assert ask(service, person.ENDPOINTS, "DELETE", "/v1/users/u003").json() == asked.json()
    assert ask(service, person.ENDPOINTS, "GET", "/v1/users/u003/export").status_code == 200

    engine = Engine.open(service.path, Settings())
    engine.advance(small_app.END.replace(hour=1))
    engine.close()
    done = ask(service, person.ENDPOINTS, "DELETE", "/v1/users/u003")
    assert (done.status_code, done.json()["state"]) == (200, "erased")
    assert ask(service, person.ENDPOINTS, "GET", "/v1/users/u003/erasure").json() == done.json()
    assert ask(service, person.ENDPOINTS, "GET", "/v1/users/u003/export").status_code == 404
    service.close()


def test_a_profile_of_a_person_who_was_erased_is_refused_at_once_and_others_are_taken(service: Service) -> None:
    endpoints = (*person.ENDPOINTS, *users.ENDPOINTS)
    ask(service, endpoints, "DELETE", "/v1/users/u003")
    engine = Engine.open(service.path, Settings())
    engine.advance(small_app.END.replace(hour=1))
    engine.close()
    asyncio.run(beat(service))
    refused = ask(service, endpoints, "PUT", "/v1/users/u003", json={})
    assert (refused.status_code, refused.json()["type"]) == (410, "urn:tactful:problem:erased")
    assert ask(service, endpoints, "PUT", "/v1/users/u004", json={}).status_code == 202
    service.close()


def test_what_is_exported_is_read_again_by_its_types(service: Service) -> None:
    export = ask(service, person.ENDPOINTS, "GET", "/v1/users/u001/export")
    assert msgspec.json.decode(export.content, type=person.Dossier).user_id == "u001"
    service.close()


def test_an_id_that_nobody_can_have_is_not_taken(service: Service) -> None:
    assert ask(service, person.ENDPOINTS, "DELETE", f"/v1/users/{'x' * 256}").status_code == 422
    service.close()
