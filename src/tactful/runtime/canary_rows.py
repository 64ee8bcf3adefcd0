"""What a canary's stage has seen, from a store: users with the new ranker against those of no experiment."""

import numpy as np

from tactful.clock import DAY_US, to_us
from tactful.errors import InvalidExperiment
from tactful.experiments.assign import OUTSIDE, assigned, sample_ratio_p
from tactful.experiments.canary import Canary, Evidence, guards
from tactful.experiments.design import POLICY, Experiment, ExperimentArm
from tactful.experiments.holdout import held_out
from tactful.experiments.layers import free
from tactful.experiments.sums import sums_of
from tactful.runtime.experiment_rows import METRICS, daily_rows
from tactful.runtime.experiments_in_force import schedule_of
from tactful.runtime.log_spans import through
from tactful.runtime.settings import Settings
from tactful.stores.protocols import Store


def seen(store: Store, settings: Settings, canary: Canary) -> Evidence:
    """Returns what the stage has seen so far.

    The others are who is in no experiment of the layer and was in none since the stage began, the holdout left out.

    Raises:
        InvalidExperiment: the engine has not taken the canary, or its last growth, or not gone on since; there are no
            others.
    """
    schedule = schedule_of(store)
    mine = [one for one in schedule.announced if one.experiment.name == canary.experiment]
    if not mine or abs(mine[-1].experiment.arms[0].share - canary.share) > 1e-9:
        waiting = "it waits for the engine to go on" if store.posted() else "the engine refused it; see its rejects"
        raise InvalidExperiment(f"{canary.experiment} is not at {canary.share:.0%} yet: {waiting}")
    began_us, until_us = mine[-1].since_us, through(store) + 1
    if until_us <= began_us:
        raise InvalidExperiment(f"{canary.experiment} has just grown; nothing is decided since. Ask again tomorrow")
    running = [one for one in schedule.latest() if one.ended_at is None or to_us(one.ended_at) > began_us]
    both = _beside_others(mine[-1].experiment, running)
    *_, rows = daily_rows(store, began_us, until_us, 0)
    arm = assigned([both], rows.user_key, settings.seed)
    arm = np.where(held_out(rows.user_key, settings.holdout.share, settings.seed), OUTSIDE, arm)
    sums = sums_of(rows.since, arm, 2)
    if sums.n.min() < 2:
        raise InvalidExperiment(
            f"got {sums.n[1]} users in {canary.experiment} and {sums.n[0]} outside, expected 2 or more of both; "
            "wait for more, or give it larger stages"
        )
    days = (until_us - began_us) / DAY_US
    return Evidence(
        days=days,
        users=(int(sums.n[0]), int(sums.n[1])),
        sends=round(float(sums.total()[1, METRICS.index("sends")])),
        sample_ratio_p=sample_ratio_p(sums.n, tuple(each.share for each in both.arms)),
        guards=guards(sums, METRICS, days, canary.plan),
    )


def _beside_others(canary: Experiment, running: list[Experiment]) -> Experiment:
    """The canary's arm, and before it an arm of everybody who is in no experiment."""
    parts = free(running, POLICY)
    if not parts:
        raise InvalidExperiment("got a layer `policy` without anybody outside its experiments; end one to compare with")
    others = ExperimentArm("others", sum(high - low for low, high in parts), parts=parts)
    own = canary.arms[0]
    arms = (others, ExperimentArm(own.name, own.share, parts=canary.ranges()[0]))
    return Experiment(name=canary.name, arms=arms)
