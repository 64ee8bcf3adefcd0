"""Rows of column structs: pick some, put several together."""

from dataclasses import fields, replace
from typing import Any, ClassVar, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray


@runtime_checkable
class _Columns(Protocol):
    """A frozen dataclass of equal-length arrays; what is not an array is the same for all rows."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


C = TypeVar("C", bound=_Columns)


def pick(columns: C, rows: NDArray[Any]) -> C:
    """Returns the rows given by a mask or by indices, in their order."""
    return replace(columns, **{name: column[rows] for name, column in _arrays(columns).items()})


def joined(parts: list[C]) -> C:
    """Returns the rows of all parts, one part after the other. At least one part is needed."""
    every = [_arrays(p) for p in parts]
    return replace(parts[0], **{name: np.concatenate([p[name] for p in every]) for name in every[0]})


def _arrays(columns: _Columns) -> dict[str, NDArray[Any]]:
    values = {f.name: getattr(columns, f.name) for f in fields(columns)}
    return {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
