"""Fits the world's constants to a log: simulated moments, Gauss-Newton in their logarithms, common random numbers.

`Q(θ) = Σ_j w_j (log m_j − log m_j(θ))²`, `w_j` the inverse variance of the difference over people. The derivatives
`G = ∂ log m(θ)/∂θ` are finite differences under the same luck, corrected for the next step (Broyden) and taken anew
once. With `B = (G'WG)⁻¹G'W` the covariance of `θ` is the sandwich `B Σ B'`, Σ of the app's people and the simulated
ones; the over-identification statistic is `r' V⁺ r` with `r = (I − GB)(log m − log m(θ))`, `V = (I − GB) Σ (I − GB)'`,
a chi-square variable were the world right.

A constant is fitted only if the log has the moment that tells of it (`told_by.py`), its standard error is small enough,
before each round and after the last, and it has not run to the end of its range; the others keep their defaults, and
the report says why.

Source: McFadden, "A method of simulated moments for estimation of discrete response models without numerical
integration", Econometrica 1989; Broyden, "A class of methods for solving nonlinear simultaneous equations", 1965.
Deviation: logarithms of moments, a diagonal weight, and derivatives of sums over people instead of a bootstrap.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tactful.errors import InvalidExperiment, NotEnoughData
from tactful.experiments.distributions import chi_square_tail, normal_quantile
from tactful.simulator.constants import Constants
from tactful.simulator.fit.imitate import cast
from tactful.simulator.fit.log import FEWEST_DAYS, AppLog
from tactful.simulator.fit.moments import FEWEST, Moments, moments, own_visits
from tactful.simulator.fit.report import Agreement, Fit, FittedConstant
from tactful.simulator.fit.told_by import DRAWN, TOLD_BY

FEWEST_PEOPLE: Final = 100
FEWEST_SENDS: Final = 200
LOOSEST: Final = 0.4
"""Largest standard error of a constant's logarithm at which it is fitted: its interval ends at about twice and half."""
_DIFFERENCE: Final = 0.25
"""How far a logarithm is moved for a derivative: by 28 %, so that rare answers change at all."""
_LONGEST_STEP: Final = 0.7
_FARTHEST: Final = 3.0
"""A logarithm moves so far from its default at most, by a factor of 20."""
_ROUNDS: Final = 2
_STEPS: Final = 3
_SHORTENED: Final = (1.0, 0.4)

Tell = Callable[[int, int], None]
"""Is told how many lives were lived through, and how many are expected."""


def fit(
    app: AppLog,
    people: int = 2_000,
    seed: int = 0,
    names: tuple[str, ...] = tuple(TOLD_BY),
    tell: Tell = lambda done, of: None,
) -> Fit:
    """Returns the world that counts most like the log, and how far to trust it.

    Args:
        app: the log.
        people: simulated people; twice as many halve their part of the variances.
        seed: of the simulated people and their luck.
        names: the constants that may move; those of `told_by.TOLD_BY` by default.
        tell: is told after every simulated life.

    Raises:
        NotEnoughData: too few people, days, visits or messages.
        InvalidExperiment: too few simulated people.
    """
    _refuse_thin(app, people)
    counted = moments(app)
    usable = counted.usable()
    tried = tuple(name for name in names if TOLD_BY[name].moment in usable)
    if not tried:
        raise NotEnoughData(
            f"got a log in which nothing was counted {FEWEST} times, expected visits and answers to messages; log "
            "sessions, opens and clicks, with the channel or the decision_id of the message"
        )
    search = _Search(app, counted.only(usable), people, seed, tried, tell)
    before, kept = search.here, _untold(names, usable, drawn=bool(app.drawn.any()))
    for number in range(_ROUNDS):
        if number:
            search.renew()
        kept |= search.choose()
        search.descend()
    if late := search.choose():
        kept |= late
        search.descend()
    return _report(search, before, kept)


def _refuse_thin(app: AppLog, people: int) -> None:
    if people < FEWEST_PEOPLE:
        raise InvalidExperiment(
            f"got {people:,} simulated people, expected {FEWEST_PEOPLE:,} at least; raise --users, best to as many as "
            "the app has"
        )
    if app.n < FEWEST_PEOPLE or app.days < FEWEST_DAYS or len(app.sends.user) < FEWEST_SENDS:
        raise NotEnoughData(
            f"got a log of {app.n:,} people who could be reached, {app.days} whole days and {len(app.sends.user):,} "
            f"messages to them, expected {FEWEST_PEOPLE:,}, {FEWEST_DAYS} and {FEWEST_SENDS:,} at least; let the app "
            "run on, or import more of its past"
        )


