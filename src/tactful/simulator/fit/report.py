"""What a fit came to: every constant and every moment, with how far to trust them."""

import msgspec

from tactful.simulator.constants import Constants

FAR = 3.0
"""Standard errors from which a moment counts as not reproduced."""


class FittedConstant(msgspec.Struct, frozen=True):
    """One constant: its default, its value in the fitted world, a 95 % interval; or why it was kept."""

    name: str
    default: float
    value: float
    low: float | None = None
    high: float | None = None
    kept: str = ""


class Agreement(msgspec.Struct, frozen=True):
    """One moment: the app's, the simulated one before and after, and the difference after in standard errors.

    The standard error is that of the difference of logarithms, the app's people and the simulated ones being draws.
    """

    moment: str
    app: float
    before: float
    after: float
    z: float


class Fit(msgspec.Struct, frozen=True):
    """A fitted world.

    Attributes:
        people, left_out, days, sends, drawn: of the app's log: people counted and not, its days, messages, and people
            with budgets drawn at random.
        simulated: people who stood for them.
        evaluations: how often their lives were lived through.
        converged: whether the last step was small beside the standard errors.
        over: the over-identification statistic (J): how far the moments are apart, what the constants can absorb aside.
        degrees, p: its degrees of freedom, and the chance of one so large were the world right.
    """

    constants: tuple[FittedConstant, ...]
    moments: tuple[Agreement, ...]
    people: int
    left_out: int
    days: int
    sends: int
    drawn: int
    simulated: int
    evaluations: int
    converged: bool
    over: float
    degrees: int
    p: float

    @property
    def world(self) -> Constants:
        """The constants of the fitted world."""
        return Constants()._replace(**{each.name: each.value for each in self.constants})

    @property
    def not_reproduced(self) -> tuple[str, ...]:
        """The moments that the fitted world misses, the worst first."""
        far = sorted((each for each in self.moments if abs(each.z) >= FAR), key=lambda each: -abs(each.z))
        return tuple(each.moment for each in far)

    @property
    def verdict(self) -> str:
        """One sentence on whether the world is like the app, as far as it was looked at.

        >>> Fit((), (Agreement("opens", 0.1, 0.2, 0.2, -5.0),), 9, 0, 28, 9, 0, 9, 9, True, 25.0, 1, 1e-6).verdict
        'This world does not reproduce: opens.'
        """
        if self.not_reproduced:
            return f"This world does not reproduce: {'; '.join(self.not_reproduced)}."
        if self.degrees and self.p < 0.05:
            return "No single moment is far off, but together they are: this world is not quite that app."
        return "No moment that was looked at speaks against this world."
