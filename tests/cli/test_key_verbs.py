"""Keys are made, listed and revoked; the token is shown once."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tactful.api.keys import Keyring
from tactful.cli.app import app
from tactful.cli.options import needs_extra
from tactful.errors import MissingExtra
from tactful.stores.sqlite import SqliteStore


def call(*words: str) -> str:
    done = CliRunner().invoke(app, ["key", *words])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_key_is_made_listed_and_revoked(tmp_path: Path) -> None:
    store = str(tmp_path / "app.db")
    made = json.loads(call("new", "--store", store, "--scope", "read,ingest", "--name", "app", "--json"))
    assert made["scopes"] == ["ingest", "read"]
    found = Keyring(SqliteStore(tmp_path / "app.db").api_keys()).find(f"Bearer {made['token']}")
    assert found is not None
    assert found.key_id == made["key_id"]
    (row,) = json.loads(call("list", "--store", store, "--json"))
    assert (row["key_id"], row["may"], row["name"], row["revoked"]) == (made["key_id"], "ingest, read", "app", None)
    assert made["token"] not in call("list", "--store", store)
    call("revoke", made["key_id"], "--store", store)
    (row,) = json.loads(call("list", "--store", store, "--json"))
    assert row["revoked"]
    again = CliRunner().invoke(app, ["key", "revoke", made["key_id"], "--store", store])
    assert again.exit_code == 1


def test_a_scope_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["key", "new", "--store", str(tmp_path / "app.db"), "--scope", "write"])
    assert done.exit_code == 2
    assert not (tmp_path / "app.db").exists()


def test_a_missing_extra_is_named() -> None:
    with pytest.raises(MissingExtra, match=r"starlette is not installed.*tactful\[serve\]"), needs_extra("serve"):
        raise ModuleNotFoundError("No module named 'starlette'", name="starlette")
    with pytest.raises(ModuleNotFoundError), needs_extra("serve"):
        raise ModuleNotFoundError("No module named 'tactful.nothing'", name="tactful.nothing")
