"""Training slot models: what beats the histogram and what does not, what clicks teach, and what is never looked at."""

import numpy as np
import pytest

from tactful.clock import DAY_US
from tactful.errors import NotEnoughData
from tactful.features.slot_past import nobody
from tactful.models import served
from tactful.models.slot_boosted import SlotBoosted
from tactful.models.slot_histogram import SlotHistogram
from tactful.training.timing.fit import Fitted, fit_timing
from tactful.training.timing.log import TimingLog
from tactful.training.timing.report import Score
from timing_people import START_US, any_hour, log_of, two_habits, with_messages

N, DAYS = 150, 24


@pytest.fixture(scope="module")
def habits() -> TimingLog:
    return log_of(two_habits(N, DAYS), N, DAYS)


@pytest.fixture(scope="module")
def of_habits(habits: TimingLog) -> Fitted:
    return fit_timing(habits)


@pytest.fixture(scope="module")
def of_nothing() -> Fitted:
    return fit_timing(log_of(any_hour(N, DAYS), N, DAYS))


def score(fitted: Fitted, name: str, measure: str) -> Score:
    (model,) = [one for one in fitted.report.models if one.name == name]
    return next(one for one in model.scores if one.measure == measure)


def test_people_with_two_habits_are_foretold_better_than_by_their_histogram(of_habits: Fitted) -> None:
    assert of_habits.report.chosen == "boosted"
    assert isinstance(of_habits.model, SlotBoosted)
    for measure in ("bits", "log loss"):
        gap = score(of_habits, "boosted", measure).over_histogram
        assert gap is not None
        assert gap.high < 0.0
    assert score(of_habits, "histogram", "log loss").over_histogram is None
    assert served.load(served.save(of_habits.model)).version == of_habits.report.model_version


def test_auto_keeps_the_histogram_where_there_is_nothing_to_gain(of_nothing: Fitted) -> None:
    assert of_nothing.report.chosen == "histogram"
    assert isinstance(of_nothing.model, SlotHistogram)
    gap = score(of_nothing, "boosted", "log loss").over_histogram
    assert gap is not None
    assert gap.high >= 0.0


def test_a_model_that_was_asked_for_is_taken_with_what_speaks_against_it(of_nothing: Fitted) -> None:
    fitted = fit_timing(log_of(any_hour(N, DAYS), N, DAYS), "boosted")
    assert fitted.report.chosen == "boosted"
    assert fitted.report.models == of_nothing.report.models


def test_plans_go_by_clicks_where_clicks_were_learned() -> None:
    log = with_messages(log_of(any_hour(N, DAYS), N, DAYS), best_hour=13, per_day=3.0)
    fitted = fit_timing(log, "boosted")
    (histogram, boosted) = fitted.report.models
    assert (histogram.objective, boosted.objective) == ("active", "click")
    assert boosted.worth_of_hours is not None
    assert boosted.worth_of_hours.high < 0.0
    weight = fitted.model.foretell(nobody()).weight[0]
    assert weight.argmax() == 13
    assert weight[13] > 3 * np.delete(weight, 13).max()


def test_few_clicks_teach_nothing_and_no_message_is_said(of_nothing: Fitted) -> None:
    assert any("no message was sent" in note for note in of_nothing.report.notes)
    seldom = with_messages(log_of(any_hour(N, DAYS), N, DAYS), best_hour=13, per_day=0.1)
    report = fit_timing(seldom, "boosted").report
    assert any("are needed to learn from" in note for note in report.notes)
    assert {model.objective for model in report.models} == {"active"}


def test_what_happens_on_the_judged_days_changes_no_model(habits: TimingLog, of_habits: Fitted) -> None:
    first = of_habits.report
    before = START_US + (first.judged_days[0] - START_US // DAY_US) * DAY_US
    earlier = habits.e_at_us < before
    columns = {name: vars(habits)[name][earlier] for name in ("e_user", "e_at_us", "e_kind", "e_value")}
    blind = fit_timing(TimingLog(**{**vars(habits), **columns}), "boosted").report
    assert [model.version for model in blind.models] == [model.version for model in first.models]
    assert len(first.judged_days) == 4


def test_the_same_seed_and_log_give_the_same_model(habits: TimingLog, of_habits: Fitted) -> None:
    again, other = (fit_timing(habits, "boosted", seed=seed).model for seed in (0, 5))
    assert again.version == of_habits.model.version != other.version


def test_weak_evidence_is_said() -> None:
    report = fit_timing(log_of(two_habits(60, 9), 60, 9), "histogram").report
    notes = " ".join(report.notes)
    assert report.log_days == 9
    assert report.history_days == 6
    assert "only 9 whole days of log" in notes
    assert "days of rest were learned from" in notes
    assert "all judged days are days of work" in notes


def test_fewer_days_than_needed_are_refused_with_how_many_there_must_be() -> None:
    with pytest.raises(NotEnoughData, match=r"got 8 whole days of log, expected at least 9.*wait 1 days"):
        fit_timing(log_of(two_habits(20, 8), 20, 8))


def test_people_who_came_lately_are_learned_from_since_they_came(habits: TimingLog, of_habits: Fitted) -> None:
    late = np.where(np.arange(N) % 2 == 0, habits.known_from, habits.known_from + 12)
    report = fit_timing(TimingLog(**{**vars(habits), "known_from": late}), "histogram").report
    whole = of_habits.report
    assert whole.user_days - report.user_days == N // 2 * 10  # of 17 days, the first of them the 4th of the log
    assert report.judged_user_days == whole.judged_user_days


def test_the_network_is_fitted_served_without_torch_and_judged_as_it_is_served() -> None:
    fitted = fit_timing(log_of(two_habits(60, 12), 60, 12), "network")
    assert fitted.report.chosen == "network"
    scores = fitted.model.foretell(nobody())
    assert scores.profile.shape == (1, 24)
    assert scores.profile.sum() == pytest.approx(1.0)
    assert score(fitted, "network", "log loss").over_histogram is not None
    loaded = served.load(served.save(fitted.model))
    assert loaded.foretell(nobody()).weight.tobytes() == scores.weight.tobytes()
