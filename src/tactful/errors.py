"""The error tree. A message says what was got, what was expected, and what to do."""


class TactfulError(Exception):
    """Raised when Tactful refuses something. Every error of ours derives from it."""


class InvalidRecord(TactfulError):
    """Raised when a record cannot be accepted: a missing field, a wrong type, a naive time, NaN."""


class UnknownEventType(TactfulError):
    """Raised when a candidate names an event type that no file declares."""


class UnknownTimeZone(TactfulError):
    """Raised when a time zone is not in the IANA data base."""


class UnknownCountry(TactfulError):
    """Raised when the calendar of holidays does not know a country, or is not installed."""


class InvalidEventType(TactfulError):
    """Raised when an event-type file is mistaken: names file, key, what was got and what was expected."""


class InvalidSettings(TactfulError):
    """Raised when the settings file has an unknown key or a value out of range."""


class InfeasibleQuota(TactfulError):
    """Raised when a send plan cannot hold its quota.

    Attributes:
        rows: indices of the rows that do not fit.
        shortfall: for each of them, how many sends found no slot.
    """

    def __init__(self, rows: list[int], shortfall: list[int]) -> None:
        self.rows = rows
        self.shortfall = shortfall
        shown = ", ".join(f"row {r}: {s} too many" for r, s in list(zip(rows, shortfall, strict=True))[:5])
        super().__init__(
            f"{len(rows)} row(s) have a quota larger than their allowed slots hold ({shown}); "
            "lower the quota, allow more slots, shorten the gap or raise max_per_slot"
        )


class InfeasibleBudget(TactfulError):
    """Raised when a total volume lies below what the lower bounds alone cost."""


class UnknownUser(TactfulError):
    """Raised when a verb names a user whom the store has never seen."""


class StoreError(TactfulError):
    """Raised when a store cannot be opened or holds a schema this version does not read."""


class ReplayMismatch(TactfulError):
    """Raised when a replay of logged scores yields another decision than the one on record."""


class OtherDecidingVersion(TactfulError):
    """Raised when code that decides otherwise is to go on from the middle of what another version decided."""


class UnreadableInput(TactfulError):
    """Raised when an input file cannot be read: missing, empty, of an unknown format, or without mapped columns."""


class CannotExport(TactfulError):
    """Raised when an export cannot be written: no right, no room, or a file in its way that is none of ours."""


class CannotMove(TactfulError):
    """Raised when a store and a job on a cluster do not fit together, so that neither can take over from the other."""


class TruthForbidden(TactfulError):
    """Raised when an honest arm asks a simulated world for its truth."""


class CannotServe(TactfulError):
    """Raised when the HTTP service may not or cannot begin: no key, an address that is taken, nothing to run."""


class EngineStopped(TactfulError):
    """Raised when an engine is asked to go on although an error broke off what it was deciding; open another one."""


class InvalidConstants(TactfulError):
    """Raised when a file of a simulated world's constants has an unknown key or a value out of range."""


class TickOutOfOrder(TactfulError):
    """Raised when a simulated world is asked for a tick that is not its next one, or given sends from outside it."""


class InvalidScores(TactfulError):
    """Raised when numbers handed to a decision cannot be used: NaN, an unknown head, a path that was impossible."""


class InvalidModel(TactfulError):
    """Raised when a model cannot be made or loaded: unknown name, parameters out of range, changed bytes."""


class InvalidFeatures(TactfulError):
    """Raised when features cannot be scored: NaN, another number of columns, another schema, a segment out of range."""


class OutsideTraining(TactfulError):
    """Raised when a model is asked about what it was never trained on: a budget above the largest randomised one."""


class UnsortedRows(TactfulError):
    """Raised when columns must be sorted and are not."""


class FutureInHistory(TactfulError):
    """Raised when a row to learn from knows what happened after its target: what it would teach cannot be had."""


class InvalidExperiment(TactfulError):
    """Raised when an experiment or a statistic cannot be computed: shares above 1, too few units."""


class NotIdentifiable(InvalidExperiment):
    """Raised when a log cannot say what a change would have brought: nothing was randomised for it, or too little."""


class InvalidMapping(TactfulError):
    """Raised when an import mapping has an unknown key, an unknown kind or channel, or contradicts itself."""


class NotRandomised(TactfulError):
    """Raised when budgets to learn from were not drawn at random: none was, or covariates foretell them."""


class NotEnoughData(TactfulError):
    """Raised when a log holds too little to learn from: no budgets, no closed week, a single budget."""


class BudgetsStand(TactfulError):
    """Raised when no new budgets can be allocated, so that the last ones stand: no usable model, or nothing new."""

    def __init__(self, why: str) -> None:
        super().__init__(f"{why}. Nothing was posted: the last budgets stand.")


class MissingCredential(InvalidSettings):
    """Raised when a secret that the settings name is not in the environment, or cannot be used."""


class MissingExtra(InvalidSettings):
    """Raised when what the settings ask for needs packages that are not installed: names the extra."""


class PrivateAddress(TactfulError):
    """Raised when a call would lead into a private network although nobody allowed it."""


class UnknownMessage(TactfulError):
    """Raised when the outbox has no message of the decision that a person names."""


class WrongMessageState(TactfulError):
    """Raised when a message cannot be sent again or settled: delivered, withdrawn, expired, waiting, not in doubt."""


class LookupFailed(TactfulError):
    """Raised when the DNS gives no answer: no network, no server, a broken zone."""


class JobFailed(TactfulError):
    """Raised when a job on Flink ended by an error, or its cluster did not take it: the message has the first cause."""
