"""Which models decide, since when, how good they were when they were fitted, and who promoted or took back which."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tactful.api.dashboard.access import Visitor, guarded
from tactful.api.dashboard.frame import page
from tactful.api.endpoint import Endpoint
from tactful.api.service import Service
from tactful.clock import from_us
from tactful.experiments.canary import Canary
from tactful.models.in_force import Kept, in_force
from tactful.runtime import noted_models
from tactful.runtime.allocating import MODEL_NAME
from tactful.runtime.model_reports import ModelReport, Role, report_of
from tactful.runtime.noted_models import Spoke
from tactful.runtime.promotions import Move, canary_of, history
from tactful.stores.protocols import Store

VERSIONS: Final = 20
_MOVES: Final = 50
ROLES: Final[dict[Role, tuple[str, ...]]] = {
    "rank": ("rank_boosted", "ranker"),
    "slot": ("slot_boosted", "slot_model", "slot_histogram", "global_slots"),
    "volume": (MODEL_NAME,),
}
"""Names in `models.MODELS` of what a store may keep for each role."""


class InRole(msgspec.Struct, frozen=True, kw_only=True):
    """One role.

    Attributes:
        role: its name.
        kept: the model that is put in force; of volume the one that was trained last, which the next allocation takes.
        since: when an engine began to decide with it; None if none has, or nobody noted it.
        known: versions in the store by the model's name, the one put last first, `VERSIONS` of each at most.
        report: what was said of it when it was fitted; of the version put last where none is in force.
        reported: which one that is.
    """

    role: Role
    kept: Kept | None
    since: datetime | None
    known: tuple[Kept, ...]
    report: ModelReport | None
    reported: Kept | None


class Models(msgspec.Struct, frozen=True):
    """What stands on the page: the roles, the canary that runs, and the latest moves, newest first."""

    roles: tuple[InRole, ...]
    canary: Canary | None
    moves: tuple[Move, ...]


def models_of(store: Store) -> Models:
    """Returns what the store says of models."""
    spoke, moves = noted_models.history(store), history(store)
    return Models(
        roles=tuple(_in_role(store, role, spoke) for role in ROLES),
        canary=canary_of(moves),
        moves=tuple(reversed(moves))[:_MOVES],
    )


async def show_models(request: Request, service: Service, visitor: Visitor) -> Response:
    """Answers with the page."""
    found = await service.ask(models_of)
    return page("models", visitor, found=found, path=service.path.name)


def _in_role(store: Store, role: Role, spoke: Sequence[Spoke]) -> InRole:
    known = tuple(Kept(name, version) for name in ROLES[role] for version in store.model_versions(name, VERSIONS))
    kept = next(iter(known), None) if role == "volume" else in_force(store, role)
    reported = kept or next(iter(known), None)
    return InRole(
        role=role,
        kept=kept,
        since=_since(spoke, role, kept),
        known=known,
        report=report_of(store, role, reported.version) if reported else None,
        reported=reported,
    )


def _since(spoke: Sequence[Spoke], role: Role, kept: Kept | None) -> datetime | None:
    """When the engine's last spell with this model began, if it decides with it still."""
    since = None
    for one in reversed(spoke):
        name = one.slot if role == "slot" else one.rank
        if role == "volume" or kept is None or name is None or name.version != kept.version:
            break
        since = from_us(one.since_us)
    return since


ENDPOINTS: Final = (
    Endpoint("GET", "/dashboard/models", guarded(show_models), None, "Models and their promotions.", shown=False),
)
