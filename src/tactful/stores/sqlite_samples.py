"""A part of many rows in SQLite, evenly spread: found by their numbers, so that what is left out is not read."""

import json
import sqlite3
from typing import Final

from tactful.stores.order_preserving import unsigned
from tactful.stores.protocols import DecisionRow, PlanRow

_BY_TIME: Final = "SELECT seq FROM {table} WHERE at_us >= ? AND at_us < ? ORDER BY at_us {order} LIMIT 1"


def sample_decisions(
    db: sqlite3.Connection, since_us: int, until_us: int, at_most: int
) -> tuple[list[DecisionRow], int]:
    """Returns some decisions of an interval; see `Samples.sample_decisions`."""
    numbers, step = _spread(_ends(db, "decisions", since_us, until_us), at_most)
    rows = db.execute(
        "SELECT decision_key, user_key, at_us, action_code, data FROM json_each(?) JOIN decisions ON seq = value "
        "WHERE at_us >= ? AND at_us < ?",
        (json.dumps(numbers), since_us, until_us),
    )
    return [DecisionRow(unsigned(key), unsigned(user), *rest) for key, user, *rest in rows], step


def sample_plans(db: sqlite3.Connection, since_us: int, until_us: int, at_most: int) -> tuple[list[PlanRow], int]:
    """Returns some plans made in an interval; see `Samples.sample_plans`."""
    numbers, step = _spread(_ends(db, "plans", since_us, until_us), at_most)
    rows = db.execute(
        "SELECT user_key, day, at_us, data FROM json_each(?) JOIN plans ON seq = value WHERE at_us >= ? AND at_us < ?",
        (json.dumps(numbers), since_us, until_us),
    )
    return [PlanRow(unsigned(user), *rest) for user, *rest in rows], step


def sample_states(db: sqlite3.Connection, at_most: int) -> tuple[list[tuple[str, bytes]], int]:
    """Returns some saved states; see `Samples.sample_states`."""
    first, last = db.execute("SELECT (SELECT min(ordinal) FROM states), (SELECT max(ordinal) FROM states)").fetchone()
    numbers, step = _spread(None if first is None else (first, last), at_most)
    rows = db.execute(
        "SELECT user_id, data FROM json_each(?) JOIN states ON ordinal = value", (json.dumps(numbers),)
    ).fetchall()
    return rows, step


def _ends(db: sqlite3.Connection, table: str, since_us: int, until_us: int) -> tuple[int, int] | None:
    """The numbers of the first and the last row of an interval, by the index over time."""
    found = [
        db.execute(_BY_TIME.format(table=table, order=order), (since_us, until_us)).fetchone()
        for order in ("ASC", "DESC")
    ]
    return None if found[0] is None else (min(found)[0], max(found)[0])


def _spread(ends: tuple[int, int] | None, at_most: int) -> tuple[list[int], int]:
    """Every so-many-th number between two, both included, and how many each stands for."""
    if ends is None:
        return [], 1
    first, last = ends
    step = -(-(last - first + 1) // at_most)
    return list(range(first, last + 1, step)), step
