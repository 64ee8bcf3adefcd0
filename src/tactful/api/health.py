"""`GET /healthz`: the process answers. `GET /readyz`: it can do its work, or what is wrong."""

from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tactful.api.endpoint import Endpoint, answer
from tactful.api.problems import Problem
from tactful.api.service import Service
from tactful.clock import SECOND_US


class Health(msgspec.Struct, frozen=True):
    """The process is there."""

    status: str = "ok"


class Readiness(msgspec.Struct, frozen=True):
    """It works: letters that wait for the engine, and how far it lies behind, as sampled about a second ago."""

    status: str
    waiting: int
    lag_seconds: float


async def healthz(request: Request, service: Service) -> Response:
    """Returns that the process is there."""
    return answer(Health())


async def readyz(request: Request, service: Service) -> Response:
    """Returns whether events are taken durably and decided.

    Raises:
        Problem: 503 with all that is wrong.
    """
    now_us, limits, pulse = service.clock.now_us(), service.settings.api, service.pulse
    wrong = [f"the store cannot be written to: {pulse.fault}"] if pulse.fault else []
    if service.engine is not None and (why := service.engine.unready(now_us, round(limits.ready_seconds * SECOND_US))):
        wrong.append(why)
    if why := pulse.behind(limits, now_us):
        wrong.append(why)
    if wrong:
        raise Problem(503, "not-ready", "; ".join(wrong), {"wrong": wrong})
    return answer(Readiness("ready", pulse.waiting, round(pulse.lag_s(now_us), 1)))


ENDPOINTS: Final = (
    Endpoint("GET", "/healthz", healthz, None, "Says that the process answers.", answers={200: Health}),
    Endpoint(
        "GET",
        "/readyz",
        readyz,
        None,
        "Says whether events are taken and decided, or what is wrong.",
        answers={200: Readiness, 503: Problem},
    ),
)
