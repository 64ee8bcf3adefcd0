"""Rows of a record of columns: the same places of every array."""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import TypeVar

import numpy as np
from jaxtyping import Int64

from tactful.features.join import Sends, Touches
from tactful.features.ranking import RankInputs

Record = TypeVar("Record", RankInputs, Sends, Touches)


def taken(record: Record, rows: Int64[np.ndarray, " r"]) -> Record:
    """Returns those rows of every column, in the given order."""
    return replace(record, **{field.name: getattr(record, field.name)[rows] for field in fields(record)})


def stacked(records: Sequence[Record]) -> Record:
    """Returns the rows of several records below each other."""
    columns = {field.name: [getattr(one, field.name) for one in records] for field in fields(records[0])}
    return replace(records[0], **{name: np.concatenate(parts) for name, parts in columns.items()})
