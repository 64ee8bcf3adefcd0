"""The operator that decides: a shard of users a key, fed by epochs, run when no earlier input and no price can come.

Inputs wait in Flink's state under their epoch, not in the shard. When the group's timer rings, the inputs and prices up
to there go into the shard, the shard runs, and what changed is written back: between two runs the state is all there
is, and the shards in memory are a cache of it. So a checkpoint can be taken at any moment, and after a restore, on
however many workers, a group is read again from its users' bytes.
"""

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec

from tactful.clock import from_us
from tactful.delivery.outbox import decode as decode_message
from tactful.errors import InvalidModel, TactfulError, UnreadableInput
from tactful.events.records import decode
from tactful.runtime.control import EPOCH_US
from tactful.runtime.filing import step_counts
from tactful.runtime.flink import bundle, everybody, moved, rows
from tactful.runtime.flink.reading import EVERYBODY, HELLO, PRICES, Part
from tactful.runtime.flink.rows import Rejected
from tactful.runtime.flink.state import ALONE, Context, Descriptors, States, Table, Value
from tactful.runtime.shard import Made, Shard
from tactful.runtime.shard_inputs import Refused
from tactful.stores.protocols import LoggedInput

Output: TypeAlias = tuple[str, str]
"""(kind of `KINDS`, one or more lines of text)."""
KINDS: Final = ("decisions", "plans", "budgets", "messages", "rejected", "states", "shards")
"""What is written to files of its own; reports and the word that a group is done go to the keeper."""
REPORT: Final = "report"
DONE: Final = "done"
EVERYBODY_READS: Final = "everybody"
"""The name of the broadcast state."""
RETRY_MS: Final = 50
"""A group whose price is not there yet looks again so often; usually the watermark of the prices spares it that."""

LAST_MS: Final = (1 << 63) - 2
"""The timer of this instant rings when all inputs and all prices on record have come. One by the clock may not, for
Flink forgets those when the inputs end. In a closed loop there is none: prices are made as long as the job runs."""

REST_MS: Final = 1_000
"""At its end a group that may go on rings so often; in a job that goes on from a savepoint it rings at once."""


class Plan(msgspec.Struct, frozen=True):
    """What every worker has to know.

    Attributes:
        folder: the job's input (`bundle.py`), which every worker can read.
        groups: of users, a power of two, for the life of the job.
        epochs_a_run: how many epochs a group passes at once; 1 in a closed loop, whose prices come one by one.
        until_us: where the job ends; -1 for never.
        states: whether the users' states are written out at the end.
        resumable: whether a savepoint is taken at the end, from which a job with a later end goes on.
        live_lag_us: how far behind the clock of the machine groups go on without inputs; -1 waits for inputs.
        tick_ms: how often they look.
    """

    folder: str
    groups: int
    epochs_a_run: int = 1
    until_us: int = -1
    states: bool = False
    resumable: bool = False
    live_lag_us: int = -1
    tick_ms: int = 1_000