def _untold(names: tuple[str, ...], usable: tuple[str, ...], drawn: bool) -> dict[str, str]:
    """Why constants cannot be fitted to this log at all."""
    found = {}
    for name in names:
        moment = TOLD_BY[name].moment
        if moment not in usable:
            lacks = f'too little of "{moment}"' if drawn or not moment.endswith(DRAWN) else "no budgets drawn at random"
            found[name] = f"not identifiable: {lacks}"
    return found


class _Search:
    """Where the search stands: `theta` are logarithms of constants in `names` relative to their defaults, `here` is
    what is counted there, `slopes` its derivatives as measured last, `corrected` what steps have made of them since."""

    def __init__(
        self, app: AppLog, target: Moments, people: int, seed: int, names: tuple[str, ...], tell: Tell
    ) -> None:
        """Pairs people, and lives through the default world and its neighbours."""
        self.app, self.target, self.names = app, target, names
        self._people, self._seed, self._tell = people, seed, tell
        self._theirs = own_visits(app)
        self._cast = cast(app, people, seed, self._theirs)
        self.evaluations, self.shift = 0, np.inf
        self.theta: NDArray[np.float64] = np.zeros(len(names))
        self.slopes: NDArray[np.float64] = np.zeros((len(target.names), len(names)))
        self.renew()

    def choose(self) -> dict[str, str]:
        """Takes the constants of which the log tells too little back to their defaults, the loosest first, and says
        why."""
        kept, moved = {}, False
        while len(self.names) > 1:
            at_the_end = self.theta >= self._most()
            error = np.where(at_the_end, np.inf, np.sqrt(np.diag(self.covariance())))
            worst = int(np.argmax(error))
            if error[worst] <= LOOSEST:
                break
            within = float(np.exp(min(1.96 * error[worst], 9.0)))
            loosely = f"within a factor of {within:.1f}" if within < 10.0 else "hardly at all"
            why = "ran to the end of its range" if at_the_end[worst] else f"told too loosely: {loosely}"
            kept[self.names[worst]] = why
            moved = moved or self.theta[worst] != 0.0
            self.names = tuple(np.delete(np.array(self.names), worst).tolist())
            self.theta, self.slopes = np.delete(self.theta, worst), np.delete(self.slopes, worst, axis=1)
        self.corrected = self.slopes
        if moved:
            self.here = self._live(self.theta)
        return kept

    def renew(self) -> None:
        """Pairs people by how they came in the world found so far, and takes the derivatives anew."""
        self._pair_anew()
        self.here = self._live(self.theta)
        self.slopes = self._differences()
        self.corrected = self.slopes

    def descend(self) -> None:
        """Steps towards the app's moments while that brings them nearer."""
        for _ in range(_STEPS):
            gap, error = self.gap(self.here), np.sqrt(np.diag(self.covariance()))
            step = np.clip(self._towards(self.corrected) @ gap, -_LONGEST_STEP, _LONGEST_STEP)
            if not self._moved(step, gap):
                self.shift = 0.0
                return
            self.shift = float(np.max(np.abs(step) / error))
            if self.shift < 0.2:
                return

    def gap(self, found: Moments) -> NDArray[np.float64]:
        """How far the app's moments lie above simulated ones, in logarithms."""
        difference: NDArray[np.float64] = np.log(self.target.value) - np.log(found.value)
        return difference

    def noise(self) -> NDArray[np.float64]:
        """The covariance of the gap: both the app's people and the simulated ones are draws."""
        both: NDArray[np.float64] = self.target.log_covariance + self.here.log_covariance
        return both

    def covariance(self) -> NDArray[np.float64]:
        """The covariance of `theta`."""
        towards = self._towards(self.slopes)
        sandwich: NDArray[np.float64] = towards @ self.noise() @ towards.T
        return sandwich

    def over(self) -> tuple[float, int, float]:
        """The over-identification statistic, its degrees of freedom, and the chance of one so large."""
        left = np.eye(len(self.slopes)) - self.slopes @ self._towards(self.slopes)
        degrees = len(self.slopes) - len(self.names)
        if degrees <= 0:
            return 0.0, 0, 1.0
        variance, along = np.linalg.eigh(left @ self.noise() @ left.T)
        gap = along[:, -degrees:].T @ (left @ self.gap(self.here))
        value = float(np.sum(gap**2 / np.maximum(variance[-degrees:], 1e-12)))
        return value, degrees, chi_square_tail(value, degrees)

    def constants(self, theta: NDArray[np.float64]) -> Constants:
        """The world at `theta`."""
        usual = Constants()._asdict()
        moved = {name: usual[name] * float(np.exp(by)) for name, by in zip(self.names, theta.tolist(), strict=True)}
        return Constants(**(usual | {name: min(value, TOLD_BY[name].most) for name, value in moved.items()}))

    def _most(self) -> NDArray[np.float64]:
        """How far each logarithm may rise."""
        usual = Constants()._asdict()
        return np.array([min(_FARTHEST, float(np.log(TOLD_BY[name].most / usual[name]))) for name in self.names])

    def _towards(self, slopes: NDArray[np.float64]) -> NDArray[np.float64]:
        """(G'WG)⁻¹G'W: how a gap moves the constants."""
        weighed = slopes.T / np.diag(self.noise())
        towards: NDArray[np.float64] = np.linalg.pinv(weighed @ slopes, hermitian=True) @ weighed
        return towards

    def _moved(self, step: NDArray[np.float64], gap: NDArray[np.float64]) -> bool:
        """Takes the step, or part of it, if it brings the moments nearer."""
        weight = 1.0 / np.diag(self.noise())
        for share in _SHORTENED:
            theta = np.clip(self.theta + share * step, -_FARTHEST, self._most())
            there, by = self._live(theta), theta - self.theta
            if not by.any():
                return False
            change = np.log(there.value) - np.log(self.here.value)
            self.corrected = self.corrected + np.outer(change - self.corrected @ by, by) / (by @ by)
            if weight @ self.gap(there) ** 2 < weight @ gap**2:
                self.theta, self.here = theta, there
                return True
        return False

    def _differences(self) -> NDArray[np.float64]:
        """Derivatives of the logarithms of the moments, one life for each constant."""
        columns = []
        for place in range(len(self.names)):
            aside = self.theta.copy()
            aside[place] += _DIFFERENCE if self.theta[place] < 1.0 else -_DIFFERENCE
            change = np.log(self._live(aside).value) - np.log(self.here.value)
            columns.append(change / (aside[place] - self.theta[place]))
        return np.stack(columns, axis=1)

    def _pair_anew(self) -> None:
        came = own_visits(self._cast.live(self.constants(self.theta))).astype(np.float64)
        self._told()
        self._cast = cast(self.app, self._people, self._seed, self._theirs, self._cast, came)

    def _live(self, theta: NDArray[np.float64]) -> Moments:
        found = moments(self._cast.live(self.constants(theta))).only(self.target.names)
        self._told()
        return found

    def _told(self) -> None:
        self.evaluations += 1
        expected = _ROUNDS * (2 + len(self.names) + _STEPS)
        self._tell(self.evaluations, max(expected, self.evaluations))


