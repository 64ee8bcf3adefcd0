"""A part of many rows in SQLite, evenly spread: found by their numbers, so that what is left out is not read."""

import json
import sqlite3
from typing import Final

from tactful.stores.order_preserving import unsigned
from tactful.stores.protocols import DecisionRow, PlanRow

_WITHIN: Final = "SELECT seq FROM {table} WHERE at_us >= ?1 AND at_us < ?2 ORDER BY at_us"
_ENDS: Final = f"""
SELECT (SELECT min(seq) FROM ({_WITHIN} LIMIT {{rows}})), (SELECT max(seq) FROM ({_WITHIN} DESC LIMIT {{rows}}))
"""
_ROWS: Final = 4_096
"""Rows are numbered as they are written, all but in the order of time: so many from an end hold the end's number."""


def sample_decisions(
    db: sqlite3.Connection, since_us: int, until_us: int, at_most: int, action_code: int | None
) -> tuple[list[DecisionRow], int]:
    """Returns some decisions of an interval; see `Samples.sample_decisions`."""
    numbers, step = _spread(_ends(db, "decisions", since_us, until_us), at_most)
    rows = db.execute(
        "SELECT decision_key, user_key, at_us, action_code, data FROM json_each(?) JOIN decisions ON seq = value "
        "WHERE at_us >= ? AND at_us < ? AND action_code = coalesce(?, action_code)",
        (json.dumps(numbers), since_us, until_us, action_code),
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
    """The least and the largest number of the rows of an interval, by the index over time; None without any."""
    first, last = db.execute(_ENDS.format(table=table, rows=_ROWS), (since_us, until_us)).fetchone()
    return None if first is None else (first, last)


def _spread(ends: tuple[int, int] | None, at_most: int) -> tuple[list[int], int]:
    """Every so-many-th number between two, both included, and how many each stands for."""
    if ends is None:
        return [], 1
    first, last = ends
    step = -(-(last - first + 1) // at_most)
    return list(range(first, last + 1, step)), step