class Groups:
    """Keyed by group: takes parts of the log and prices, and gives what was decided, as lines of text."""

    def __init__(self, plan: Plan, descriptors: Descriptors) -> None:
        """Opens nothing yet; `descriptors` make Flink's."""
        self._plan = plan
        self._descriptors = descriptors

    def open(self, states: States) -> None:
        """Takes the states, and loads the models: once a worker."""
        with ALONE:
            self._open(states)

    def _open(self, states: States) -> None:
        value, table = self._descriptors.value, self._descriptors.table
        self._everybody = table(EVERYBODY_READS)
        self._users: Table[bytes] = states.get_map_state(table("users"))
        self._pending: Table[list[bytes]] = states.get_map_state(table("pending"))
        self._blob: Value[bytes] = states.get_state(value("shard"))
        self._applied: Value[int] = states.get_state(value("applied_us"))
        self._wanted: Value[int] = states.get_state(value("wanted_us"))
        self._files: Value[int] = states.get_state(value("files"))
        self._metrics = states.get_metrics_group().add_group("tactful")
        self._counters: dict[str, Any] = {}
        self._shards: dict[int, Shard] = {}
        folder = Path(self._plan.folder)
        self._bundle = bundle.load(folder)
        self._settings, self._types = bundle.settings_of(self._bundle), bundle.types_of(self._bundle)
        try:
            self._scorer = bundle.scorer_in(folder, self._bundle)
        except (TactfulError, OSError, msgspec.MsgspecError) as error:
            raise InvalidModel(
                f"the models of {folder} cannot be loaded on worker {socket.gethostname()}, process {os.getpid()}: "
                f"{error}; put a whole file there, then start the job from its last checkpoint"
            ) from error

    def process_element(self, value: tuple[int, int, bytes], ctx: Context) -> Iterator[Output]:
        """Puts a part by until its epoch is over; one that comes too late for that waits for the next run."""
        part = Part(*value)
        applied = self._applied.value()
        if applied is None:
            applied = self._bundle.first_us - 1
            self._applied.update(applied)
            if self._plan.live_lag_us >= 0:
                self._wanted.update(applied)
                self._ring_by_clock(ctx, self._plan.tick_ms)
            else:
                self._ring(ctx, applied)
                if not self._plan.resumable:
                    ctx.timer_service().register_event_time_timer(LAST_MS)
        if part.epoch == HELLO:
            self._files.update((self._files.value() or 0) + 1)
        else:
            self._put_by(max(part.epoch, (applied + 1) // EPOCH_US), part.data)
        yield from ()

    def _put_by(self, epoch: int, data: bytes) -> None:
        self._pending.put(str(epoch), [*(self._pending.get(str(epoch)) or ()), data])

    def process_broadcast_element(self, value: tuple[int, int, bytes], ctx: Context) -> Iterator[Output]:
        """Keeps what everybody reads: prices, and inputs that concern all users, by epoch."""
        part = Part(*value)
        known = ctx.get_broadcast_state(self._everybody)
        name = everybody.name(part.group, part.epoch)
        known.put(name, [*(known.get(name) or ()), part.data])
        yield from ()

    def on_timer(self, timestamp: int, ctx: Context) -> Iterator[Output]:
        """Brings the group to the end of the epoch whose timer rang, or as far as inputs and prices have come.

        Raises:
            UnreadableInput: all prices have come, and they do not reach to the end.
        """
        applied, wanted = self._applied.value(), self._wanted.value()
        assert applied is not None
        assert wanted is not None
        live = self._plan.live_lag_us >= 0
        if applied >= wanted and not live:
            yield from self._came_late(ctx, applied)
            self._rest(ctx, applied)
            return
        now_us = ctx.timer_service().current_processing_time() * 1_000
        target = self._live_target(ctx, applied, now_us) if live else wanted
        if self._plan.until_us >= 0:
            target = min(target, self._plan.until_us)
        while applied < target:
            with ALONE:
                made = self._run(ctx, applied, target)
            if made is None:
                break
            yield from _told(made)
            applied = made.until_us
            if applied == target and not live:
                target = self._next_target(ctx, applied)
        if 0 <= self._plan.until_us <= applied:
            self._rest(ctx, applied)
            yield from self._last_words(ctx, applied)
        elif live:
            self._ring_by_clock(ctx, self._plan.tick_ms)
        elif applied < target:
            self._price_may_come(ctx, applied)
            self._ring_by_clock(ctx, RETRY_MS)
        else:
            self._ring(ctx, applied)

    def _live_target(self, ctx: Context, applied: int, now_us: int) -> int:
        """How far a live group goes: by the clock, but not past a file that was there before the job and is unread."""
        target = now_us - self._plan.live_lag_us
        if (self._files.value() or 0) < self._bundle.files:
            target = min(target, ctx.timer_service().current_watermark() * 1_000)
        return max(target, applied)

    def _price_may_come(self, ctx: Context, applied: int) -> None:
        """Refuses to end early without a word: what the prices do not reach would be missing in the output."""
        closed = self._plan.resumable
        if self._plan.until_us >= 0 and not closed and ctx.timer_service().current_watermark() >= LAST_MS:
            raise UnreadableInput(
                f"got prices up to {from_us(applied).isoformat()}, expected them up to "
                f"{from_us(self._plan.until_us).isoformat()}: export the log again, end with --until, or make prices "
                "with --closed"
            )

    def _run(self, ctx: Context, applied: int, target: int) -> Made | None:
        """Runs the group's shard up to an instant, or up to where the price is known, and writes what changed.

        None where the price of the next instant is not known.
        """
        shard = self._shard(int(ctx.get_current_key()))
        known = ctx.get_broadcast_state(self._everybody)
        first, last = (applied + 1) // EPOCH_US, target // EPOCH_US
        for epoch in range(first, last + 1):
            for control in known.get(everybody.name(PRICES, epoch)) or ():
                shard.price(control)
        until = min(target, shard.known_until_us)
        if until <= applied:
            return None
        shard.take(self._taken(ctx, first, until), applied)
        made = shard.run(until)
        changed = shard.changed()
        self._blob.update(changed.shard)
        for user_id, data in changed.users:
            self._users.put(user_id, data)
        self._applied.update(made.until_us)
        self._count(made)
        return made

    def _taken(self, ctx: Context, first: int, until_us: int) -> list[LoggedInput]:
        """The inputs that were put by for epochs from one up to that of an instant; they are put by no longer."""
        found: list[LoggedInput] = []
        for epoch in range(first, until_us // EPOCH_US + 1):
            for part in self._pending.get(str(epoch)) or ():
                found += rows.unpacked(part)
            self._pending.remove(str(epoch))
        found, missing = everybody.whole(found, ctx.get_broadcast_state(self._everybody), EVERYBODY)
        if missing:
            self._put_by((until_us + 1) // EPOCH_US, rows.packed(missing))
        return found

    def _came_late(self, ctx: Context, applied: int) -> Iterator[Output]:
        """Tells what came behind the last run of a job that is at its end: no further run would."""
        if not self._pending.get(str((applied + 1) // EPOCH_US)):
            return
        with ALONE:
            shard = self._shard(int(ctx.get_current_key()))
            shard.take(self._taken(ctx, (applied + 1) // EPOCH_US, applied + 1), applied)
            made = shard.run(applied)
            self._blob.update(shard.changed().shard)
            self._count(made)
        yield from _told(made)

    def _count(self, made: Made) -> None:
        """Counts a run among the metrics of Flink, under the names of the embedded engine's counters."""
        for name, number in (step_counts(made.decisions) | {"engine.inputs.rejected": len(made.refused)}).items():
            if name not in self._counters:
                self._counters[name] = self._metrics.counter(name)
            self._counters[name].inc(number)

    def _shard(self, group: int) -> Shard:
        """The group's shard: from memory, else from its state, else a new one."""
        shard = self._shards.get(group)
        if shard is None:
            blob = self._blob.value()
            if blob is None and self._bundle.moved_groups:
                shard = self._taken_over(group)
            elif blob is None:
                plan, start = self._plan, self._bundle.start_us
                shard = Shard(group, plan.groups, self._settings, self._types, self._scorer, start)
            else:
                users = list(self._users.values())
                shard = Shard.restored(blob, users, self._settings, self._scorer)
            self._shards[group] = shard
        return shard

    def _taken_over(self, group: int) -> Shard:
        """The group's shard as an engine has left it; its users are in Flink's state from here on."""
        begun = moved.group_of_job(Path(self._plan.folder), group)
        for user_id, data in begun.users:
            self._users.put(user_id, data)
        return Shard.restored(begun.shard, (data for _, data in begun.users), self._settings, self._scorer)

    def _ring(self, ctx: Context, applied: int) -> None:
        """Sets the timer for the end of the next run; it rings once all inputs and prices up to there have come."""
        end = self._end_behind(applied)
        self._wanted.update(end)
        timers = ctx.timer_service()
        if timers.current_watermark() < end // 1_000:
            timers.register_event_time_timer(end // 1_000)
        else:  # a timer behind the watermark rings when that moves, and behind the end of the inputs it never does
            self._ring_by_clock(ctx, 0)

    def _end_behind(self, applied: int) -> int:
        """The end of the next run."""
        epoch = (applied + 1) // EPOCH_US + self._plan.epochs_a_run - 1
        end = (epoch + 1) * EPOCH_US - 1
        return min(end, self._plan.until_us) if applied < self._plan.until_us else end

    def _next_target(self, ctx: Context, applied: int) -> int:
        """The end of the next run if all inputs up to there have come, else where the group is."""
        end = self._end_behind(applied)
        if 0 <= self._plan.until_us <= applied or ctx.timer_service().current_watermark() < end // 1_000:
            return applied
        self._wanted.update(end)
        return end

    def _rest(self, ctx: Context, applied: int) -> None:
        """At the end: looks by the clock whether the job that goes on from here has a later one."""
        if applied < self._plan.until_us or self._plan.until_us < 0:
            self._ring(ctx, applied)
        elif self._plan.resumable:
            self._wanted.update(applied)
            self._ring_by_clock(ctx, REST_MS)

    def _ring_by_clock(self, ctx: Context, after_ms: int) -> None:
        timers = ctx.timer_service()
        timers.register_processing_time_timer(timers.current_processing_time() + after_ms)

    def _last_words(self, ctx: Context, applied: int) -> Iterator[Output]:
        """The states, if they are wanted, and the word that the group is done."""
        group, blob = int(ctx.get_current_key()), self._blob.value()
        if self._plan.states and blob is not None:
            states = sorted((str(user), data) for user, data in self._users.items())
            if states:
                yield "states", "\n".join(rows.told(moved.UserLine(user, applied, data)) for user, data in states)
            yield "shards", rows.told(moved.ShardLine(group, applied, blob))
        yield DONE, str(group)


def _told(made: Made) -> Iterator[Output]:
    """What a run made, as lines of JSON by kind; none of a kind that is empty."""
    found = {
        "decisions": [rows.told(decode(row.data)) for row in made.decisions],
        "plans": [rows.told(decode(row.data)) for row in made.plans],
        "budgets": [rows.told(decode(row.data)) for row in made.budgets],
        "messages": [rows.told(decode_message(row.message)) for row in made.messages],
        "rejected": [rows.told(_rejected(each)) for each in made.refused],
        REPORT: [rows.told(made.report)] if made.report else [],
    }
    for kind, lines in found.items():
        if lines:
            yield kind, "\n".join(lines)


def _rejected(refused: Refused) -> Rejected:
    return Rejected(f"offset {refused.input.offset}", refused.reason, refused.input.data)
