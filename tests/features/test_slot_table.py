"""The boosted model's features: what each column counts, and that days not on record are not read."""

import numpy as np

from tactful.features.slot_table import ACTIVE, CLICKS, OF_HISTORY, SESSIONS, SlotWindow, slot_table

K, L = 24, 10


def window(n: int = 5, **changed: np.ndarray) -> SlotWindow:
    history = np.random.default_rng(2).poisson(0.3, (n, K, L, 6)).astype(np.float32)
    history[..., ACTIVE] = np.minimum(history[..., ACTIVE], 1)
    rest = np.tile((np.arange(L) % 7 < 2).astype(np.int64), (n, 1))
    columns = {
        "history": history,
        "known": np.ones((n, L), dtype=bool),
        "rest": rest,
        "today_rest": np.zeros(n, dtype=np.int64),
        "weekday": np.full(n, 2),
    }
    return SlotWindow(**{**columns, **changed})


def test_columns_are_counts_by_slot_and_of_the_whole_day() -> None:
    whole = window()
    x = slot_table(whole, np.full((5, K, 1), -0.5))
    assert x.shape == (5, K, 1 + OF_HISTORY)
    active = whole.history[..., ACTIVE]
    assert (x[..., 0] == -0.5).all()
    np.testing.assert_allclose(np.expm1(x[..., 2]), active[:, :, :3].sum(axis=2), atol=1e-5)
    near = np.roll(active.sum(axis=2), 1, axis=1) + np.roll(active.sum(axis=2), -1, axis=1)
    np.testing.assert_allclose(np.expm1(x[..., 4]), near, atol=1e-5)
    on_work_days = whole.history[:, :, whole.rest[0] == 0, SESSIONS].sum(axis=2)
    np.testing.assert_allclose(np.expm1(x[..., 7]), on_work_days, atol=1e-5)
    np.testing.assert_allclose(np.expm1(x[..., 8]), active[:, :, 6], atol=1e-5)
    clicks = whole.history[..., CLICKS].sum(axis=(1, 2))
    np.testing.assert_allclose(np.expm1(x[:, 0, -6]), clicks, atol=1e-4)
    assert (x[..., -3] == 2).all()
    assert (x[0, :, -1] == np.arange(K)).all()


def test_days_not_on_record_are_not_read() -> None:
    known = np.arange(L) < np.array([[0], [1], [4], [7], [L]])
    some = window(known=known)
    emptied = window(known=known, history=some.history * known[:, None, :, None])
    foretold = np.zeros((5, K, 2))
    np.testing.assert_array_equal(slot_table(some, foretold), slot_table(emptied, foretold))
    assert np.isfinite(slot_table(some, foretold)).all()


def test_a_window_of_fewer_than_seven_days_has_nothing_of_a_week_ago() -> None:
    short = window(
        known=np.ones((5, 3), dtype=bool),
        rest=np.zeros((5, 3), dtype=np.int64),
        history=np.ones((5, K, 3, 6), dtype=np.float32),
    )
    assert (slot_table(short, np.zeros((5, K, 0)))[..., 7] == 0).all()
