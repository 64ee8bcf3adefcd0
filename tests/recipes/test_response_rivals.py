"""Simple rivals: features are what they say, each learns what it can, and the recipe runs on made-up data."""

import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _recipes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the recipes importable; they lie beside the package, not inside it."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(ROOT / "recipes")])


def _data(users: int = 200, seed: int = 0) -> object:
    """Rows whose chance rises with a match of category at the newest position and with the user's own inclination."""
    from responses.data import assemble
    from tactful.training.histories import Behaviours, Samples

    rng = np.random.default_rng(seed)
    items = np.concatenate([[[-1, -1]], np.column_stack([np.arange(40), np.arange(40) % 4])])
    events = 12
    item = rng.integers(1, 41, users * events)
    liking = rng.normal(0, 1.5, users)

    def rows(place: int) -> Samples:
        user = np.repeat(np.arange(users), 6)
        end = user * events + place
        target = rng.integers(1, 41, len(user))
        match = items[item[end - 1], 1] == items[target, 1]
        chance = 1 / (1 + np.exp(-(2.5 * match - 1 + liking[user])))
        label = (rng.random(len(user)) < chance).astype(np.float32)
        context = np.ones((len(user), 1), dtype=np.int32)
        return Samples(user, user * events, end, target.astype(np.int32), label, context)

    parts = (rows(8), rows(9), rows(10))
    return assemble("made up", ("item", "category"), ("tab",), 1, items, Behaviours(item.astype(np.int32)), parts, "x")


def test_matches_are_counted_by_field_and_position() -> None:
    from responses.matches import BUCKETS, matches, near_matches

    data = _data(20)
    rows = data.train.batch(np.arange(len(data.train)))
    same = ((rows.history == rows.target[:, None, :]) & (rows.history > 0)).numpy()
    table = matches(data.train)
    for field in range(2):
        for b, (first, last) in enumerate(BUCKETS):
            assert (table[:, field * len(BUCKETS) + b] == same[:, first:last, field].sum(axis=1)).all()
    assert np.exp(table[:, -1]) == pytest.approx(np.full(len(table), 9.0))
    expected = [sum(1 / (k + 1) for k in np.flatnonzero(row)) for row in same[:, :, 1]]
    assert near_matches(data.train, 1) == pytest.approx(expected)


def test_each_rival_finds_what_it_can_and_no_more() -> None:
    import response_rivals
    from tactful.experiments.metrics import auc

    data = _data()
    label = data.test.samples.label == 1
    found = {name: auc(fit(data, 0).predict(data.test), label) for name, fit in response_rivals.RIVALS.items()}
    assert found["near matches"] > 0.55
    assert found["logistic regression"] > 0.62
    assert found["LightGBM on matches"] > 0.6
    assert found["additive"] > 0.65
    assert found["popularity"] < 0.55
    assert found["LightGBM on the target"] < 0.55


def test_category_of_the_history_is_that_of_its_items() -> None:
    from responses.matches import categories

    data = _data(10)
    history, target = categories(data.test, 1)
    batch = data.test.batch(np.arange(len(data.test)))
    assert history[:, : batch.history.shape[1]].tolist() == batch.history[:, :, 1].tolist()
    assert not history[:, batch.history.shape[1] :].any()
    assert target.tolist() == batch.target[:, 1].tolist()


def test_cells_keep_predictions_only_for_the_rows_that_they_were_made_on(tmp_path: Path) -> None:
    from dataclasses import replace

    from responses.cells import Cell, Predictions, cell, of_test, read, seeds_of
    from volume_real.cells import append

    data = _data(50)
    p = np.random.default_rng(0).random(len(data.test))
    kept = Predictions(tmp_path)
    for seed in (11, 2):
        kept.keep(data, "a model", seed, p)
    assert [seed for seed, _ in kept.kept(data, "a model")] == [2, 11]
    assert dict(kept.kept(data, "a model"))[2] == pytest.approx(p, abs=1e-6)
    assert not dict(kept.kept(replace(data, checksum="other rows"), "a model"))
    assert not dict(kept.kept(data, "a"))
    made = cell(data, "a model", 2, p, {"ridge": 0.1}, 1.0)
    assert made.scores["AUC"].value == pytest.approx(of_test(data, p).auc, abs=1e-6)
    append(tmp_path / "cells.ndjson", iter([made]))
    assert seeds_of(read(tmp_path / "cells.ndjson", Cell), "made up", "a model") == [made]
