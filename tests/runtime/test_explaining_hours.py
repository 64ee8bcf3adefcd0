"""Why this hour: rank by worth, draw, what shut the others, and by which model, read off the stored plan."""

import msgspec
import pytest

from stage import CALM, App, act, at, person, told, with_rules
from tactful.decision.policy.explore import Exploration
from tactful.runtime.evidence import gather
from tactful.runtime.explaining_hours import Hours, hours_of
from tactful.runtime.settings import Settings


def run(settings: Settings) -> App:
    app = App(settings)
    app.submit(at(7.5), person())
    app.submit(at(7.6), *[act(f"e{i}", "session", at(-24 * i - 9.2)) for i in range(1, 5)])
    app.submit(at(7.7), told("c1", created=at(7.7)))
    app.run(at(24))
    return app


def hours(app: App, decision_id: str | None = None) -> Hours:
    found = hours_of(gather(app.store, app.settings, "ann", None, decision_id))
    assert found is not None
    return found


def test_the_chosen_hour_has_its_rank_among_the_open_ones_and_its_model() -> None:
    app = run(with_rules(send_windows=("6:00-20:00",), quiet_start_minute=18 * 60, quiet_end_minute=9 * 60))
    (sent,) = app.of("send")
    found = hours(app, sent.decision_id)
    states = {hour.slot: hour.state for hour in found.hours}
    assert [slot for slot, state in states.items() if state == "open"] == list(range(9, 18))
    assert found.now == sent.slot
    jobs = [hour for hour in found.hours if hour.job]
    assert found.hours[sent.slot] in jobs
    assert found.rank is not None
    assert found.rank <= len(jobs)
    best = max(hour.worth for hour in found.hours if hour.state == "open")
    assert found.hours[14].worth == best  # where her sessions were
    assert found.model is not None
    assert found.model.name == "slot_histogram"
    text = " ".join(found.sentences)
    assert f"Foretold by slot_histogram, version {found.model.version}" in text
    assert f"rank {found.rank} of 9 open hours; the best {len(jobs)} have a job" in text
    assert "Shut: 18:00-09:00 (quiet hours)." in text


def test_what_woke_the_job_is_told_from_what_chose_the_hour() -> None:
    app = run(CALM)
    app.submit(at(25), told("c2", "security_alert", created=at(25)))
    app.run(at(26))
    woken = app.of("send")[-1]
    assert woken.candidate_id == "c2"
    found = hours(app, woken.decision_id)
    assert (found.now, found.rank) == (1, None)
    assert "01:00 was shut (quiet hours): what was decided there waits for no slot." in found.sentences


def test_a_sampled_hour_tells_its_probability() -> None:
    sampled = msgspec.structs.replace(CALM, exploration=Exploration(0.0, 0.0, 0.0, 0.05, 1.0, 0.0))
    app = run(sampled)
    (sent,) = app.of("send")
    found = hours(app, sent.decision_id)
    assert found.sampled
    assert sent.slot_probability == pytest.approx(found.hours[sent.slot].probability)
    assert f"drawn for exploration with probability {sent.slot_probability:.3f}" in " ".join(found.sentences)


def test_hours_before_the_first_plan_had_passed() -> None:
    found = hours(run(with_rules(quiet_start_minute=0, quiet_end_minute=0)))
    assert {hour.slot for hour in found.hours if hour.state == "passed"} == set(range(7))
    assert "00:00-07:00 (passed)" in found.sentences[-1]
