"""`tactful import`: what fits is in the store, once; what does not is told of."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tactful import draws
from tactful.cli.app import app
from tactful.clock import from_us
from tactful.events.records import Engagement, User, decode
from tactful.runtime.embedded import Engine
from tactful.runtime.settings import Settings
from tactful.stores.sqlite import SqliteStore

RUNNER = CliRunner(env={"COLUMNS": "100"})
T0 = 1_772_409_600  # 2026-03-02 00:00 UTC
MAPPING = """
user = "who"
time = {column = "ts", unit = "s"}
kind = {constant = "view"}
item = "article"

[users]
timezone = "America/Sao_Paulo"
opt_in = ["push"]
addresses = "user_id"

[sessions]
gap = "30m"
"""


@pytest.fixture
def mapping(tmp_path: Path) -> Path:
    path = tmp_path / "map.toml"
    path.write_text(MAPPING)
    return path


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.csv"
    rows = [f"u{i % 4},{T0 + 600 * i},a{i % 7}" for i in range(200)]
    path.write_text("\n".join(["who,ts,article", *rows, "u1,never,a1", "u2,1,a2"]) + "\n")
    return path


def load(log: Path, mapping: Path, store: Path, *more: str) -> Result:
    return RUNNER.invoke(app, ["import", str(log), "--mapping", str(mapping), "--store", str(store), *more])


def test_every_good_row_is_in_the_store_at_its_own_time(log: Path, mapping: Path, tmp_path: Path) -> None:
    result = load(log, mapping, tmp_path / "app.db")
    assert result.exit_code == 0, result.output
    store = SqliteStore(tmp_path / "app.db", read_only=True)
    inputs = store.read(-1, 10_000)
    views = [(i.log_ts_us, r) for i in inputs if isinstance(r := decode(i.data), Engagement) and r.kind == "view"]
    assert [from_us(stamp) for stamp, _ in views] == [from_us((T0 + 600 * i) * 1_000_000) for i in range(200)]
    assert all(from_us(stamp) == record.at for stamp, record in views)
    assert sum(isinstance(decode(i.data), User) for i in inputs) == 4
    store.close()


def test_a_user_is_known_before_her_first_act(log: Path, mapping: Path, tmp_path: Path) -> None:
    load(log, mapping, tmp_path / "app.db")
    store = SqliteStore(tmp_path / "app.db", read_only=True)
    for user in range(4):
        first = decode(store.inputs_of(draws.key(f"u{user}"), 0, 2**62)[0].data)
        assert isinstance(first, User)
        assert first.timezone == "America/Sao_Paulo"
    store.close()


def test_importing_twice_changes_nothing_and_says_so(log: Path, mapping: Path, tmp_path: Path) -> None:
    store = tmp_path / "app.db"
    first = json.loads(load(log, mapping, store, "--json").stdout)["submitted"]
    again = json.loads(load(log, mapping, store, "--json").stdout)["submitted"]
    assert first["accepted"] > 200
    assert (again["accepted"], again["known"], again["refused"]) == (0, first["accepted"], 0)
    assert "had been imported before" in load(log, mapping, store).stdout


def test_a_profile_that_came_otherwise_stands(log: Path, mapping: Path, tmp_path: Path) -> None:
    store = tmp_path / "app.db"
    load(log, mapping, store)
    engine = Engine.open(store, Settings())
    engine.submit([User(user_id="u1", timezone="Asia/Kolkata")])
    engine.advance(from_us(engine.store.last()[1]))
    engine.close()
    load(log, mapping, store)
    opened = SqliteStore(store, read_only=True)
    profiles = [r for i in opened.inputs_of(draws.key("u1"), 0, 2**62) if isinstance(r := decode(i.data), User)]
    assert profiles[-1].timezone == "Asia/Kolkata"
    opened.close()


def test_the_report_counts_rows_and_names_the_reasons(log: Path, mapping: Path, tmp_path: Path) -> None:
    result = load(log, mapping, tmp_path / "app.db", "--rejects", str(tmp_path / "rejects.ndjson"))
    text = " ".join(result.stdout.split())
    assert "read │ 202" in text
    assert "refused │ 2" in text
    assert "1 x time" in text
    assert max(len(line) for line in result.stdout.splitlines()) <= 100
    lines = (tmp_path / "rejects.ndjson").read_text().splitlines()
    assert [json.loads(line)["line"] for line in lines] == [202, 203]


def test_an_imported_store_has_plans_that_explain_can_show(log: Path, mapping: Path, tmp_path: Path) -> None:
    load(log, mapping, tmp_path / "app.db")
    found = RUNNER.invoke(app, ["explain", "u1", "--store", str(tmp_path / "app.db"), "--json"])
    assert json.loads(found.stdout)["plan"]["slot_probs"]


def test_a_bad_mapping_is_an_error_and_makes_no_store(log: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(MAPPING.replace("item =", "itme ="))
    result = load(log, wrong, tmp_path / "app.db")
    assert result.exit_code == 1
    assert "itme" in result.stderr
    assert not (tmp_path / "app.db").exists()


@pytest.mark.parametrize("content", ["", "who,ts,article\n"])
def test_an_empty_log_is_an_error_and_makes_no_store(content: str, mapping: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty.csv"
    empty.write_text(content)
    result = load(empty, mapping, tmp_path / "app.db")
    assert result.exit_code == 1
    assert "empty.csv" in result.stderr
    assert not (tmp_path / "app.db").exists()


def test_a_row_whose_id_is_known_with_other_content_is_refused_and_the_first_stands(tmp_path: Path) -> None:
    named = tmp_path / "named.toml"
    named.write_text('id = "id"\n' + MAPPING)
    for text in ("id,who,ts,article", f"e1,u1,{T0},a1"), ("id,who,ts,article", f"e1,u1,{T0},a2"):
        (tmp_path / "log.csv").write_text("\n".join(text) + "\n")
        result = load(tmp_path / "log.csv", named, tmp_path / "app.db", "--json")
    found = json.loads(result.stdout)["submitted"]
    assert found["refused"] == 1
    assert "id is known with other content" in next(iter(found["reasons"]))
    store = SqliteStore(tmp_path / "app.db", read_only=True)
    views = [r for i in store.read(-1, 100) if isinstance(r := decode(i.data), Engagement) and r.kind == "view"]
    assert [view.item for view in views] == ["a1"]
    store.close()
