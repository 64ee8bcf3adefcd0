"""`tactful evaluate`: each change is answered by its row of the table, or refused with the reason."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from evaluation_store import fill_store
from tactful.cli.app import app

RUNNER = CliRunner(env={"COLUMNS": "112"})


def evaluate(*arguments: str | Path) -> Result:
    return RUNNER.invoke(app, ["evaluate", *map(str, arguments)])


def told(*arguments: str | Path) -> dict[str, dict[str, list[float]]]:
    done = evaluate(*arguments, "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["left_out"] == 0
    return {one["reward"]: one for one in found["findings"]}


@pytest.fixture(scope="module")
def evaluation_db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("evaluation") / "app.db"
    fill_store(path)
    return path


def test_a_day_of_silence_brings_fewer_people_and_a_forced_message_more(evaluation_db: Path) -> None:
    silence = told(evaluation_db, "--send", "nothing")["active_24h"]
    message = told(evaluation_db, "--send", "best")["active_24h"]
    assert silence["present"] == message["present"]
    assert silence["difference"][2] < 0.0 < message["target"][0] - silence["target"][0]


def test_a_higher_price_lets_out_less_and_a_lower_one_more(evaluation_db: Path) -> None:
    higher, lower = told(evaluation_db, "--price", "0.1"), told(evaluation_db, "--price", "-0.05")
    assert higher["sent"]["difference"][2] < 0.0 < lower["sent"]["difference"][1]
    assert higher["click"]["difference"][0] < 0.0 < lower["click"]["difference"][0]
    none = told(evaluation_db, "--price", "0.0")["sent"]
    assert none["present"][1] < none["target"][0] < none["present"][2]


def test_an_hour_is_judged_on_sampled_days(evaluation_db: Path) -> None:
    found = told(evaluation_db, "--hour", "19")
    assert 0.0 < found["click_24h"]["target"][0] < found["active_24h"]["target"][0] < 1.0


def test_other_weights_are_judged_on_random_sends(evaluation_db: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text(_settings("[rules.weights]\nunsubscribe = -60.0\n"), encoding="utf-8")
    found = told(evaluation_db, "--settings", other)
    assert found["unsubscribe"]["difference"][0] < 0.0
    assert found["click"]["difference"][0] < 0.0
    done = evaluate(evaluation_db, "--settings", other)
    assert "Row candidate: which option" in done.stdout
    assert "exploration.random_send" in done.stdout


def test_another_volume_is_judged_on_drawn_budgets(volume_db: Path) -> None:
    found = told(volume_db, "--volume", "4.5")
    assert found["sent_a_week"]["difference"][1] > 0.0
    assert found["left"]["target"][0] > found["left"]["present"][0] - 0.05


def test_what_was_not_randomised_is_refused_by_name(evaluation_db: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text(_settings("[rules]\ngap_minutes = 60\n"), encoding="utf-8")
    done = evaluate(evaluation_db, "--settings", other)
    assert done.exit_code == 1
    assert "rules.gap_minutes: not identifiable from this log: A/B only" in done.output


def test_what_the_log_holds_too_little_of_is_refused_with_the_reason(evaluation_db: Path, app_db: Path) -> None:
    assert "expected one within the jitter of the log, 0.1" in evaluate(evaluation_db, "--price", "0.3").output
    assert "could have a job at 3:00" in evaluate(evaluation_db, "--hour", "3").output
    assert "exploration.volume_share" in evaluate(evaluation_db, "--volume", "3").output
    assert "does not keep" in evaluate(evaluation_db, "--ranker", "0011").output
    assert evaluate(app_db, "--send", "best").exit_code == 1


def test_bad_words_are_refused(evaluation_db: Path) -> None:
    assert "expected one of --settings" in evaluate(evaluation_db).output
    assert "expected one of --settings" in evaluate(evaluation_db, "--hour", "3", "--volume", "3").output
    assert evaluate(evaluation_db, "--send", "everything").exit_code == 2


def _settings(change: str) -> str:
    """The settings of the store's engine with a change."""
    return f"""
seed = 4
{change}
[exploration]
random_send = 0.3
greedy_send = 0.15
greedy_no_send = 0.15
jitter = 0.1
slot_epsilon = 0.5
volume_share = 0.0
[volume]
per_user_per_week = 4.0
"""
