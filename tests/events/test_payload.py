"""A payload that is refused says why; nothing that cannot be stored or scored gets in."""

from typing import Any

import numpy as np
import pytest

from tactful.events.payload import MAX_DEPTH, MAX_PAYLOAD_BYTES, compile_schema, payload_fault

ANYTHING = compile_schema({})


def test_payload_per_schema_is_accepted() -> None:
    schema = compile_schema({"required": ["title"], "properties": {"title": {"type": "string"}}})
    assert payload_fault({"title": "Hello", "more": [1, None, {"x": True}]}, schema) == ""


def test_every_breach_of_the_schema_is_named_with_its_place() -> None:
    schema = compile_schema(
        {"required": ["title"], "properties": {"tags": {"items": {"type": "string"}}, "n": {"minimum": 1}}}
    )
    fault = payload_fault({"tags": ["a", 3], "n": 0}, schema)
    assert 'payload.tags.1: 3 is not of type "string"' in fault
    assert "payload.n: 0 is less than the minimum of 1" in fault
    assert 'payload: "title" is a required property' in fault


def test_format_that_the_schema_names_is_enforced() -> None:
    schema = compile_schema({"properties": {"url": {"type": "string", "format": "uri"}}})
    assert payload_fault({"url": "https://example.org/a"}, schema) == ""
    assert payload_fault({"url": "no address"}, schema) == 'payload.url: "no address" is not a "uri"'


def test_format_that_nobody_knows_is_refused_with_the_schema() -> None:
    with pytest.raises(ValueError, match="ury"):
        compile_schema({"properties": {"url": {"type": "string", "format": "ury"}}})


@pytest.mark.parametrize(
    ("payload", "at"),
    [
        ({"score": float("nan")}, "payload.score: got nan"),
        ({"score": float("-inf")}, "payload.score: got -inf"),
        ({"a": [{"b": (1.0, float("inf"))}]}, "payload.a.0.b.1: got inf"),
        ({"score": np.float64("nan")}, "payload"),
    ],
)
def test_nan_and_infinity_are_refused_wherever_they_stand(payload: dict[str, Any], at: str) -> None:
    assert payload_fault(payload, ANYTHING).startswith(at)


def test_payload_of_one_megabyte_is_refused_with_its_size_and_the_limit() -> None:
    fault = payload_fault({"text": "x" * 1_000_000}, ANYTHING)
    assert "expected at most 65,536" in fault
    assert "got 1,000,0" in fault
    assert len(fault) < 200


def test_payload_of_exactly_the_limit_is_accepted() -> None:
    overhead = 1 + 2 + 3  # a map of one, the key "t", the string's own header
    assert payload_fault({"t": "x" * (MAX_PAYLOAD_BYTES - overhead)}, ANYTHING) == ""
    assert payload_fault({"t": "x" * (MAX_PAYLOAD_BYTES - overhead + 1)}, ANYTHING) != ""


def nested(depth: int) -> dict[str, Any]:
    payload: dict[str, Any] = {}
    for _ in range(depth):
        payload = {"a": payload}
    return payload


@pytest.mark.parametrize(
    "payload",
    [{"a": 2**70}, {"a": object()}, {"a": {1, 2}}, {"a": np.arange(3)}],
    ids=["huge integer", "object", "set", "array"],
)
def test_what_is_not_json_is_refused(payload: dict[str, Any]) -> None:
    schema = compile_schema({"additionalProperties": {"type": ["integer", "array", "object"]}})
    assert payload_fault(payload, schema).startswith("payload")


def test_payload_of_the_greatest_depth_is_accepted_and_a_deeper_one_refused() -> None:
    assert payload_fault(nested(MAX_DEPTH - 1), ANYTHING) == ""
    assert "got more than 32 levels" in payload_fault(nested(MAX_DEPTH), ANYTHING)
    assert payload_fault(nested(20_000), ANYTHING).startswith("payload")
