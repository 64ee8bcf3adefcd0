"""LinkedIn's rule: send when the chance of a visit rises enough by it, relative to the chance without.

    (P_T(visit | send) − P_T(visit | hold)) / P_T(visit | hold) > τ,   P_T(visit | a) = 1 − exp(−(T / e^μ)^(1/σ))

The time to the next visit follows a Weibull accelerated failure time model, log T = μ(s, a) + σ ε, ε an extreme value,
μ(s, a) = β·s + a (δ + θ·s). It learns from a coin that said by user and day whether to send (`choice_log.py`), in a
world that is not scored; what comes after the next choice, or after the log, is censored.

**Source**: Yuan et al., "A state transition model for mobile notifications via survival analysis", WSDM 2019; the rule
as in Yuan et al., "Offline reinforcement learning for mobile notifications", CIKM 2022, where it is the baseline.
**Deviation**: theirs sees badge counts and decides every few hours from a queue; ours sees `choice_log.STATE` at the
jobs of the day's plan. τ is not set by hand: it is the price that holds the volume, by segment and channel.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float32, Float64
from numpy.typing import NDArray

from tactful.clock import DAY_US, HOUR_US
from tactful.errors import InvalidExperiment
from tactful.simulator.choice_log import GREEDY, SILENT, Choices, next_at
from tactful.simulator.visits import SESSION

HORIZON_HOURS: Final = 24.0
"""T: about as long as until the next choice."""
_RIDGE: Final = 3.0
"""Precision of the prior of every coefficient, at features of unit spread; ten times that where the send comes in."""
_STEPS: Final = 60
_LEAST_HOURS: Final = 1.0 / 60.0
_CLOSE: Final = 1e-7


@dataclass(frozen=True)
class VisitModel:
    """Weibull times to the next visit; `send` is δ and θ. Features are put at mean 0 and spread 1 first."""

    mean: Float64[np.ndarray, " f"]
    spread: Float64[np.ndarray, " f"]
    hold: Float64[np.ndarray, " p"]
    send: Float64[np.ndarray, " p"]
    sigma: float

    def visit(self, state: Float32[np.ndarray, "n f"], send: bool) -> Float64[np.ndarray, " n"]:
        """Returns the chance of a visit within `HORIZON_HOURS`."""
        x = _design(state, self.mean, self.spread)
        mu = x @ (self.hold + self.send if send else self.hold)
        chance: NDArray[np.float64] = -np.expm1(-np.exp((np.log(HORIZON_HOURS) - mu) / self.sigma))
        return chance

    def worth(self, state: Float32[np.ndarray, "n f"]) -> Float64[np.ndarray, " n"]:
        """Returns the relative uplift; fits `judged.Worth`."""
        without = np.maximum(self.visit(state, send=False), 1e-9)
        uplift: NDArray[np.float64] = self.visit(state, send=True) / without - 1.0
        return uplift


def fit_visits(choices: Choices) -> VisitModel:
    """Returns the model of largest posterior density, by Newton's method; σ is found between its steps.

    Raises:
        InvalidExperiment: the log has no sends, or no silence, by coin.
    """
    hours, came = time_to_visit(choices)
    rows = np.isin(choices.bucket, (GREEDY, SILENT))
    send = choices.bucket[rows] == GREEDY
    if not 0 < send.sum() < len(send):
        raise InvalidExperiment(
            f"got {int(send.sum())} sends among {len(send)} choices, expected both sends and silence; log more days"
        )
    state = choices.state[rows]
    mean, spread = state.mean(axis=0, dtype=np.float64), state.std(axis=0, dtype=np.float64)
    spread = np.where(spread > _CLOSE, spread, 1.0)
    x = _design(state, mean, spread)
    beta, sigma = _newton(np.hstack([x, x * send[:, None]]), np.log(hours[rows]), came[rows], x.shape[1])
    return VisitModel(mean, spread, beta[: x.shape[1]], beta[x.shape[1] :], sigma)


def time_to_visit(choices: Choices) -> tuple[Float64[np.ndarray, " m"], Bool[np.ndarray, " m"]]:
    """Returns the hours from each choice to the next visit, and whether it was seen before the next choice."""
    visit = next_at(choices, choices.e_kind == SESSION, choices.at_us)
    same = np.append(choices.user[1:] == choices.user[:-1], False)
    until = np.where(same, np.append(choices.at_us[1:], 0), choices.until_us)
    until = np.minimum(until, choices.at_us + 2 * DAY_US)
    hours = np.maximum((np.minimum(visit, until) - choices.at_us) / HOUR_US, _LEAST_HOURS)
    return hours, visit <= until


def _design(
    state: Float32[np.ndarray, "n f"], mean: Float64[np.ndarray, " f"], spread: Float64[np.ndarray, " f"]
) -> Float64[np.ndarray, "n p"]:
    return np.hstack([np.ones((len(state), 1)), (state - mean) / spread])


def _newton(
    x: Float64[np.ndarray, "m q"], log_t: Float64[np.ndarray, " m"], came: Bool[np.ndarray, " m"], plain: int
) -> tuple[Float64[np.ndarray, " q"], float]:
    """Maximises Σ came·(z − log σ) − e^z − ridge/2 |β|², z = (log t − μ)/σ; the first column has no prior."""
    ridge = np.full(x.shape[1], _RIDGE)
    ridge[plain:] *= 10.0
    ridge[[0, plain]] = [0.0, _RIDGE]
    beta, log_sigma = np.zeros(x.shape[1]), 0.0
    beta[0] = float(log_t.mean()) + 1.0
    for _ in range(_STEPS):
        sigma = float(np.exp(log_sigma))
        z = np.clip((log_t - x @ beta) / sigma, -30.0, 30.0)
        hazard = np.exp(z)
        gradient = x.T @ (hazard - came) / sigma - ridge * beta
        curvature = (x * (hazard / sigma**2)[:, None]).T @ x + np.diag(ridge)
        step = np.linalg.solve(curvature, gradient)
        step *= min(1.0, 2.0 / max(float(np.abs(step).max()), _CLOSE))
        beta += step
        slope = float(np.sum(hazard * z - came * (z + 1.0)))
        bend = float(np.sum(hazard * z * (z + 1.0) - came * z)) + 1e-9
        of_sigma = float(np.clip(slope / max(abs(bend), float(came.sum()) + 1.0), -0.3, 0.3))
        log_sigma = float(np.clip(log_sigma + of_sigma, -2.0, 2.0))
        if float(np.abs(step).max()) < _CLOSE and abs(of_sigma) < _CLOSE:
            break
    return beta, float(np.exp(log_sigma))
