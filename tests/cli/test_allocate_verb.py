"""`tactful allocate`: reads at 100 columns, as JSON and as a page; reaches a running engine; lets budgets stand."""

import json
import re
import shutil
from datetime import timedelta
from pathlib import Path

import msgspec
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from stage import CALM, App, act, at, person, told
from tactful.cli.app import app
from tactful.cli.report.allocation import bins, histogram
from tactful.cli.report.allocation_page import allocation_page
from tactful.events.records import BudgetPlan, decode
from tactful.features.segments import SEGMENTS
from tactful.features.volume import NAMES, SCHEMA
from tactful.models import served
from tactful.models.volume_response import VolumeResponse
from tactful.runtime.allocation_report import AllocationReport
from tactful.stores.sqlite import SqliteStore

RUNNER = CliRunner(env={"COLUMNS": "100"})


def allocate(*arguments: str | Path) -> Result:
    return RUNNER.invoke(app, ["allocate", *map(str, arguments)])


def letters(db: Path) -> list[BudgetPlan]:
    """Takes what waits in the mailbox."""
    store = SqliteStore(db)
    waiting = [decode(letter) for letter in store.take_posted(100)]
    store.close()
    return [plan for plan in waiting if isinstance(plan, BudgetPlan)]


# --- a store that was trained on -------------------------------------------------------------------------------


@pytest.fixture
def db(trained_db: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(trained_db, tmp_path / "app.db"))


def report_of(db: Path, *arguments: str) -> AllocationReport:
    found = json.loads(allocate(db, "--dry-run", "--json", *arguments).stdout)
    return msgspec.convert(found["allocation"], AllocationReport, strict=False)


def test_the_report_is_read_at_100_columns_and_the_plan_is_posted(db: Path) -> None:
    result = allocate(db, "--per-user", "3")
    assert result.exit_code == 0, result.output
    for part in ("Asked for 3 messages", "Expected by the model", "active days per 1,000 more", "Who gains", "Posted"):
        assert part in result.output
    assert "…" not in result.output
    lines = [line for line in result.output.splitlines() if not line.startswith("Posted into")]
    assert max(map(len, lines)) <= 100
    plans = letters(db)
    assert [plan.plan_id.partition("-")[2] for plan in plans] == ["email_only", "push_only", "both"]
    assert all(plan.plan_id in result.output for plan in plans)


def test_json_is_the_report_and_nothing_else_and_a_dry_run_posts_nothing(db: Path) -> None:
    found = json.loads(allocate(db, "--total", "2000", "--dry-run", "--json").stdout)
    assert found["posted"] is False
    assert letters(db) == []
    report = found["allocation"]
    assert sum(group["caps_allowed"] for group in report["groups"]) == pytest.approx(2600.0)
    assert 2597.0 < report["after"]["caps"] <= 2600.0
    assert report["after"]["sent"] == pytest.approx(0.8 * report["after"]["caps"], rel=0.03)
    assert report["after"]["value"] > 0.0
    assert report["people"] + report["drawn"] + report["unreachable"] == 900


def test_a_higher_price_buys_less_and_its_own_total_costs_that_price(db: Path) -> None:
    cheap, dear = report_of(db, "--price", "10"), report_of(db, "--price", "40")
    assert cheap.after.caps > dear.after.caps
    assert {group.caps_allowed for group in dear.groups} == {None}
    again = report_of(db, "--total", f"{dear.volume}", "--together")
    assert again.groups[0].price == pytest.approx(40.0, rel=0.1)


def test_bounds_and_together_are_taken(db: Path) -> None:
    bounded = report_of(db, "--per-user", "3", "--k-min", "1", "--k-max", "5", "--together")
    assert [group.name for group in bounded.groups] == ["together"]
    assert all(shift.after[0] == 0 and sum(shift.after[6:]) == 0 for shift in bounded.segments)


def test_the_page_shows_every_chart_and_needs_no_network(db: Path, tmp_path: Path) -> None:
    page = tmp_path / "budgets.html"
    assert allocate(db, "--per-user", "3", "--html", page).exit_code == 0
    html = page.read_text(encoding="utf-8")
    drawn = dict(re.findall(r"^drawChart\('#(\w+)', (.*)\);$", html, re.MULTILINE))
    assert set(drawn) == {"budgets", "shifts", "segments", "activity"}
    report = report_of(db, "--per-user", "3")
    rows = next(iter(json.loads(drawn["budgets"])["datasets"].values()))
    for when in ("today", "new"):
        assert sum(row["people"] for row in rows if row["when"] == when) == report.people
    assert html.count("</script>") == 2
    assert not re.findall(r"""(?:src|href)\s*=\s*["']?https?:""", html.split("</script>", 1)[1])
    noted = msgspec.structs.replace(report, notes=("more <than> asked",))
    assert "more &lt;than&gt; asked" in allocation_page(noted)


@pytest.mark.parametrize("goals", [[], ["--total", "5", "--price", "1"], ["--total", "-1"]])
def test_anything_but_one_goal_is_a_wrong_command_line(db: Path, goals: list[str]) -> None:
    assert allocate(db, *goals).exit_code == 2
    assert letters(db) == []


