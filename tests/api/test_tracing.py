"""Spans around requests and batches, where somebody asked for them."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from served_app import ask, served
from tactful.api import timeline
from tactful.api.tracing import tracer_of
from tactful.runtime.embedded import Engine
from tactful.runtime.settings import Api, Settings
from tactful.stores.memory import MemoryStore
from tactful.telemetry import Telemetry, Tracer


def test_requests_and_batches_are_spans_that_name_nobody(tmp_path: Path) -> None:
    spans, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    service, engine = served(tmp_path / "app.db"), Engine(MemoryStore(), Settings())
    service.telemetry.tracer = engine.telemetry.tracer = provider.get_tracer("test")
    ask(service, timeline.ENDPOINTS, "GET", "/v1/users/ann/timeline")
    engine.advance(datetime(2026, 3, 2, tzinfo=UTC))
    service.close()
    assert [span.name for span in spans.get_finished_spans()] == ["GET /v1/users/{user_id}/timeline", "engine batch"]


def test_nothing_is_traced_unless_it_is_said_where_to() -> None:
    assert tracer_of(Api()) is None
    with Telemetry().span("nothing"):
        pass
    assert isinstance(tracer_of(msgspec.structs.replace(Api(), traces_to="http://127.0.0.1:9/v1/traces")), Tracer)
