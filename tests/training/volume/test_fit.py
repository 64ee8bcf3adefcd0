"""What is learned from drawn budgets, what is refused, and what is said of it."""

import warnings
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from tactful.clock import WEEK_US
from tactful.errors import NotEnoughData, NotRandomised
from tactful.features.segments import REACHES
from tactful.models import served
from tactful.models.volume_heads import PURPOSES
from tactful.models.volume_response import VolumeResponse, discounted_value
from tactful.training.volume.fit import Fitted, fit
from tactful.training.volume.log import VolumeLog
from tactful.training.volume.report import FitReport, as_text
from volume_logs import CHOICES, START_US, assignments, drawn

GAIN, HAZARD, PER_MESSAGE = 0.04, 0.008, 0.15


@pytest.fixture(scope="module")
def log() -> VolumeLog:
    """8,000 people; about 900 of them leave."""
    return drawn(8000, seed=1, gain=GAIN, hazard=HAZARD, per_message=PER_MESSAGE)[0]


@pytest.fixture(scope="module")
def fitted(log: VolumeLog) -> Fitted:
    """The model of that log."""
    return fit(log, schema="test")


def _asked(model: VolumeResponse, log: VolumeLog, k_max: int = 10) -> dict[str, np.ndarray]:
    return vars(model.responses(log.features, log.reach, log.activity, k_max))


def test_the_mean_responses_are_those_of_the_truth(fitted: Fitted) -> None:
    fresh, truth = drawn(4000, seed=2, gain=GAIN, hazard=HAZARD, per_message=PER_MESSAGE)
    said = _asked(fitted.model, fresh)
    here = (fresh.k, np.arange(len(fresh)))
    daily = fresh.activity != 2  # the marginal ones are asked for active weeks
    assert said["active"][here][daily].mean() == pytest.approx(truth.active[daily].mean(), rel=0.04)
    assert said["leaves"][here].mean() == pytest.approx(truth.leaves.mean(), rel=0.15)
    assert said["after"].mean() == pytest.approx(truth.after.mean(), rel=0.15)


def test_more_messages_bring_more_days_and_more_leaving_as_in_the_truth(fitted: Fitted) -> None:
    fresh, _ = drawn(4000, seed=3)
    said = _asked(fitted.model, fresh)
    daily = fresh.activity != 2
    habit = fresh.features[daily, 0].astype(np.float64)
    gained = 1.0 / (1.0 + np.exp(-habit - 10 * GAIN)) - 1.0 / (1.0 + np.exp(-habit))
    learned = (said["active"][10] - said["active"][0])[daily]
    assert learned.mean() == pytest.approx(gained.mean(), rel=0.3)
    assert said["leaves"][10].mean() / said["leaves"][0].mean() == pytest.approx(np.exp(10 * PER_MESSAGE), rel=0.5)


def test_nobody_is_said_to_leave_less_for_more_messages(fitted: Fitted, log: VolumeLog) -> None:
    assert (np.diff(_asked(fitted.model, log)["leaves"], axis=0) >= 0.0).all()


def test_the_same_log_and_seed_give_the_same_model() -> None:
    log, _ = drawn(1500, seed=4)
    assert fit(log, schema="test").model.version == fit(log, schema="test").model.version


def test_a_fitted_model_is_saved_and_loaded(fitted: Fitted) -> None:
    again = served.load(served.save(fitted.model))
    assert again.version == fitted.model.version == fitted.report.model_version
    assert again.schema == "test"
    assert again.k_trained == max(CHOICES)


def test_the_report_judges_every_head_on_people_held_out(fitted: Fitted) -> None:
    heads = {(head.purpose, head.reach): head for head in fitted.report.heads}
    assert set(heads) == {(purpose, reach) for purpose in PURPOSES for reach in REACHES}
    for head in heads.values():
        assert head.held_out is not None
        assert 0.05 < head.held_out.people / (head.people / (3 if head.rung != "own" else 1)) < 0.25
        assert head.held_out.observed_over_expected == pytest.approx(1.0, abs=0.45)
    activity = heads["activity", "both"].held_out
    assert activity is not None
    assert activity.auc is not None
    assert activity.auc > 0.7
    assert activity.log_loss < 0.95 * activity.constant_log_loss
    assert activity.calibration_error < 0.03


def test_the_report_says_which_rung_is_in_use(fitted: Fitted) -> None:
    rung = {(head.purpose, head.reach): head.rung for head in fitted.report.heads}
    assert rung["activity", "both"] == "own"
    assert rung["unsubscribe", "both"] == "pooled"
    text = as_text(fitted.report)
    assert len(text.splitlines()) == 3 + 12
    assert "pooled" in text
    assert msgspec.json.decode(msgspec.json.encode(fitted.report), type=FitReport) == fitted.report


def test_thin_data_get_shrunk_curves_that_still_rise() -> None:
    log, _ = drawn(150, seed=5)
    model = fit(log, schema="test")
    assert {head.rung for head in model.report.heads} == {"shrunk"}
    said = _asked(model.model, log)
    assert (np.diff(said["leaves"], axis=0) >= 0.0).all()
    assert np.isfinite(discounted_value(model.model.responses(log.features, log.reach, log.activity, 10), 0.95)).all()