def test_what_is_infeasible_or_beyond_training_is_refused_and_posts_nothing(db: Path) -> None:
    few = allocate(db, "--total", "100", "--k-min", "1")
    assert few.exit_code == 1
    assert "lower --k-min" in few.stderr
    far = allocate(db, "--per-user", "3", "--k-max", "11")
    assert far.exit_code == 1
    assert "largest budget that was randomised" in far.stderr
    assert letters(db) == []


def test_many_budgets_are_told_in_ranges_that_hold_everybody(db: Path) -> None:
    assert bins(10) == [(k, k) for k in range(11)]
    assert bins(22)[-1] == (21, 22)
    report = report_of(db, "--per-user", "3")
    assert sum(sum(counts) for _, counts in histogram(report)[1]) == report.people


# --- a running engine ------------------------------------------------------------------------------------------

PEOPLE = ("ann", "bob", "cid", "dan")


def a_model() -> VolumeResponse:
    """Two messages a week are worth much to everybody, more are not; nobody leaves."""
    active = np.repeat([[0.1, 0.2, 0.4, 0.4]], len(SEGMENTS), axis=0)
    heads = dict.fromkeys(("activity", "activity_week"), (active,) * 3)
    leaves = np.full_like(active, 0.001)
    heads |= {"unsubscribe": (leaves,) * 3, "long_term": (leaves[:, :1],) * 3}
    return VolumeResponse.of(heads, len(NAMES), 3, SCHEMA)


def running(path: Path, quiet_days: int = 0) -> App:
    """An app in its tenth day; its engine was restarted once, which saved the states."""
    story = App(store=SqliteStore(path))
    story.submit(at(1), *(person(user) for user in PEOPLE))
    for day in range(9):
        when = at(24 * day + 6)
        acts = [act(f"{user}{day}", "session", when, user) for user in PEOPLE] if day < 9 - quiet_days else []
        story.submit(when, *acts, *(told(f"c{user}{day}", user_id=user, created=when) for user in PEOPLE))
    story.run(at(9 * 24))
    story.engine.close()
    story.store = SqliteStore(path)
    story.restart()
    return story


def put_model(path: Path) -> None:
    store = SqliteStore(path)
    store.put_model("volume_response", a_model().version, served.save(a_model()))
    store.close()


def test_a_running_engine_takes_the_budgets_without_a_restart_and_explains_and_replays_them(tmp_path: Path) -> None:
    db = tmp_path / "app.db"
    story = running(db)
    put_model(db)
    before = {user: int(story.row(user)["k_now"]) for user in PEOPLE}
    posted = json.loads(allocate(db, "--per-user", "2", "--settings", _settings(tmp_path), "--json").stdout)
    (group,) = posted["allocation"]["groups"]
    assert set(before.values()) != {2}
    when = at(17 * 24 + 6)
    story.submit(when, *(told(f"late{user}", user_id=user, created=when) for user in PEOPLE))
    story.run(when + timedelta(days=2))
    assert {int(story.row(user)["k_now"]) for user in PEOPLE} == {2}
    jobs = [decision for decision in story.decisions if decision.at > when and decision.action != "drop"]
    assert {decision.features["k"] for decision in jobs} == {2.0}
    explained = RUNNER.invoke(app, ["explain", "ann", "--store", str(db)])
    assert group["plan_id"] in "".join(explained.output.split())
    replayed = RUNNER.invoke(app, ["replay", str(db), "--json"])
    assert json.loads(replayed.stdout)["equal"] is True
    story.engine.close()


def test_posting_the_same_budgets_again_changes_nothing(tmp_path: Path) -> None:
    db = tmp_path / "app.db"
    story = running(db)
    put_model(db)
    for _ in range(2):
        assert allocate(db, "--per-user", "2", "--settings", _settings(tmp_path)).exit_code == 0
    story.run(at(9 * 24 + 1))
    log = [decode(line.data) for line in story.store.read(-1, 10_000)]
    assert sum(isinstance(record, BudgetPlan) for record in log) == 1
    assert story.store.rejects(10) == []
    story.engine.close()


def test_without_a_model_or_with_a_broken_one_the_last_budgets_stand(tmp_path: Path) -> None:
    db = tmp_path / "app.db"
    story = running(db)
    for data in (None, b"no model"):
        if data:
            story.store.put_model("volume_response", "broken", data)
        result = allocate(db, "--per-user", "2")
        assert result.exit_code == 1
        assert "the last budgets stand" in result.stderr
        assert "tactful train volume" in result.stderr
        assert story.store.posted() == 0
    story.engine.close()


def test_a_week_without_data_leaves_the_last_budgets_standing(tmp_path: Path) -> None:
    db = tmp_path / "app.db"
    story = running(db, quiet_days=8)
    put_model(db)
    result = allocate(db, "--per-user", "2")
    assert result.exit_code == 1
    assert "no engagement in the week before" in result.stderr
    assert "the last budgets stand" in result.stderr
    assert story.store.posted() == 0
    story.engine.close()


def _settings(folder: Path) -> Path:
    """Those of the engine, without headroom: two a user are two for each."""
    path = folder / "settings.toml"
    path.write_text(f"seed = {CALM.seed}\n[exploration]\nvolume_share = 0.0\n[volume]\nheadroom = 0.0\n")
    return path
