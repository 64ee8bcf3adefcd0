"""Double deep Q-learning from a log, for two actions: hold and send. Arrays in, weights of a small network out.

Q(s, a) = v(s) + a g(s) by one network of two hidden layers, so that the gain of a send is learned as such. Targets are
y = r + γ^Δ Q⁻(s', argmax_a Q(s', a)), Q⁻ a copy of the network of some steps ago: the copy values what the present
network would choose.

**Source**: van Hasselt, Guez and Silver, "Deep reinforcement learning with double Q-learning", AAAI 2016, eq. 4.
**Deviation**: the log is fixed (no replay of new experience); v and g share a trunk; weights decay, since what a send
adds is far smaller than what it adds to. Not here: what states and rewards are (`simulator/arms/double_dqn.py`).
"""

import copy

import numpy as np
import torch
from jaxtyping import Float, Int64
from numpy.typing import NDArray
from torch import Tensor, nn

from tactful.training.transitions import Transitions

HIDDEN = 32
BATCH = 1_024
COPIED_EVERY = 50
LEARNING_RATE, DECAY = 1e-3, 3e-2


class _Network(nn.Module):
    """Returns v and g of each row."""

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(n_features, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 2)
        )

    def forward(self, state: Float[Tensor, "b f"]) -> Float[Tensor, "b 2"]:
        said: Tensor = self.layers(state)
        return said


def fit_double_dqn(log: Transitions, seed: int, steps: int) -> list[tuple[NDArray[np.float64], ...]]:
    """Returns (weight [in, out], bias [out]) of each layer; the last has two outputs, v and g.

    Args:
        log: states at mean 0 and spread 1.
        seed: of the first weights and of the batches.
        steps: batches that are learned from.
    """
    before = torch.random.get_rng_state()
    try:
        torch.manual_seed(seed)
        network = _Network(log.state.shape[1])
    finally:
        torch.random.set_rng_state(before)
    picks = np.random.default_rng(seed).integers(0, len(log.send), (steps, BATCH))
    optimiser = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=DECAY)
    old = copy.deepcopy(network)
    for step, pick in enumerate(picks):
        if step % COPIED_EVERY == 0:
            old = copy.deepcopy(network)
        loss = _loss(network, old, log, pick)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
    linear = [layer for layer in network.layers if isinstance(layer, nn.Linear)]
    return [(_array(layer.weight).T, _array(layer.bias)) for layer in linear]


def _loss(network: _Network, old: _Network, log: Transitions, pick: Int64[np.ndarray, " b"]) -> Tensor:
    """Mean squared error of Q of what was done against its target."""
    state, later = (torch.from_numpy(of[pick]) for of in (log.state, log.next_state))
    send, reward, discount = (
        torch.from_numpy(of[pick].astype(np.float32)) for of in (log.send, log.reward, log.discount)
    )
    with torch.no_grad():
        chosen = (network(later)[:, 1] > 0.0).float()
        value = old(later)
        target = reward + discount * (value[:, 0] + chosen * value[:, 1])
    said = network(state)
    return torch.mean((said[:, 0] + send * said[:, 1] - target) ** 2)


def _array(of: Tensor) -> NDArray[np.float64]:
    found: NDArray[np.float64] = of.detach().numpy().astype(np.float64)
    return found
