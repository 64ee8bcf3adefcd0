"""Features of the volume models: by hand, finite for strangers, the same before and after a day's plan."""

import numpy as np

from stage import MONDAY, App, act, at, person, told
from streams import BUSY, START, stream
from tactful.clock import DAY_US, from_us, to_us
from tactful.events.records import CHANNELS, Suppression
from tactful.features import volume
from tactful.features.history import UserTable
from tactful.features.volume import NAMES, volume_features
from tactful.runtime import steps


def of(app: App, days: float, user: str = "ann") -> dict[str, float]:
    row = app.engine.user_ids.index(user)
    state = app.engine.population.table.rows[row : row + 1]
    values = volume_features(state, np.array([to_us(at(24 * days))]))
    return dict(zip(NAMES, values[0].tolist(), strict=True))


def stranger() -> np.ndarray:  # type: ignore[type-arg]
    table = UserTable()
    table.ensure(np.array([1], dtype=np.uint64), np.array([to_us(MONDAY)]))
    return table.rows


def test_active_days_count_over_their_windows_before_today() -> None:
    app = App()
    app.submit(at(0), person("ann", "email", "push", signup_at=from_us(to_us(MONDAY) - 100 * DAY_US)))
    for day in (0, 5, 12, 20, 40, 41):
        app.submit(at(24 * day + 1), act(f"e{day}", "session", at(24 * day + 1)))
    app.run(at(24 * 42))
    found = of(app, 42)
    counts = [found[f"active_days_{days}"] for days in volume.WINDOWS]
    assert counts == [2, 2, 3, 6]
    assert (found["days_since_active"], found["tenure_days"]) == (1, 142)
    app.submit(at(24 * 42 + 1), act("today", "session", at(24 * 42 + 1)))
    app.run(at(24 * 42 + 2))
    again = of(app, 42.5)
    assert again["days_since_active"] == 0
    assert again["active_days_7"] == 2


def test_the_share_of_week_ends_is_shrunk_towards_two_in_seven() -> None:
    app = App()
    app.submit(at(0), person())
    for day in (5, 6):
        app.submit(at(24 * day + 1), act(f"e{day}", "session", at(24 * day + 1)))
    app.run(at(24 * 7))
    assert of(app, 7)["weekend_share"] == np.float32((2 + 1) / (2 + 3.5))


def test_rates_start_at_the_prior_and_move_with_what_was_sent_and_clicked() -> None:
    app = App()
    app.submit(at(8), person("ann", "push"))
    assert of(app, 0.4)["click_rate_push"] == np.float32(volume.CLICK_PRIOR)
    app.submit(at(12), told("c1", created=at(12)))
    app.run(at(13))
    (sent,) = app.of("send")
    silent = of(app, 0.55)["click_rate_push"]
    app.submit(at(14), act("e1", "click", at(14), channel="push", decision_id=sent.decision_id))
    app.run(at(15))
    assert silent == np.float32(0.5 / 11)
    assert of(app, 0.65)["click_rate_push"] == of(app, 0.65)["click_rate"] == np.float32(1.5 / 11)
    assert of(app, 0.65)["click_rate_email"] == np.float32(volume.CLICK_PRIOR)


def test_a_channel_that_was_closed_is_not_reached_and_counts_as_left() -> None:
    app = App()
    app.submit(at(8), person("ann", "email", "push"))
    app.submit(at(9), Suppression(suppression_id="s", user_id="ann", channel="email", at=at(9)))
    app.run(at(10))
    found = of(app, 0.5)
    reached = [found[f"reached_by_{channel}"] for channel in CHANNELS]
    assert reached == [0, 1, 0, 0, 0]
    assert found["channels_left"] == 1


def test_an_empty_history_gives_finite_features_at_any_instant() -> None:
    rows = np.repeat(stranger(), 3)
    found = volume_features(rows, np.array([0, to_us(MONDAY), to_us(MONDAY) + 9000 * DAY_US]))
    assert found.shape == (3, len(NAMES))
    assert np.isfinite(found).all()
    assert volume_features(rows[:0], np.zeros(0, dtype=np.int64)).shape == (0, len(NAMES))


def test_a_row_has_the_same_features_in_any_batch() -> None:
    app = App(BUSY, start=START)
    records = stream(5, 40, 3.0)
    app.engine.submit([r for _, r in records], [s for s, _ in records])
    app.run(from_us(to_us(START) + 3 * DAY_US))
    rows, now = app.engine.population.table.rows, np.full(40, to_us(START) + 3 * DAY_US)
    whole = volume_features(rows, now)
    assert all((volume_features(rows[i : i + 1], now[:1])[0] == whole[i]).all() for i in range(40))


def test_a_days_plan_changes_no_feature() -> None:
    """Online they are read after the plan that assigns the budget."""
    app = App(BUSY, start=START)
    records = stream(6, 30, 4.0)
    app.engine.submit([r for _, r in records], [s for s, _ in records])
    app.run(from_us(to_us(START) + 4 * DAY_US))
    population = app.engine.population
    for days in (5, 9, 60):
        now = np.full(30, to_us(START) + days * DAY_US)
        state = population.table.rows.copy()
        request = steps.plan_request(state, now, population.frame)
        before = volume_features(state, now)
        after, _ = steps.plan_day(state, request, population.scorer.slots(state["user_key"], request), population.frame)
        assert (volume_features(after, now) == before).all()