def _report(search: _Search, before: Moments, kept: dict[str, str]) -> Fit:
    usual, now = Constants()._asdict(), search.constants(search.theta)._asdict()
    error = np.sqrt(np.diag(search.covariance())) * normal_quantile(0.975)
    width = dict(zip(search.names, np.exp(error).tolist(), strict=True))
    over, degrees, p = search.over()
    z = search.gap(search.here) / np.sqrt(np.diag(search.noise()))
    columns = (search.target.value, before.value, search.here.value, z)
    return Fit(
        constants=tuple(
            FittedConstant(name, usual[name], now[name], now[name] / width[name], now[name] * width[name])
            if name in width
            else FittedConstant(name, usual[name], usual[name], kept=kept.get(name, "not fitted"))
            for name in TOLD_BY
        ),
        moments=tuple(
            Agreement(name, *row)
            for name, row in zip(search.target.names, np.stack(columns, axis=1).tolist(), strict=True)
        ),
        people=search.app.n,
        left_out=search.app.left_out,
        days=search.app.days,
        sends=len(search.app.sends.user),
        drawn=int(search.app.drawn.sum()),
        simulated=search.here.above.shape[0],
        evaluations=search.evaluations,
        converged=search.shift < 1.0,
        over=over,
        degrees=degrees,
        p=p,
    )
