"""Promotes a ranker by a canary, and takes models back: each act is one transaction, and a move on the log.

The engine may be running; it takes what is left here as it goes on. The gate before it is `training/evaluation`'s.
"""

from datetime import datetime

import msgspec

from tactful.clock import from_us, to_us
from tactful.errors import InvalidExperiment, StoreError
from tactful.experiments.canary import GUARDRAILS, Canary, Evidence, Plan, step
from tactful.experiments.design import POLICY, Experiment, ExperimentArm
from tactful.experiments.gate import Gate
from tactful.experiments.layers import free
from tactful.models import in_force
from tactful.models.in_force import Kept, Kind
from tactful.runtime import experiments_in_force, noted_models
from tactful.runtime.canary_rows import seen
from tactful.runtime.log_spans import through
from tactful.runtime.models_in_use import simple_scorer
from tactful.runtime.noted_models import ModelName, Spoke
from tactful.runtime.promotions import Move, canary_of, history, tell, withdrawn
from tactful.runtime.settings import Settings
from tactful.stores.protocols import Store


def begin(
    store: Store,
    version: str,
    plan: Plan,
    gate: Gate | None = None,
    by: str = "",
    reason: str = "",
    forced: bool = False,
) -> Move:
    """Starts a canary of a ranker: an experiment of the layer `policy` with one arm. Returns the move.

    Raises:
        InvalidExperiment: a canary runs; the ranker is in force; the layer has no room; the engine has not read all
            that was told to it; a gate that did not say `promote` without force, or force without anybody's name and
            reason.
        StoreError: the store does not keep the ranker.
    """
    if forced and not (by and reason):
        raise InvalidExperiment("got force without a name or a reason, expected both: they go on record")
    if not forced and gate is not None and gate.verdict != "promote":
        raise InvalidExperiment(f"got a ranker that is {gate.verdict} at the gate ({gate.why})")
    _refuse_waiting(store)
    moves = history(store)
    if (running := canary_of(moves)) is not None:
        raise InvalidExperiment(
            f"{running.experiment} of ranker {running.version} runs, expected none; advance it or roll it back first"
        )
    before = _version_in_force(store, "rank")
    if version == before:
        raise InvalidExperiment(f"got ranker {version}, which is in force; there is nothing to promote")
    in_force.rank_model_of(store, version)
    name = f"canary-{1 + sum(move.what in ('started', 'forced') for move in moves)}"
    canary = Canary(experiment=name, version=version, before=before, plan=plan)
    at_us = through(store) + 1
    arm = ExperimentArm("new", canary.share, models={"ranker": version})
    experiment = Experiment(
        name=name, arms=(arm,), offset=_room(store, canary.share), guardrails=GUARDRAILS, margins=plan.margins,
        note=f"canary of {version}",
    )  # fmt: skip
    move = Move(
        what="forced" if forced else "started", at=from_us(at_us), version=version, before=before, by=by, reason=reason,
        canary=canary, gate=gate,
    )  # fmt: skip
    with store.transaction():
        experiments_in_force.add(store, experiment)
        tell(store, at_us, move)
    return move


def advance(store: Store, settings: Settings) -> tuple[Canary, Evidence | None, Move | None]:
    """Looks at the canary that runs, and lets it grow, stay, or be taken back. Returns it, what was seen, and the move.

    To be called once a day. Nothing is written if it stays.

    Raises:
        InvalidExperiment: no canary runs, or it cannot be looked at yet.
    """
    _refuse_waiting(store)
    canary = canary_of(history(store))
    if canary is None:
        raise InvalidExperiment("got no canary that runs; start one with `tactful promote STORE VERSION`")
    if _version_in_force(store, "rank") != canary.before:
        why = "another ranker was put in force meanwhile: the others are not what they were"
        return _taken_back(store, canary, why, by="", evidence=None)
    evidence = seen(store, settings, canary)
    after = step(canary, evidence)
    if after.status == "rolled_back":
        return _taken_back(store, canary, after.reason, by="", evidence=evidence)
    if after.share == canary.share:
        return after, evidence, None
    at = _after_all(store, canary)
    grown = after.status == "running"
    move = Move(
        what="grown" if grown else "promoted", at=at, version=after.version, before=after.before, reason=after.reason,
        canary=after, seen=evidence,
    )  # fmt: skip
    model = None if grown else in_force.rank_model_of(store, after.version)
    with store.transaction():
        if model is None:
            experiments_in_force.resize(store, canary.experiment, (after.share,), at)
        else:
            in_force.put_in_force(store, model)
            experiments_in_force.end(store, canary.experiment, at)
        tell(store, to_us(at), move)
    return after, evidence, move


