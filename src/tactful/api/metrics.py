"""`GET /metrics`: the service in numbers, in Prometheus' text format. No label names a person, an address or an event.

Counters are those of `telemetry`, of this process since it began: of the service, the engine and the sender, whichever
run in it. What a counter's name ends in may become a label (`LABELLED`). States of the store are asked for at each
scrape.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response

from tactful.api.endpoint import Endpoint
from tactful.api.measured import EDGES_S, Requests
from tactful.api.service import Service
from tactful.clock import SECOND_US
from tactful.events.records import CHANNELS
from tactful.runtime import erasing
from tactful.stores.protocols import Store

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
LABELLED: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "engine.decisions": ("Decisions made.", ("action",)),
    "engine.inputs": ("Inputs that the engine looked at.", ("result",)),
    "delivery.results": ("Messages by what became of them.", ("channel", "result")),
}
"""By the beginning of a counter's name: what it counts, and the labels that the rest of its name is."""


class Stock(NamedTuple):
    """What lies in the store: letters, messages by channel (due or later, and in doubt), erasures."""

    letters: int
    open_messages: Mapping[str, int]
    in_doubt: int
    rejects: int
    to_erase: int


async def show(request: Request, service: Service) -> Response:
    """Answers with all metrics."""
    stock = await service.ask(stock_of)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Told([*_requests(service.requests), *_counters(service), *_gauges(service, stock)]))
    return Response(generate_latest(registry), headers={"Content-Type": MEDIA_TYPE})


def stock_of(store: Store) -> Stock:
    """Returns what lies in a store."""
    waiting = store.outbox_stock()
    open_messages: dict[str, int] = {channel: waiting.get(code, 0) for code, channel in enumerate(CHANNELS)}
    return Stock(store.posted(), open_messages, len(store.in_doubt()), store.count_rejects(), len(erasing.asked(store)))


class _Told(Collector):
    """Metrics that were made for one scrape."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> Iterable[Metric]:
        """Returns them."""
        return self._metrics


def _requests(requests: Requests) -> Iterator[Metric]:
    answered = CounterMetricFamily("tactful_http_requests", "Requests answered.", labels=("method", "route", "status"))
    for (route, status), number in sorted(requests.answered.items()):
        answered.add_metric((*route, str(status)), number)
    yield answered
    took = HistogramMetricFamily("tactful_http_request_seconds", "Duration of requests.", labels=("method", "route"))
    for route, durations in sorted(requests.durations.items()):
        below, buckets = 0, []
        for edge, number in zip((*EDGES_S, float("inf")), durations.counts, strict=True):
            below += number
            buckets.append(("+Inf" if edge == float("inf") else str(edge), float(below)))
        took.add_metric(route, buckets, durations.seconds)
    yield took


def _counters(service: Service) -> Iterator[Metric]:
    counts = dict(service.telemetry.snapshot())
    engine = service.engine.engine if service.engine else None
    for other in (engine and engine.telemetry, service.sender and service.sender.telemetry):
        counts |= other.snapshot() if other else {}
    plain = {
        name: number for name, number in counts.items() if not name.startswith(tuple(f"{each}." for each in LABELLED))
    }
    for name, number in sorted(plain.items()):
        told = CounterMetricFamily(_name(name), f"Counter {name}.")
        told.add_metric((), number)
        yield told
    for beginning, (words, labels) in LABELLED.items():
        told = CounterMetricFamily(_name(beginning), words, labels=labels)
        for name, number in sorted(counts.items()):
            rest = name.removeprefix(f"{beginning}.").split(".")
            if name.startswith(f"{beginning}.") and len(rest) == len(labels):
                told.add_metric(rest, number)
        yield told


def _gauges(service: Service, stock: Stock) -> Iterator[Metric]:
    now_us = service.clock.now_us()
    yield _gauge("letters_waiting", "Letters that the engine has not taken.", stock.letters)
    yield _gauge("engine_lag_seconds", "How long ago is up to when all is decided.", service.pulse.lag_s(now_us))
    engine = service.engine
    if engine is not None:
        yield _gauge("engine_up", "Whether the engine of this process runs without a fault.", float(not engine.fault))
    if engine is not None and engine.moved_us is not None:
        still_s = (now_us - engine.moved_us) / SECOND_US
        yield _gauge("engine_still_seconds", "How long ago the engine ended a step.", still_s)
    outbox = GaugeMetricFamily("tactful_outbox_messages", "Messages that are not done.", labels=("channel",))
    for channel, number in stock.open_messages.items():
        outbox.add_metric((channel,), number)
    yield outbox
    yield from _breakers(service)
    yield _gauge("outbox_in_doubt", "Calls of providers of which nobody knows how they ended.", stock.in_doubt)
    yield _gauge("rejects", "Refused inputs on record.", stock.rejects)
    yield _gauge("erasures_waiting", "People who are to be erased and are not yet.", stock.to_erase)


def _breakers(service: Service) -> Iterator[Metric]:
    """A line a channel, if a sender runs in this process."""
    loop = service.sender.loop if service.sender else None
    if loop is None:
        return
    told = GaugeMetricFamily(
        "tactful_breaker_open", "Whether a provider that failed is left alone.", labels=("channel",)
    )
    waiting = loop.open_breakers()
    for channel in CHANNELS:
        told.add_metric((channel,), float(channel in waiting))
    yield told


def _gauge(name: str, words: str, value: float | int) -> Metric:
    return GaugeMetricFamily(f"tactful_{name}", words, value=float(value))


def _name(dotted: str) -> str:
    return "tactful_" + dotted.replace(".", "_")


ENDPOINTS: Final = (
    Endpoint("GET", "/metrics", show, "read", "Gives the service in numbers, for Prometheus.", shown=False),
)
"""What this file adds to the service."""
