"""`tactful experiment`: what is announced, listed, ended and reported, on a small app with an experiment behind it."""

import json
import shutil
from datetime import timedelta
from io import StringIO
from pathlib import Path

import msgspec
import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

import experiment_store
from tactful import draws
from tactful.cli.app import app
from tactful.cli.report.experiment import print_report
from tactful.clock import to_us
from tactful.events.records import Decision, decode
from tactful.experiments.assign import place
from tactful.experiments.comparison import Comparison
from tactful.experiments.design import Experiment, Targeting, experiment_of
from tactful.experiments.holdout import held_out
from tactful.runtime.embedded import Engine
from tactful.runtime.experiment_report import report
from tactful.runtime.experiments_in_force import listed
from tactful.runtime.settings import Holdout
from tactful.stores.sqlite import SqliteStore

RUNNER = CliRunner(env={"COLUMNS": "100"})
NEW = ["--name", "evening", "--arm", "control=0.5", "--arm", "evening=0.5", "--metric", "clicks/sends",
       "--metric", "active_days", "--set", 'evening.rules.send_windows=["17:00-22:00"]']  # fmt: skip
FILE = """
name = "evening"
metrics = ["clicks/sends", "active_days"]
arms = [
    {name = "control", share = 0.5},
    {name = "evening", share = 0.5, rules = {send_windows = ["17:00-22:00"]}},
]
"""


def experiment(*arguments: str | Path) -> Result:
    return RUNNER.invoke(app, ["experiment", *map(str, arguments)])