def roll_back(store: Store, kind: Kind = "rank", by: str = "", reason: str = "") -> Move:
    """Ends the canary that runs; without one, puts the model back in force that decided before. Returns the move.

    A model that was taken back is not gone back to, so that a second call leads further back, not forth again.

    Raises:
        InvalidExperiment: nothing else has decided before; the engine has not taken the canary yet.
    """
    canary = canary_of(history(store))
    if canary is not None and kind == "rank":
        move = _taken_back(store, canary, reason, by, None)[2]
        assert move is not None
        return move
    version, earlier = _version_in_force(store, kind), _earlier(store, kind)
    at_us = through(store) + 1
    move = Move(
        what="restored", at=from_us(at_us), kind=kind, version=version,
        before=earlier.version if earlier else "", by=by, reason=reason,
    )  # fmt: skip
    model = _kept(store, kind, earlier) if earlier else None
    with store.transaction():
        if model is None:
            in_force.take_out_of_force(store, kind)
        else:
            in_force.put_in_force(store, model)
        tell(store, at_us, move)
    return move


def _taken_back(
    store: Store, canary: Canary, reason: str, by: str, evidence: Evidence | None
) -> tuple[Canary, Evidence | None, Move]:
    after = msgspec.structs.replace(canary, status="rolled_back", reason=reason)
    at = _after_all(store, canary)
    taken = canary.experiment in {one.name for one in experiments_in_force.listed(store)}
    if not taken and store.posted():
        raise InvalidExperiment(f"{canary.experiment} waits for the engine to go on; roll it back then")
    move = Move(
        what="rolled_back", at=at, version=canary.version, before=canary.before, by=by, reason=reason, canary=after,
        seen=evidence,
    )  # fmt: skip
    with store.transaction():
        if taken:  # else the engine has refused it, and there is nothing to end
            experiments_in_force.end(store, canary.experiment, at)
        tell(store, to_us(at), move)
    return after, evidence, move


def _refuse_waiting(store: Store) -> None:
    """Passes if all moves are on the log: else one that waits would be made twice."""
    if store.posted():
        raise InvalidExperiment(
            f"got {store.posted()} letters that the engine has not read, expected none: what was told last is not on "
            "the log yet; let the engine go on, and ask again"
        )


def _after_all(store: Store, canary: Canary) -> datetime:
    """The first instant that is not decided, and not before the canary began."""
    known = {one.name: one.started_at for one in experiments_in_force.listed(store)}
    started = known.get(canary.experiment)
    return max(from_us(through(store) + 1), started or from_us(0))


def _room(store: Store, share: float) -> float:
    """Where in the layer a canary of this share finds place."""
    running = [one for one in experiments_in_force.listed(store) if one.ended_at is None]
    for low, high in free(running, POLICY):
        if high - low >= share - 1e-9:
            return low
    raise InvalidExperiment(f"layer {POLICY!r} has no free part of {share:.0%}; end an experiment first")


def _version_in_force(store: Store, kind: Kind) -> str:
    kept = in_force.in_force(store, kind)
    return kept.version if kept else ""


def _earlier(store: Store, kind: Kind) -> ModelName | None:
    """The last model of a kind that decided before, and was not taken back; None for the simple predictors."""
    now = _version_in_force(store, kind)
    passed = {now, *withdrawn(history(store))}
    for spoke in reversed(noted_models.history(store)):
        name = _of(spoke, kind)
        if (name.version if name else "") not in passed:
            return name
    raise InvalidExperiment(
        f"got no {kind} model that decided before {now or 'the simple predictors'} and was not taken back; "
        "expected one to go back to"
    )


def _of(spoke: Spoke, kind: Kind) -> ModelName | None:
    """Who spoke; None for the simple predictors, which no store keeps."""
    name = spoke.slot if kind == "slot" else spoke.rank
    simple = kind == "slot" and name is not None and name.version == simple_scorer().slot_model.version
    return None if simple else name


def _kept(store: Store, kind: Kind, name: ModelName) -> in_force.AnyModel:
    kept = Kept(name.name, name.version)
    if store.model(*kept) is None:
        raise StoreError(f"the store does not keep {name.name} {name.version}, which decided before; train again")
    return in_force.slot_model(store, kept) if kind == "slot" else in_force.rank_model(store, kept)
