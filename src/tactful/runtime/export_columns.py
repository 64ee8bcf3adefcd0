"""Records as columns of Parquet: the schema of every exported table, and the rows of a batch.

Only what was decided and done is here: ids and numbers, no name, no address, no text of a message.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import chain
from typing import Any, Final, TypeAlias

import numpy as np
import pyarrow as pa

from tactful.clock import to_us
from tactful.events.records import Decision, Engagement, Option, Reason, SlotPlan

Array: TypeAlias = Any
"""A `pyarrow.Array`; the package has no types."""

_TEXT, _NUMBER, _INSTANT = pa.string(), pa.float64(), pa.timestamp("us", tz="UTC")
_REASON: Final = pa.struct([("code", _TEXT), ("number", _NUMBER), ("limit", _NUMBER)])
_OPTION: Final = pa.struct(
    [
        *(("candidate_id", _TEXT), ("channel", _TEXT), ("scores", pa.list_(_NUMBER))),
        *(("utility", _NUMBER), ("threshold", _NUMBER)),
    ]
)

DECISIONS: Final = pa.schema(
    [
        *(("decision_id", _TEXT), ("user_id", _TEXT), ("at", _INSTANT), ("action", _TEXT), ("channel", _TEXT)),
        *(("candidate_id", _TEXT), ("type", _TEXT), ("reasons", pa.list_(_REASON))),
        *(("heads", pa.list_(_TEXT)), ("scores", pa.list_(_NUMBER)), ("utility", _NUMBER), ("threshold", _NUMBER)),
        *(("feasible", pa.list_(_OPTION)), ("bucket", _TEXT), ("bucket_probability", _NUMBER)),
        *(("action_probability", _NUMBER), ("slot_probability", _NUMBER), ("arm", _TEXT), ("segment", _TEXT)),
        *(("slot", pa.int16()), ("turn", pa.int32()), ("budget_left", _NUMBER)),
        *(("features", pa.map_(_TEXT, _NUMBER)), ("model_version", _TEXT), ("policy_version", _TEXT)),
        *(("control_version", pa.int64()), ("snapshot", pa.binary()), ("snapshot_place", pa.int32())),
        *(("log_probability", _NUMBER), ("schema_version", pa.int16())),
    ]
)
ENGAGEMENTS: Final = pa.schema(
    [
        *(("engagement_id", _TEXT), ("user_id", _TEXT), ("kind", _TEXT), ("at", _INSTANT), ("accepted_at", _INSTANT)),
        *(("decision_id", _TEXT), ("item", _TEXT), ("category", pa.int64()), ("channel", _TEXT), ("value", _NUMBER)),
        ("schema_version", pa.int16()),
    ]
)
SLOT_PLANS: Final = pa.schema(
    [
        *(("user_id", _TEXT), ("at", _INSTANT), ("local_day", pa.int32()), ("quota", pa.int32())),
        *(("slot_probs", pa.list_(_NUMBER)), ("jobs", pa.list_(pa.int16())), ("sends", pa.list_(pa.int16()))),
        *(("inclusion", pa.list_(_NUMBER)), ("randomised", pa.bool_()), ("segment", _TEXT), ("model_version", _TEXT)),
        *(("slot_weights", pa.list_(_NUMBER)), ("schema_version", pa.int16())),
    ]
)


def decisions(records: Sequence[Decision]) -> Array:
    """Returns decisions as a record batch of `DECISIONS`."""
    return _batch(DECISIONS, records, {"reasons": _reasons, "feasible": _options, "features": _maps})


def engagements(records: Sequence[Engagement], accepted_us: Sequence[int]) -> Array:
    """Returns engagements, each with the instant at which it was accepted, as a record batch of `ENGAGEMENTS`."""
    accepted = pa.array(accepted_us, pa.int64()).cast(_INSTANT)
    return _batch(ENGAGEMENTS, records, {"accepted_at": lambda _: accepted})


def slot_plans(records: Sequence[SlotPlan]) -> Array:
    """Returns slot plans as a record batch of `SLOT_PLANS`; `day` is the name of the folder, so theirs is another."""
    return _batch(SLOT_PLANS, records, {"local_day": lambda plans: pa.array([p.day for p in plans], pa.int32())})


def _batch(schema: Any, records: Sequence[Any], made_by: dict[str, Callable[[Sequence[Any]], Array]]) -> Array:
    columns = []
    for field in schema:
        if field.name in made_by:
            columns.append(made_by[field.name](records))
        elif field.type == _INSTANT:
            columns.append(pa.array([to_us(getattr(r, field.name)) for r in records], pa.int64()).cast(_INSTANT))
        elif pa.types.is_list(field.type):
            rows = [getattr(r, field.name) for r in records]
            columns.append(_lists(rows, partial(pa.array, type=field.type.value_type)))
        else:
            columns.append(pa.array([getattr(r, field.name) for r in records], field.type))
    return pa.record_batch(columns, schema=schema)


def _lists(rows: Sequence[Sequence[Any]], made: Callable[[list[Any]], Array]) -> Array:
    """A column of lists, its entries converted all at once."""
    return pa.ListArray.from_arrays(_offsets(rows), made(list(chain.from_iterable(rows))))


def _offsets(rows: Iterable[Sequence[Any]]) -> Array:
    return pa.array(np.cumsum([0, *(len(row) for row in rows)]), pa.int32())


def _reasons(records: Sequence[Decision]) -> Array:
    def made(flat: list[Reason]) -> Array:
        columns = [pa.array([getattr(r, field.name) for r in flat], field.type) for field in _REASON]
        return pa.StructArray.from_arrays(columns, fields=list(_REASON))

    return _lists([r.reasons for r in records], made)


def _options(records: Sequence[Decision]) -> Array:
    def made(flat: list[Option]) -> Array:
        columns = [
            _lists([o.scores for o in flat], lambda scores: pa.array(scores, _NUMBER))
            if field.name == "scores"
            else pa.array([getattr(o, field.name) for o in flat], field.type)
            for field in _OPTION
        ]
        return pa.StructArray.from_arrays(columns, fields=list(_OPTION))

    return _lists([r.feasible for r in records], made)


def _maps(records: Sequence[Decision]) -> Array:
    rows = [r.features for r in records]
    names = pa.array(list(chain.from_iterable(rows)), _TEXT)
    values = pa.array(list(chain.from_iterable(row.values() for row in rows)), _NUMBER)
    return pa.MapArray.from_arrays(pa.array(np.cumsum([0, *(len(row) for row in rows)]), pa.int32()), names, values)