@pytest.fixture(scope="module")
def later_db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten days of an experiment; only read, tests that write copy it."""
    path = tmp_path_factory.mktemp("experiment") / "later.db"
    experiment_store.fill_store(path, with_experiment=True)
    return path


@pytest.fixture(scope="module")
def told(later_db: Path) -> Comparison:
    done = experiment("report", later_db, "evening", "--json")
    assert done.exit_code == 0, done.output
    return msgspec.convert(json.loads(done.stdout), Comparison)


@pytest.fixture
def read(later_db: Path) -> SqliteStore:
    return SqliteStore(later_db, read_only=True)


def _experiment(read: SqliteStore) -> Experiment:
    (one,) = listed(read)
    return one


def test_options_and_a_file_announce_the_same_and_the_engine_takes_it(app_db: Path, tmp_path: Path) -> None:
    store = Path(shutil.copy(app_db, tmp_path / "app.db"))
    (tmp_path / "evening.toml").write_text(FILE)
    by_file = experiment("new", shutil.copy(app_db, tmp_path / "other.db"), "--file", tmp_path / "evening.toml")
    assert by_file.exit_code == 0, by_file.output
    done = experiment("new", store, *NEW, "--json")
    assert done.exit_code == 0, done.output
    assert msgspec.convert(json.loads(done.stdout), Experiment) == experiment_of(FILE)
    assert "No experiment" in experiment("list", store).output
    opened = SqliteStore(store)
    engine = Engine(opened, experiment_store.Settings())
    engine.advance(engine.watermark + timedelta(hours=1))
    engine.close()
    assert "control 50 %, evening 50 %" in experiment("list", store).output
    again = experiment("new", store, *NEW)
    assert again.exit_code == 1
    assert "second experiment" in again.stderr


def test_margins_are_agreed_before_and_kept_with_the_experiment(app_db: Path, tmp_path: Path) -> None:
    store = Path(shutil.copy(app_db, tmp_path / "app.db"))
    guarded = ["--guardrail", "unsubscribes=0.05", "--guardrail", "complaints"]
    done = experiment("new", store, *NEW, *guarded, "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["guardrails"], told["margins"]) == (["unsubscribes", "complaints"], {"unsubscribes": 0.05})
    assert "such as unsubscribes=0.05" in experiment("new", store, *NEW, "--guardrail", "complaints=few").output


def test_a_second_experiment_is_put_where_the_layer_is_free(later_db: Path, tmp_path: Path) -> None:
    store = Path(shutil.copy(later_db, tmp_path / "later.db"))
    full = experiment("new", store, "--name", "b", "--arm", "control=0.1")
    assert full.exit_code == 1
    assert "overlap" in full.stderr
    apart = experiment("new", store, "--name", "b", "--arm", "control=0.1", "--layer", "app", "--json")
    assert json.loads(apart.stdout)["offset"] == 0.0


def test_arms_get_other_shares_and_the_report_counts_who_stays(later_db: Path, tmp_path: Path) -> None:
    store = Path(shutil.copy(later_db, tmp_path / "later.db"))
    assert "expected some of" in experiment("resize", store, "evening", "--arm", "morning=0.1").stderr
    done = experiment("resize", store, "evening", "--arm", "control=0.2", "--arm", "evening=0.3")
    assert done.exit_code == 0, done.output
    assert "control 20 %, evening 30 %" in done.output
    opened = SqliteStore(store)
    engine = Engine(opened, experiment_store.SETTINGS)
    engine.advance(engine.watermark + timedelta(days=1))
    engine.close()
    found = msgspec.convert(json.loads(experiment("report", store, "evening", "--json").stdout), Comparison)
    keys = np.array([draws.key(f"u{i}") for i in range(experiment_store.PEOPLE)], dtype=np.uint64)
    where = place("policy", keys, experiment_store.SETTINGS.seed)
    assert found.users == (int((where < 0.2).sum()), int(((where >= 0.5) & (where < 0.8)).sum()))
    assert found.days == pytest.approx(11.0, abs=0.1)
    assert found.sample_ratio_p > 0.001


def test_an_ended_experiment_is_read_to_its_end_only(later_db: Path, tmp_path: Path, told: Comparison) -> None:
    store = Path(shutil.copy(later_db, tmp_path / "later.db"))
    done = experiment("end", store, "evening", "--at", "2026-03-20T00:00:00Z")
    assert done.exit_code == 0, done.output
    assert "2026-03-20 00:00" in done.output
    early = experiment("report", store, "evening", "--until", "2026-03-12T01:00:00Z", "--json")
    assert json.loads(early.stdout)["days"] == 5.0
    assert told.days == pytest.approx(10.0, abs=0.1)


def test_the_report_finds_what_the_app_was_built_to_show(told: Comparison) -> None:
    assert sum(told.users) == experiment_store.PEOPLE
    assert told.decided == told.users
    assert told.sample_ratio_p > 0.001
    rate = told.measured[0]
    assert rate.metric == "clicks/sends"
    assert rate.lift is not None
    assert rate.lift.low > 0.0
    assert {one.metric for one in told.guardrails} == {"unsubscribes", "complaints"}
    assert [one.days for one in told.looks if one.metric == "active_days"][:3] == [1.0, 2.0, 3.0]


def test_the_report_is_read_at_100_columns_and_shows_every_arm_and_metric(told: Comparison) -> None:
    out = Console(width=100, record=True, file=StringIO())
    print_report(told, out)
    text = out.export_text()
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 100
    for word in ("clicks/sends", "active_days", "unsubscribes", "control", "evening"):
        assert word in text


def test_the_page_is_one_file_with_both_plots(later_db: Path, tmp_path: Path) -> None:
    done = experiment("report", later_db, "evening", "--html", tmp_path / "page.html")
    assert done.exit_code == 0, done.output
    page = (tmp_path / "page.html").read_text()
    assert "drawChart('#lifts'" in page
    assert "drawChart('#sequence'" in page
    assert "<script src" not in page


def test_the_holdout_is_reported_as_an_experiment_is(later_db: Path, tmp_path: Path) -> None:
    (tmp_path / "held.toml").write_text("holdout = {share = 0.3}\n")
    page, told = tmp_path / "page.html", ("--settings", tmp_path / "held.toml")
    found = experiment("report", later_db, "--holdout", *told, "--html", page, "--json")
    assert found.exit_code == 0, found.output
    held = msgspec.convert(json.loads(found.stdout), Comparison)  # in name only: everybody was told alike
    assert held.arms == ("held out", "others")
    assert sum(held.users) == experiment_store.PEOPLE
    assert [one.metric for one in held.measured] == ["active_days", "active_weeks", "sessions"]
    assert "<h1>holdout</h1>" in page.read_text()
    shown = experiment("report", later_db, "--holdout", *told).output
    assert "active_weeks" in shown
    assert "guardrail" not in shown
    assert "set `share` in [holdout]" in experiment("report", later_db, "--holdout").stderr
    assert "either the NAME" in experiment("report", later_db).output


def test_arms_of_the_report_are_those_of_the_decisions(read: SqliteStore, told: Comparison) -> None:
    begun = to_us(_experiment(read).started_at or experiment_store.START)
    arms: dict[str, set[str]] = {}
    for row in read.decisions_between(begun, 1 << 62):
        record = decode(row.data)
        assert isinstance(record, Decision)
        arms.setdefault(record.arm, set()).add(record.user_id)
    assert {name: len(users) for name, users in arms.items()} == {
        f"evening/{arm}": n for arm, n in zip(told.arms, told.users, strict=True)
    }


def test_people_outside_the_target_and_of_the_holdout_are_left_out(read: SqliteStore) -> None:
    one = _experiment(read)
    begun = to_us(one.started_at or experiment_store.START)
    segment = {row.user_key: decode(row.data).segment for row in read.plans_between(0, begun)}
    activity = sorted({told.split("/")[0] for told in segment.values()})[0]
    targeted = msgspec.structs.replace(one, targeting=Targeting(activities=(activity,)))
    found = report(read, targeted, experiment_store.SETTINGS)
    assert 0 < sum(found.users) == sum(told.startswith(f"{activity}/") for told in segment.values())
    held = msgspec.structs.replace(experiment_store.SETTINGS, holdout=Holdout(share=0.2))

    keys = np.array([draws.key(f"u{i}") for i in range(experiment_store.PEOPLE)], dtype=np.uint64)
    outside = int(held_out(keys, 0.2, held.seed).sum())
    assert sum(report(read, one, held).users) == experiment_store.PEOPLE - outside


def test_counting_from_a_later_day_keeps_the_days_before_the_start(read: SqliteStore, told: Comparison) -> None:
    one = _experiment(read)
    found = report(
        read, one, experiment_store.SETTINGS, since=(one.started_at or experiment_store.START) + timedelta(3)
    )
    assert found.days == pytest.approx(told.days - 3.0)
    assert found.measured[1].explained > 0.1


def test_mistakes_are_told_with_what_to_do(later_db: Path) -> None:
    assert "expected one of ['evening']" in experiment("report", later_db, "morning").stderr
    assert "either --name" in experiment("new", later_db).output
    assert "ARM=SHARE" in experiment("new", later_db, "--name", "x", "--arm", "control").output
    assert (
        "one of the arms" in experiment("new", later_db, "--name", "x", "--arm", "a=1", "--set", "b.rules.x=1").output
    )
    before = experiment("report", later_db, "evening", "--until", "2026-03-07T01:00:00Z")
    assert "not begun" in before.stderr
