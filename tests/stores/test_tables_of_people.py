"""Every table that holds something of a person is reached by an erasure, those of later schemas included."""

import sqlite3
from pathlib import Path

from tactful.stores.sqlite import SqliteStore
from tactful.stores.sqlite_erasing import tables_with

REACHED_OTHERWISE = {
    "input_pages": "fingerprints are overwritten",
    "decision_pages": "fingerprints are overwritten",
    "states": "deleted by user id",
    "attempts": "what providers said is emptied, by decision",
    "rejects": "emptied where the engine knows them as hers",
    "artefacts": "catalogues are rewritten; models hold no single person",
    "answers": "deleted where her id is in the body",
    "mailbox": "taken by the engine before it erases; refused after",
    "meta": "saved anew by the engine",
}
OF_NOBODY = {"keys", "keys_through", "controls", "api_keys"}


def test_every_table_names_people_by_key_or_is_reached_otherwise_or_is_of_nobody(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    SqliteStore(path).close()
    db = sqlite3.connect(path)
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    by_key = tables_with(db, "user_key")
    db.close()
    known = by_key | REACHED_OTHERWISE.keys() | OF_NOBODY | {"sqlite_sequence"}
    assert tables - known == set(), "give the table a user_key, or say here how an erasure reaches it"
