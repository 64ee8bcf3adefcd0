"""Worlds after their exploration, profiles and the slot model, kept in a scratch folder: many cells begin with them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tactful.models.slot_boosted import SlotBoosted
from tactful.models.slot_model import SlotNet
from tactful.simulator.bench.scratch import kept
from tactful.simulator.timing_only import Stage, explore
from tactful.simulator.world import make
from timing_simulated import boosted, learned, profiles
from timing_simulated.posterior import of_posterior
from timing_simulated.profiles import Profile

LEARNING_SEED: Final = 100
"""Of the world in which the slot model learns; it is not scored."""


def explored(seed: int, users: int, days: int, scratch: Path) -> Stage:
    """Returns a world after its exploration."""

    def make_it() -> Stage:
        stage = explore(make(seed, users), days, seed)
        stage.world.truth()  # what everybody's reach is worth is worked out once for all copies of the world
        return stage

    return kept(scratch / f"stage-{seed}-{users}-{days}.pickle", make_it)


def slot_model(users: int, days: int, rows: int, scratch: Path, attends: bool = True) -> SlotNet:
    """Returns the slot model, or its ablation, fitted to the exploration of a world that is not scored."""

    def make_it() -> SlotNet:
        net, losses = learned.fit_slot_model(explored(LEARNING_SEED, users, days, scratch).log, 0, rows, attends)
        print(f"slot model: validation losses {losses}", flush=True)
        return net

    name = "slot-model" if attends else "slot-model-without-attention"
    return kept(scratch / f"{name}-{users}-{days}-{rows}.pickle", make_it)


def boosted_model(users: int, days: int, scratch: Path) -> SlotBoosted:
    """Returns the boosted model, trained on the same log as the slot model."""
    file = scratch / f"slot-boosted-{users}-{days}.pickle"
    return kept(file, lambda: boosted.fit_boosted(explored(LEARNING_SEED, users, days, scratch).log, 0))


def simple_and_true(stage: Stage, file: Path) -> Mapping[str, Profile]:
    """Returns the profiles of the simple predictors, of the truth, and of what the log gives away of it."""
    return kept(file, lambda: {**profiles.simple(stage), **profiles.of_truth(stage), "posterior": of_posterior(stage)})


def modelled(stage: Stage, net: SlotNet, file: Path) -> Mapping[str, Profile]:
    """Returns the slot model's profiles, as it is served."""
    return kept(file, lambda: profiles.of_model(learned.chances(net, stage.log)))


def boosted_profiles(stage: Stage, model: SlotBoosted, file: Path) -> Mapping[str, Profile]:
    """Returns the boosted model's profiles."""
    return kept(file, lambda: profiles.of_model(boosted.chances(model, stage.log), "boosted"))
