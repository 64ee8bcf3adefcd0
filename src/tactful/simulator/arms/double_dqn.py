"""Double deep Q-learning from an exploration log: send when Q(s, send) − Q(s, hold) exceeds the price.

A step is a user's choice of a UTC day (`choice_log.py`: a coin sent the best message, a random one, or nothing); the
reward counts days of 24 h with a visit until the next choice, γ = 0.98 a day, less 5 where the last channel was closed,
which ends the episode. Five clicks are what the default utility takes leaving for, too. It learns in a world that is
not scored; steps at which a random message was sent are passed over, what came before and after them is not.

**Source**: Yuan et al., "Offline reinforcement learning for mobile notifications", CIKM 2022 (double DQN, reward a
visit before the next step, a network of three layers, a week of ε-greedy data); Gauci et al., "Horizon", 2018: send if
Q(send) > Q(drop).
**Deviation**: the price that holds the volume takes the place of 0; the gain is the mean of a few networks: one
says much of its seed. Of 128 policies of theirs 38 were better than the one that had made their log.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float32, Float64
from numpy.typing import NDArray

from tactful.clock import DAY_US
from tactful.decision.policy.utility import UNSUBSCRIBE_COST
from tactful.errors import InvalidExperiment
from tactful.simulator.choice_log import GREEDY, LEAVES, SILENT, Choices, next_at
from tactful.simulator.visits import SESSION
from tactful.training.transitions import Transitions

GAMMA: Final = 0.98
"""Of a day: fifty days ahead, near the eight weeks that count."""
NETWORKS: Final = 4
STEPS: Final = 1_500
LONGEST_DAYS: Final = 7
"""Days until the next choice beyond which the rest is not counted: hardly any."""

Layers = list[tuple[NDArray[np.float64], ...]]


@dataclass(frozen=True)
class SendGain:
    """Q(send) − Q(hold) by the mean of networks; fits `judged.Worth`. Needs no torch."""

    mean: Float64[np.ndarray, " f"]
    spread: Float64[np.ndarray, " f"]
    networks: list[Layers]

    def worth(self, state: Float32[np.ndarray, "n f"]) -> Float64[np.ndarray, " n"]:
        """Returns the gain of a send now over silence today, in active days to come."""
        x = (state - self.mean) / self.spread
        gains: NDArray[np.float64] = np.mean([_said(network, x)[:, 1] for network in self.networks], axis=0)
        return gains


def _said(network: Layers, x: NDArray[np.float64]) -> NDArray[np.float64]:
    for weight, bias in network[:-1]:
        x = np.maximum(x @ weight + bias, 0.0)
    weight, bias = network[-1]
    return x @ weight + bias


def fit_gain(choices: Choices, seed: int = 0, steps: int = STEPS) -> SendGain:
    """Returns the gain that the log teaches, in so many batches a network; this, and nothing else here, needs torch."""
    from tactful.training.double_dqn import fit_double_dqn

    mean, spread = choices.state.mean(axis=0, dtype=np.float64), choices.state.std(axis=0, dtype=np.float64)
    spread = np.where(spread > 1e-7, spread, 1.0)
    log = transitions(choices, mean, spread)
    return SendGain(mean, spread, [fit_double_dqn(log, seed * NETWORKS + i, steps) for i in range(NETWORKS)])


def transitions(choices: Choices, mean: Float64[np.ndarray, " f"], spread: Float64[np.ndarray, " f"]) -> Transitions:
    """Returns the steps at which the coin said to send the best or nothing, and what came of each.

    The last choice of a user is a step only if she has closed her last channel since: what else follows is not known.

    Raises:
        InvalidExperiment: there are none.
    """
    same = np.append(choices.user[1:] == choices.user[:-1], False)
    until = np.where(same, np.append(choices.at_us[1:], 0), choices.until_us)
    left = ~same & (gone_at(choices)[choices.user] <= choices.until_us)
    rows = np.flatnonzero(np.isin(choices.bucket, (GREEDY, SILENT)) & (same | left))
    if not len(rows):
        raise InvalidExperiment("got no step with an end, expected a log of `by_coin`; log more days")
    state = ((choices.state - mean) / spread).astype(np.float32)
    days = (until - choices.at_us) / DAY_US
    later = np.minimum(rows + 1, len(state) - 1)
    return Transitions(
        state=state[rows],
        send=choices.bucket[rows] == GREEDY,
        reward=(_active_days(choices, until) - UNSUBSCRIBE_COST * left)[rows],
        discount=np.where(left, 0.0, GAMMA**days)[rows],
        next_state=state[later],
    )


def gone_at(choices: Choices) -> NDArray[np.int64]:
    """Returns when each user of the world had closed as many channels as she had; very late if she has not."""
    gone = np.full(len(choices.reach), np.iinfo(np.int64).max)
    leaves = np.isin(choices.e_kind, LEAVES)
    user, at = choices.e_user[leaves], choices.e_at_us[leaves]
    nth = np.arange(len(user)) - np.searchsorted(user, user) + 1
    last = nth == choices.reach[user]
    gone[user[last]] = at[last]
    return gone


def _active_days(choices: Choices, until: NDArray[np.int64]) -> NDArray[np.float64]:
    """Discounted days of 24 h with a visit, from each choice to `until`."""
    visits, total = choices.e_kind == SESSION, np.zeros(len(choices.user))
    for day in range(LONGEST_DAYS):
        start = choices.at_us + day * DAY_US
        here = start < until
        if not here.any():
            break
        came = next_at(choices, visits, start) < np.minimum(start + DAY_US, until)
        total += GAMMA**day * (here & came)
    return total
