"""Spans to OpenTelemetry: one around each request, each batch of the engine and each call of a provider.

Off until `api.traces_to` says where to; needs the extra `otel`. Spans are named by routes and rooms, and carry no ids.
"""

from typing import Final

from tactful.errors import MissingExtra
from tactful.runtime.settings import Api
from tactful.telemetry import Tracer

_SERVICE: Final = "tactful"


def tracer_of(settings: Api) -> Tracer | None:
    """Returns what times spans and sends them off, None if the settings name no address.

    Raises:
        MissingExtra: they do, and the extra is not installed.
    """
    if not settings.traces_to:
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise MissingExtra(
            f"got api.traces_to, which needs packages that are not installed ({error.name}); "
            "install tactful[otel], or leave it out"
        ) from None
    provider = TracerProvider(resource=Resource.create({"service.name": _SERVICE}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=settings.traces_to)))
    return provider.get_tracer(_SERVICE)
