"""The experiments of a store: announced in the input log, filed among the controls, taken by the engine on it.

Each function leaves a letter for the engine, which puts it into its log; there it holds from a stated instant on, and
in every replay. What contradicts what is known by then is refused, and kept among the store's rejects.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import msgspec

from tactful.clock import from_us, to_us
from tactful.errors import InvalidExperiment, TactfulError
from tactful.events.records import Control, Input, decode, encode
from tactful.experiments.design import Experiment, arm_name
from tactful.experiments.layers import resized
from tactful.experiments.schedule import KEY, Schedule, read, value
from tactful.models import in_force
from tactful.runtime.arm_rules import settings_of
from tactful.runtime.intake import Line
from tactful.runtime.settings import Settings, noted
from tactful.stores.protocols import Store

MODEL_KINDS: Final = ("ranker",)
"""Models that an arm may have for itself."""
_UNNUMBERED: Final = 0
"""The engine numbers definitions when it takes them, so that two who announce at one time do not collide."""


def add(store: Store, experiment: Experiment) -> None:
    """Announces an experiment; it starts when it says, else as soon as the engine takes it.

    Raises:
        InvalidExperiment: it contradicts itself or what runs, or changes rules that all arms share.
        StoreError: it names a model that the store does not keep.
        InvalidModel: the model cannot be loaded.
    """
    since_us = store.last()[1] if experiment.started_at is None else to_us(experiment.started_at)
    _refuse_unusable(store, experiment, noted(store), True)
    if experiment.name in {one.name for one in listed(store)}:
        raise InvalidExperiment(
            f"got a second experiment named {experiment.name!r}, expected a new name; `resize` and `end` change one"
        )
    _announce(store, max(since_us, 0), experiment)


def resize(store: Store, name: str, shares: Sequence[float], at: datetime) -> Experiment:
    """Announces other shares from an instant on, and returns the experiment with them; nobody inside changes the arm.

    Raises:
        InvalidExperiment: no such experiment; it has ended; the layer has no room.
    """
    others = [one for one in listed(store) if one.name != name and (one.ended_at is None or one.ended_at > at)]
    after = resized(_named(store, name), shares, others)
    _announce(store, to_us(at), after)
    return after


def end(store: Store, name: str, at: datetime) -> Experiment:
    """Announces an end; from then on everybody of the experiment is in the arm `default`. Returns it with the end.

    Raises:
        InvalidExperiment: no such experiment; it has ended, or not begun by then.
    """
    ended = msgspec.structs.replace(_named(store, name), ended_at=at)
    _announce(store, to_us(at), ended)
    return ended


def listed(store: Store) -> tuple[Experiment, ...]:
    """Returns all experiments that an engine has taken, each as it was defined last, with the instant of its start."""
    return schedule_of(store).latest()


def schedule_of(store: Store) -> Schedule:
    """Returns which experiments of a store run when."""
    rows = sorted((row.effective_us, row.version, row.data) for row in store.controls_of(KEY, -1))
    schedule = Schedule()
    for effective_us, _, data in rows:
        if isinstance(control := decode(data), Control):
            schedule = schedule.and_then(effective_us, read(control.value))
    return schedule


def settings_in(store: Store, settings: Settings, arm: str) -> Settings:
    """Returns the settings by which an arm is decided: those of everybody with its own rules, which never change."""
    rules = {arm_name(one.name, each.name): each.rules for one in listed(store) for each in one.arms}
    return settings_of(settings, rules.get(arm, {}))


def numbered(store: Store, records: list[Input]) -> list[Input]:
    """Returns records in which every experiment that was announced without a version has the next free one."""
    if not any(_announces(record) for record in records):
        return records
    last = max((row.version for row in store.controls_of(KEY, -1)), default=0)
    found: list[Input] = []
    for record in records:
        if _announces(record) and isinstance(record, Control) and record.version == _UNNUMBERED:
            last += 1
            record = msgspec.structs.replace(record, version=last)
        found.append(record)
    return found


def clashes(store: Store, lines: Iterable[Line], since_us: int, keeps_models: bool) -> dict[int, str]:
    """Returns which announcements cannot be taken, by position, and why: they contradict what is known by then.

    Args:
        since_us: the earliest instant at which the lines can hold.
        keeps_models: whether the store keeps the models that are named.
    """
    told = [(line.position, line.record) for line in lines if _announces(line.record)]
    if not told:
        return {}
    schedule, settings, found = schedule_of(store), noted(store), {}
    repeated = {row.version for row in store.controls_of(KEY, -1)}
    for position, record in told:
        if not isinstance(record, Control) or record.version in repeated:
            continue  # the log says whether it is the same once more
        experiment = read(record.value)
        try:
            _refuse_unusable(store, experiment, settings, keeps_models)
            schedule = schedule.with_one(max(to_us(record.effective_at), since_us), experiment)
        except TactfulError as error:
            found[position] = str(error)
    return found


def _announces(record: object) -> bool:
    return type(record) is Control and record.key == KEY


def _announce(store: Store, since_us: int, experiment: Experiment) -> None:
    schedule_of(store).with_one(since_us, experiment)
    control = Control(version=_UNNUMBERED, effective_at=from_us(since_us), key=KEY, value=value(experiment))
    store.post([encode(control)])


def _named(store: Store, name: str) -> Experiment:
    known = {one.name: one for one in listed(store)}
    if name not in known:
        raise InvalidExperiment(
            f"got experiment {name!r}, expected one of {sorted(known) or 'none yet'}; "
            "one that was announced is known once the engine has taken it"
        )
    return known[name]


def _refuse_unusable(store: Store, experiment: Experiment, settings: Settings, keeps_models: bool) -> None:
    """Passes if every arm can be decided."""
    for arm in experiment.arms:
        settings_of(settings, arm.rules)
        strange = sorted(arm.models.keys() - set(MODEL_KINDS))
        if strange:
            raise InvalidExperiment(
                f"experiment {experiment.name!r}: got models of the kinds {strange} for arm {arm.name!r}, expected "
                f"some of {', '.join(MODEL_KINDS)}; other models are put in force for all"
            )
        if keeps_models and "ranker" in arm.models:
            in_force.rank_model_of(store, arm.models["ranker"])
