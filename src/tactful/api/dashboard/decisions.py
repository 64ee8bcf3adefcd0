"""The log of decisions: a search, and one decision with its reasons and what would have changed it."""

from typing import Final, get_args

from starlette.requests import Request
from starlette.responses import Response

from tactful.api import decisions
from tactful.api.dashboard.access import Visitor, guarded
from tactful.api.dashboard.frame import page
from tactful.api.endpoint import Endpoint
from tactful.api.problems import Problem
from tactful.api.query import parameters
from tactful.api.service import Service
from tactful.events.records import CHANNELS, Action, Decision
from tactful.runtime.evidence import gather
from tactful.runtime.explaining import Explanation, explain
from tactful.runtime.settings import Settings
from tactful.stores.protocols import Store

_ROWS: Final = "50"
_TIMES: Final = ("since", "until")


async def show_decisions(request: Request, service: Service, visitor: Visitor) -> Response:
    """Answers with the search and what it finds; a field left empty asks for nothing."""
    given = {name: text.strip() for name, text in parameters(request, tuple(decisions.FILTERS)).items()}
    wanted = {name: _utc(name, text) for name, text in given.items() if text}
    fault, found = "", decisions.Page((), None)
    try:
        found = await decisions.search(service, {"limit": _ROWS, **wanted})
    except Problem as problem:
        fault = problem.detail
    return page(
        "decisions",
        visitor,
        status=422 if fault else 200,
        given=given,
        rest={name: text for name, text in given.items() if text and name != "cursor"},
        fault=fault,
        found=found,
        actions=get_args(Action),
        channels=CHANNELS,
        types=service.registry.names,
    )


async def show_decision(request: Request, service: Service, visitor: Visitor) -> Response:
    """Answers with one decision."""
    decision_id = request.path_params["decision_id"]
    told = await service.ask(lambda store: decision_of(store, service.settings, decision_id))
    if told is None:
        return page("no_decision", visitor, 404, decision_id=decision_id)
    decision, explanation = told
    return page("decision", visitor, decision=decision, told=explanation)


def decision_of(store: Store, settings: Settings, decision_id: str) -> tuple[Decision, Explanation] | None:
    """Returns a decision and why it came out as it did; None if it is not on record."""
    key = decisions.key_of(decision_id)
    row = None if key is None else store.decision(key)
    if row is None:
        return None
    decision = decisions.shown(row)
    return decision, explain(gather(store, settings, decision.user_id, decision_id=decision.decision_id))


def _utc(name: str, text: str) -> str:
    """A form's times have no offset; they are meant in UTC, as the page says."""
    return f"{text}+00:00" if name in _TIMES and text[-6:-5] not in ("+", "-") and not text.endswith("Z") else text


ENDPOINTS: Final = (
    Endpoint("GET", "/dashboard/decisions", guarded(show_decisions), None, "The log of decisions.", shown=False),
    Endpoint(
        "GET", "/dashboard/decisions/{decision_id}", guarded(show_decision), None, "One decision.", shown=False
    ),
)  # fmt: skip
