"""A part of the users with their states and timers, for an engine that deals users to many machines.

A shard is a `Population` of the users whose keys fall into one group, the texts of their open candidates and profiles,
and inputs that wait. It needs no store: what came goes in as bytes, what was decided comes out as rows of a store, what
must survive comes out as bytes by user. The price of a send is not made here: a shard reports its counts
(`price_keeper.py`) and never runs past the last instant for which it knows the price. So the same log gives the same
decisions in any number of shards, however often they run. Nothing here knows of Flink.
"""

from collections.abc import Iterable

import msgspec
import numpy as np
from jaxtyping import Int64, UInt64

from tactful.events.registry import Registry
from tactful.runtime.scoring import Scorer
from tactful.runtime.settings import Settings
from tactful.stores.protocols import BudgetRow, DecisionRow, LoggedInput, OutboxRow, PlanRow


class Refused(msgspec.Struct, frozen=True):
    """An input that a shard could not take, and why: it came too late, is of another group, or cannot be read."""

    input: LoggedInput
    reason: str


class Made(msgspec.Struct, frozen=True):
    """What came of one run.

    Attributes:
        until_us: how far the shard went: as far as asked, or up to where it knows the price.
        decisions: by (instant, user, key), as an embedded engine files them; each is in no other run.
        plans, budgets: plans of days, and weekly budgets that were drawn at random.
        messages: for the outbox, one for each decision to send.
        refused: inputs that were not taken since the last run.
        report: counts of the epochs that were passed, for `PriceKeeper.take`; b"" where none was.
    """

    until_us: int
    decisions: list[DecisionRow]
    plans: list[PlanRow]
    budgets: list[BudgetRow]
    messages: list[OutboxRow]
    refused: list[Refused]
    report: bytes


class Changed(msgspec.Struct, frozen=True):
    """What has to be written so that the shard can be restored: what concerns all of it, and users who changed.

    A user's bytes say nothing about her shard: they may be read into a shard of any other grouping.
    """

    shard: bytes
    users: list[tuple[str, bytes]]


def group_of(user_key: UInt64[np.ndarray, " n"], groups: int) -> Int64[np.ndarray, " n"]:
    """Returns the group (0 .. groups - 1) of each user; the number of groups is a power of two.

    >>> group_of(np.array([5, 8], dtype=np.uint64), 4).tolist()
    [1, 0]
    """
    return (user_key & np.uint64(groups - 1)).astype(np.int64)


class Shard:
    """One group of users: takes their inputs, fires their timers, tells what was decided and what changed."""

    def __init__(
        self, group: int, groups: int, settings: Settings, registry: Registry, scorer: Scorer, start_us: int
    ) -> None:
        """Knows nobody yet.

        Args:
            group, groups: which of how many.
            settings: as an embedded engine's.
            registry: the event types that the log begins with; changes of it come as inputs.
            scorer: the models; may be set anew between two runs (`scorer`).
            start_us: the log time of the first input of any user of the whole log, or earlier (live: when the job
                began); prices begin an epoch after that one. The same for all shards and the keeper.
        """
        raise NotImplementedError

    @classmethod
    def restored(
        cls,
        shard: bytes,
        users: Iterable[bytes],
        settings: Settings,
        scorer: Scorer,
    ) -> "Shard":
        """Returns the shard that `changed` told of.

        Args:
            shard: the latest `Changed.shard`.
            users: the latest bytes of each of its users, in any order.
            settings: those with which it was made.
            scorer: the models.

        Raises:
            StoreError: a later version wrote the bytes, or they are damaged.
        """
        raise NotImplementedError

    @property
    def known_until_us(self) -> int:
        """The last instant for which the price is known."""
        raise NotImplementedError

    @property
    def applied_us(self) -> int:
        """The instant up to which everything is decided; -1 before the first run."""
        raise NotImplementedError

    @property
    def next_us(self) -> int:
        """The earliest instant at which there is something to do: an input that waits, or a timer; else `NEVER`."""
        raise NotImplementedError

    def take(self, inputs: Iterable[LoggedInput]) -> None:
        """Takes accepted inputs, in any order of arrival: those of its users, and what concerns everybody.

        The latter (kill switches, experiments, changes of event types, budget plans; user key 0) go to every shard. An
        input that is taken twice counts once. Each is applied when a run reaches its log time; who takes inputs just
        before the run that reaches them has none waiting in the states.
        """
        raise NotImplementedError

    def price(self, control: bytes) -> None:
        """Takes prices of the control log: the data of `logbook.control(epoch)`, as the keeper's epochs give it.

        Those of one epoch hold for an hour. They may come early, twice, and in any order.
        """
        raise NotImplementedError

    def run(self, until_us: int) -> Made:
        """Applies what was taken up to an instant and fires every timer up to it, each at its own instant.

        Goes no further than `known_until_us`. How often it is called, and with which instants, changes no decision.

        Raises:
            InvalidScores: a model says what nobody can use; the shard has to be restored.
        """
        raise NotImplementedError

    def changed(self) -> Changed:
        """Returns what has changed since the last call; at first, everybody who is known."""
        raise NotImplementedError
