"""Tuning weights on random choices: it finds what other weights would have brought, and refuses a slice too small."""

from dataclasses import replace

import numpy as np
import pytest

from tactful.decision.rules import Rules
from tactful.errors import InvalidSettings, NotEnoughData
from tactful.models.protocol import RANK_HEADS
from tactful.training.ranking.random_choices import RandomChoices
from tactful.training.ranking.tuning import grid, picked, tune

IN_FORCE = {"open": 0.0, "click": 1.0, "unsubscribe": -5.0, "session_1h": 0.0, "session_1d": 0.0, "session_3d": 0.0}
CLICK, LEAVE = RANK_HEADS.index("click"), RANK_HEADS.index("unsubscribe")


def choices(n: int = 4000, seed: int = 1) -> RandomChoices:
    """Random sends with three options each, whose scores are the true chances."""
    rng = np.random.default_rng(seed)
    scores = rng.uniform(0.0, 0.4, (n, 3, len(RANK_HEADS)))
    scores[..., LEAVE] = rng.uniform(0.0, 0.1, (n, 3))
    sent = rng.integers(0, 3, n)
    label = rng.random((n, len(RANK_HEADS))) < scores[np.arange(n), sent]
    return RandomChoices(
        heads=RANK_HEADS,
        scores=scores,
        present=np.ones((n, 3), dtype=np.bool_),
        sent=sent,
        user=np.arange(n) // 4,
        segment=np.zeros(n, dtype=np.int64),
        p_organic=np.zeros(n),
        mean_unsubscribe=np.full(n, 0.05),
        active_today=np.zeros(n, dtype=np.bool_),
        label=label,
        known=np.ones((n, len(RANK_HEADS)), dtype=np.bool_),
    )


def test_estimates_are_what_the_weights_would_have_brought() -> None:
    made, rules = choices(8000), Rules()
    sets = grid(RANK_HEADS, IN_FORCE, {"unsubscribe": (0.0, -20.0)})
    found = tune(made, rules, sets)
    assert [point.weights["unsubscribe"] for point in found.points] == [-5.0, 0.0, -20.0]
    inside = 0
    for point, weights in zip(found.points, sets, strict=True):
        pick = picked(made, rules, weights)
        for head, place in (("click", CLICK), ("unsubscribe", LEAVE)):
            truth = made.scores[np.arange(len(made)), pick, place].mean()
            inside += point.outcomes[head].low <= truth <= point.outcomes[head].high
    assert inside >= 5  # of six intervals
    more_clicks, fewer_leave = found.points[1], found.points[2]
    assert more_clicks.outcomes["click"].value > fewer_leave.outcomes["click"].value
    assert more_clicks.outcomes["unsubscribe"].value > fewer_leave.outcomes["unsubscribe"].value


def test_a_point_that_another_beats_is_not_on_the_frontier() -> None:
    made = choices()
    made.scores[..., CLICK] = 0.2  # all options are clicked alike, so less care for leaving brings nothing
    found = tune(made, Rules(), grid(RANK_HEADS, IN_FORCE, {"unsubscribe": (5.0,), "session_1d": (0.0,)}))
    careful, careless = found.points
    assert careless.outcomes["unsubscribe"].value > careful.outcomes["unsubscribe"].value
    assert careful.frontier
    assert careful.in_force
    assert not careless.in_force


def test_an_option_that_is_not_there_is_never_picked() -> None:
    made = choices(50)
    made.scores[:, 2, CLICK] = 1.0
    made.present[:, 2] = False
    assert (picked(made, Rules(), IN_FORCE) < 2).all()


def test_the_published_utility_counts_clicks_of_those_who_would_have_come() -> None:
    made = replace(choices(2000), p_organic=np.full(2000, 0.95))
    ours, published = (picked(made, Rules(utility=form), IN_FORCE) for form in ("incremental", "nep"))
    assert (ours != published).mean() > 0.2


def test_a_slice_too_small_is_refused_with_what_to_do() -> None:
    with pytest.raises(NotEnoughData, match=r"raise exploration\.random_send"):
        tune(choices(200), Rules(), grid(RANK_HEADS, IN_FORCE, {}))


def test_only_people_of_the_segments_asked_for_are_looked_at() -> None:
    made = choices(100)
    made.segment[:40] = 13
    assert len(made.of((12, 13, 14))) == 40


def test_weights_of_unknown_heads_and_too_many_sets_are_refused() -> None:
    with pytest.raises(InvalidSettings, match="purchase"):
        grid(RANK_HEADS, IN_FORCE, {"purchase": (1.0,)})
    with pytest.raises(InvalidSettings, match="try fewer"):
        grid(RANK_HEADS, IN_FORCE, {"open": tuple(np.arange(30.0)), "click": tuple(np.arange(30.0))})
    assert grid(("click", "unsubscribe"), IN_FORCE, {})[0] == {"click": 1.0, "unsubscribe": -5.0}
