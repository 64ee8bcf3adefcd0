"""The document says what the service does: schemathesis finds no answer that it does not tell of."""

import os
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from served_app import decided, served
from tactful.api.app import ENDPOINTS, create_app
from tactful.api.endpoint import Endpoint
from tactful.api.keys import SCOPES, Keyring, make_key
from tactful.api.openapi import document
from tactful.runtime.settings import Api, Settings

EXAMPLES = int(os.environ.get("TACTFUL_FUZZ", "4"))
"""Requests of each endpoint; a large number for a run by hand."""
KEY, TOKEN = make_key(SCOPES, "test", 0)
HEADERS = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    service = served(decided(tmp_path_factory.mktemp("openapi") / "app.db"))
    service.settings = msgspec.structs.replace(Settings(), api=Api(requests_per_second=0.0, wrong_keys_per_minute=1e9))
    service.__post_init__()
    service.keys = Keyring([KEY])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(service.settings.api.secret_env, "0123456789abcdef")
        yield schemathesis.openapi.from_asgi("/openapi.json", create_app(service))
    service.close()


@pytest.mark.parametrize("one", [each for each in ENDPOINTS if each.shown], ids=lambda one: f"{one.method} {one.path}")
def test_every_answer_is_one_that_the_document_tells_of(schema: Any, one: Endpoint) -> None:
    operation = schema[one.path][one.method]

    @seed(1)
    @settings(max_examples=EXAMPLES, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(operation.as_strategy(generation_mode=GenerationMode.POSITIVE))
    def fitting(case: schemathesis.Case) -> None:
        # whether an event type exists, or somebody is known, no schema can say
        case.call_and_validate(headers=HEADERS, excluded_checks=[positive_data_acceptance])

    @seed(1)
    @settings(max_examples=EXAMPLES, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))
    def mistaken(case: schemathesis.Case) -> None:
        case.call_and_validate(headers=HEADERS, excluded_checks=[positive_data_acceptance])

    fitting()
    if one.body is not None:
        mistaken()


def test_every_endpoint_is_told_of_but_pages_for_people() -> None:
    paths = document(ENDPOINTS)["paths"]
    for one in ENDPOINTS:
        assert (one.method.lower() in paths.get(one.path, {})) == one.shown


def test_an_inbox_is_opened_by_a_key_or_by_the_persons_own_token() -> None:
    told = document(ENDPOINTS)
    opens = told["paths"]["/v1/users/{user_id}/inbox"]["get"]
    assert {name for one in opens["security"] for name in one} == {"bearer", "basic", "own", "own_in_query"}
    assert "`read`, or the person's own token" in opens["description"]
    assert told["components"]["securitySchemes"]["own_in_query"] | {"description": ""} == {
        "type": "apiKey",
        "in": "query",
        "name": "token",
        "description": "",
    }


def test_what_is_documented_of_a_route_is_what_its_handler_says() -> None:
    told = document(ENDPOINTS)["paths"]["/v1/users/{user_id}"]["delete"]["responses"]
    assert {"200", "202", "401", "403", "422", "429", "500"} <= set(told)
