"""What Prometheus reads: every number there, few labels, nobody named."""

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from served_app import ask, decided, served
from tactful.api import decisions, metrics, timeline
from tactful.stores.sqlite import SqliteStore

ENDPOINTS = (*metrics.ENDPOINTS, *decisions.ENDPOINTS, *timeline.ENDPOINTS)


@pytest.fixture
def told(tmp_path: Path) -> dict[str, dict[tuple[str, ...], float]]:
    service = served(decided(tmp_path / "app.db"))
    ask(service, ENDPOINTS, "GET", "/v1/users/u003/timeline")
    ask(service, ENDPOINTS, "GET", "/v1/users/u003/timeline?x=1")
    ask(service, ENDPOINTS, "BREW", "/v1/users/u003/timeline")
    service.telemetry.count("delivery.results.email.delivered", 3)
    service.telemetry.count("api.records", 7)
    answer = ask(service, ENDPOINTS, "GET", "/metrics")
    assert answer.headers["content-type"] == metrics.MEDIA_TYPE
    assert "u003" not in answer.text
    service.close()
    return {
        sample.name: {
            tuple(value for _, value in sorted(other.labels.items())): other.value
            for other in family.samples
            if other.name == sample.name
        }
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_requests_are_told_by_route_and_not_by_person(told: dict[str, dict[tuple[str, ...], float]]) -> None:
    route = "/v1/users/{user_id}/timeline"
    assert told["tactful_http_requests_total"] == {
        ("GET", route, "200"): 1,
        ("GET", route, "422"): 1,
        ("other", route, "405"): 1,
    }
    assert told["tactful_http_request_seconds_count"][("GET", route)] == 2
    assert told["tactful_http_request_seconds_bucket"][("+Inf", "GET", route)] == 2


def test_counters_and_what_lies_in_the_store_are_told(
    told: dict[str, dict[tuple[str, ...], float]], tmp_path: Path
) -> None:
    store = SqliteStore(tmp_path / "app.db", read_only=True)
    waiting = store.outbox_stock()
    store.close()
    assert sum(told["tactful_outbox_messages"].values()) == sum(waiting.values()) > 0
    assert told["tactful_delivery_results_total"] == {("email", "delivered"): 3}
    assert told["tactful_api_records_total"] == {(): 7}
    for name in ("letters_waiting", "engine_lag_seconds", "outbox_in_doubt", "rejects", "erasures_waiting"):
        assert told[f"tactful_{name}"] == {(): 0}