def test_an_empty_segment_gets_the_curves_of_the_others_and_it_is_said() -> None:
    log, _ = drawn(1500, seed=6)
    two = fit(replace(log, reach=log.reach % 2), schema="test")
    both = np.full(5, REACHES.index("both"))
    said = two.model.responses(log.features[:5], both, log.activity[:5], 10)
    assert np.isfinite(said.active).all()
    assert any("nobody in reach segment both" in note for note in two.report.notes)
    assert "nobody held out" in as_text(two.report)


def test_a_segment_in_which_nobody_left_works_and_it_is_said() -> None:
    log, _ = drawn(1500, seed=7, hazard=0.02)
    stays = (log.e_kind == log.e_kind.max()) & (log.reach[log.e_user] == 1)
    kept = replace(log, e_user=log.e_user[~stays], e_at_us=log.e_at_us[~stays], e_kind=log.e_kind[~stays])
    fitted = fit(kept, schema="test")
    assert any("push_only left" in note for note in fitted.report.notes)
    assert (_asked(fitted.model, kept)["leaves"] > 0.0).all()


def test_nobody_leaving_at_all_leaves_the_stated_prior() -> None:
    log, _ = drawn(300, seed=8, hazard=1e-9)
    fitted = fit(log, schema="test")
    assert any("stated share" in note for note in fitted.report.notes)
    assert (_asked(fitted.model, log)["leaves"] > 0.0).all()


def test_observational_volume_is_refused() -> None:
    log, _ = drawn(3000, seed=9, by_habit=True)
    with pytest.raises(NotRandomised, match="AUC"):
        fit(log, schema="test")
    with pytest.raises(NotRandomised, match="not drawn at random"):
        fit(replace(log, randomised=np.zeros(len(log), dtype=np.bool_)), schema="test")


def test_observational_volume_allowed_warns_and_learns_the_wrong_sign() -> None:
    """The trap: messages make people come less, but the active were sent more, and the features tell little of it."""
    log, _ = drawn(4000, seed=10, gain=-0.06, by_habit=True)
    hazy = log.features + np.random.default_rng(1).normal(0.0, 2.0, log.features.shape).astype(np.float32)
    blind = replace(log, features=hazy, activity=np.zeros_like(log.activity))
    with pytest.warns(UserWarning, match="sign of an effect may be wrong"):
        fitted = fit(blind, schema="test", weekly_states=(), allow_observational=True)
    said = _asked(fitted.model, blind)["active"].mean(axis=1)
    assert said[10] > said[0] + 0.05
    assert any("observational" in note for note in fitted.report.notes)
    drawn_log, _ = drawn(4000, seed=10, gain=-0.06)
    right = replace(drawn_log, features=hazy, activity=blind.activity)
    said = _asked(fit(right, schema="test", weekly_states=()).model, right)["active"].mean(axis=1)
    assert said[10] < said[0] - 0.03


def test_allowing_observational_volume_warns_of_nothing_when_budgets_were_drawn() -> None:
    log, _ = drawn(800, seed=11)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fit(log, schema="test", allow_observational=True).report.notes == ()


def test_only_the_randomised_slice_teaches() -> None:
    log, _ = drawn(1500, seed=12)
    some = log.user % 2 == 0
    mixed = replace(log, k=np.where(some, log.k, 10), randomised=some)
    fitted = fit(mixed, schema="test")
    assert fitted.report.assignments == int(some.sum())
    assert fitted.model.version == fit(log.only(some), schema="test").model.version


def test_an_empty_log_says_what_to_set() -> None:
    with pytest.raises(NotEnoughData, match=r"exploration\.volume_share"):
        fit(assignments(k=[]), schema="test")


def test_a_log_without_a_closed_week_says_by_when_there_will_be_one() -> None:
    young = assignments(k=[1, 2, 3], until_us=START_US + WEEK_US - 1)
    with pytest.raises(NotEnoughData, match="1971-12-09"):
        fit(young, schema="test")


def test_unequal_chances_that_are_known_are_weighted_away() -> None:
    """Who comes often gets 7 more often than 1, and no feature tells who does; the log knows the chances."""
    log, _ = drawn(8000, seed=13, gain=0.0)
    habit = log.features[:, 0]
    large = np.where(habit > -1.5, 0.8, 0.2)
    rng = np.random.default_rng(14)
    k = np.where(rng.uniform(size=len(log)) < large, 7, 1)
    stratified = replace(
        log,
        k=k.astype(np.int64),
        probability=np.where(k == 7, large, 1.0 - large),
        features=np.zeros_like(log.features),
        activity=np.zeros_like(log.activity),
    )
    said = _asked(fit(stratified, schema="test").model, stratified, 7)["active"].mean(axis=1)
    assert abs(said[7] - said[1]) < 0.015
    unknown = replace(stratified, probability=np.full(len(log), 0.5))
    wrong = _asked(fit(unknown, schema="test").model, unknown, 7)["active"].mean(axis=1)
    assert wrong[7] > wrong[1] + 0.05
