"""Everybody whom a budget could reach, as Parquet files: what allocating to more people than memory holds reads.

One file a partition, a row a person: `user` (the key of her id, `draws.key`), `reach` and `activity` (indices into
`segments.REACHES` and `segments.ACTIVITIES`), `k` (the weekly budget of today), `wish` (-1 for none), `drawn`, and a
float32 column for each name of `features.volume.NAMES`. Metadata say of which instant that is, and of which features.
Whatever keeps the states writes them: `write_people` does it for those of a store.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tactful.errors import InvalidFeatures, UnreadableInput
from tactful.features.volume import NAMES, SCHEMA
from tactful.runtime.people import People
from tactful.stores.partitions import whole

AT_ONCE: Final = 65_536
"""People held in memory: with all that is made of them some 50 MB."""
_IDS: Final = ("reach", "activity", "k", "wish")
_FEATURES, _AS_OF = b"tactful.features", b"tactful.as_of_us"
COLUMNS: Final = pa.schema(
    [
        ("user", pa.uint64()),
        *((name, pa.int16()) for name in _IDS),
        ("drawn", pa.bool_()),
        *((name, pa.float32()) for name in NAMES),
    ]
)


def write_people(people: People, path: Path) -> None:
    """Writes people as one partition; the file gets its place when it is whole."""
    columns = [
        pa.array(people.key),
        *(pa.array(getattr(people, name).astype(np.int16)) for name in _IDS),
        pa.array(people.drawn),
        *(pa.array(np.ascontiguousarray(column)) for column in people.features.T),
    ]
    noted = COLUMNS.with_metadata({_FEATURES: SCHEMA.encode(), _AS_OF: str(people.as_of_us).encode()})
    with whole(path) as partial:
        pq.write_table(pa.Table.from_arrays(columns, schema=noted), partial, compression="zstd", row_group_size=AT_ONCE)


def undrawn(path: Path) -> int:
    """Returns how many people of a partition may get another budget.

    Raises:
        UnreadableInput: the file is damaged, or columns are missing.
        InvalidFeatures: the features are those of another release.
    """
    drawn = _opened(path).read(["drawn"])["drawn"]
    return len(drawn) - int(pc.sum(drawn).as_py() or 0)


def read_people(path: Path) -> Iterator[People]:
    """Yields the people of a partition who may get another budget, at most `AT_ONCE` at a time.

    Raises:
        UnreadableInput: the file is damaged, or columns are missing.
        InvalidFeatures: the features are those of another release.
    """
    file = _opened(path)
    as_of_us = int(file.schema_arrow.metadata.get(_AS_OF, b"0"))
    for batch in file.iter_batches(AT_ONCE, columns=COLUMNS.names):
        people = People(
            key=_numbers(batch, "user").astype(np.uint64),
            features=np.stack([_numbers(batch, name).astype(np.float32) for name in NAMES], axis=1),
            **{name: _numbers(batch, name).astype(np.int64) for name in _IDS},
            drawn=np.asarray(batch["drawn"].to_numpy(zero_copy_only=False), dtype=np.bool_),
            known=len(batch),
            last_seen_us=0,
            as_of_us=as_of_us,
        )
        yield people.only(~people.drawn)


def _opened(path: Path) -> Any:
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise UnreadableInput(f"cannot read {path}: {error}; write this partition again") from error
    missing = [name for name in COLUMNS.names if name not in file.schema_arrow.names]
    if missing:
        raise UnreadableInput(f"got {path} without {', '.join(missing)}; write it as `runtime/people_files.py` says")
    features = (file.schema_arrow.metadata or {}).get(_FEATURES, b"").decode()
    if features != SCHEMA:
        raise InvalidFeatures(
            f"got {path} with features of schema {features or 'none'}, expected {SCHEMA}; write it with this release"
        )
    return file


def _numbers(batch: Any, name: str) -> Any:
    column = batch[name]
    if column.null_count:
        raise UnreadableInput(f"got {column.null_count} empty values of {name}, expected a number for each person")
    return column.to_numpy()
