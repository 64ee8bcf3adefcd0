"""How inputs get into the log: stamped, told from what is known, filed where delivery must see them at once.

Inputs come by `submit`, from this process, or by the store's mailbox, from another one. Either way the log, and what
is filed with it, is written in one transaction; from then on an input is never lost and never taken twice. Checking
single records is done in `intake.py`; what the inputs do to users in `population.py`.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from tactful import draws
from tactful.clock import Clock, to_us
from tactful.delivery import stops
from tactful.errors import InvalidEventType, InvalidRecord
from tactful.events import switches, type_changes
from tactful.events.budget_plan import assigned
from tactful.events.letters import opened
from tactful.events.records import (
    CHANNELS,
    BudgetAssignment,
    BudgetPlan,
    Cancel,
    Candidate,
    Catalogue,
    Control,
    Decision,
    Engagement,
    Input,
    Preferences,
    SlotPlan,
    Suppression,
    User,
    UserInput,
    decode,
    encode,
)
from tactful.events.registry import Registry, load_folder
from tactful.features.history import UserTable
from tactful.runtime import choices, erasing, experiments_in_force, seen
from tactful.runtime.event_types import declaration, declares
from tactful.runtime.intake import KIND_CODE, Line, Receipt, Rejection, check, line_of
from tactful.stores.protocols import BudgetRow, ControlRow, LoggedInput, Store
from tactful.telemetry import Telemetry

_LEAVING: Final = {"unsubscribe", "disable", "complaint"}
_LETTERS_AT_ONCE: Final = 2048
_BYTES_AT_ONCE: Final = 1024 * 1024
"""Moved into the log in one transaction: some thousand small records, or one full part of a budget plan. Whoever posts
waits as long as it takes."""


class Acceptance:
    """The only way into a store's input log.

    Attributes:
        offset, log_us: offset and instant of the last input.
        registry: the event types of what comes next; the engine sets it when it has taken a change.
    """

    def __init__(
        self,
        store: Store,
        registry: Registry,
        table: UserTable,
        clock: Clock,
        telemetry: Telemetry,
        folder: Path | None = None,
        keeps_models: bool = False,
        climbs: bool = False,
    ) -> None:
        """Begins at the log's end.

        Args:
            folder: of event-type files; read once more when a candidate names a type that only a file there knows.
            keeps_models: whether the store keeps the models that experiments may name; a replay's keeps none.
            climbs: whether a candidate may go out on one channel after another (a ladder).
        """
        self._climbs = climbs
        self._keeps_models = keeps_models
        self._store, self._table, self._folder = store, table, folder
        self.registry = registry
        self._clock, self._telemetry = clock, telemetry
        self._profiles: dict[int, _Profile] = {}
        self._anybody_erased = erasing.totals(store).people > 0
        self.offset, self.log_us = store.last()

    def submitted(
        self, records: Iterable[Input], stamps_us: Sequence[int] | None, after_us: int
    ) -> tuple[list[Line], Receipt]:
        """Accepts records and returns the lines that are in the log now, and what became of each record.

        Args:
            records: the bad ones are refused, the rest is taken.
            stamps_us: the rows' own times, ascending; by default the clock stamps them all.
            after_us: everything up to this instant is decided; no stamp lies there or before the log's end.
        """
        news, lines, refused = self._checked(list(records), stamps_us, after_us)
        with self._store.transaction():
            taken, receipt = self._append([*news, *lines], refused, stamps_us, after_us)
            followed = self._followed(taken, after_us)
        receipt = msgspec.structs.replace(receipt, accepted=receipt.accepted - len(news))
        self._note([*taken, *followed], receipt)
        return [*taken, *followed], receipt

    def collected(self, after_us: int) -> Iterator[list[Line]]:
        """Moves what other processes posted into the log, and yields the new lines, one transaction at a time.

        Nobody waits for an answer, so what is refused is kept with its reason (`Rejects`).
        """
        while self._store.posted():
            with self._store.transaction():
                letters = self._store.take_posted(_LETTERS_AT_ONCE, _BYTES_AT_ONCE)
                told = list(chain.from_iterable(map(opened, letters)))
                records, lost = _decoded(told)
                news, lines, refused = self._checked(list(records.values()), None, after_us)
                place = list(records)
                taken, receipt = self._append([*news, *lines], refused, None, after_us)
                taken += self._followed(taken, after_us)
                for position, reason in [*lost, *((place[r.position], r.reason) for r in receipt.rejected)]:
                    data = b"" if reason == erasing.REFUSED else told[position]
                    self._store.reject(max(self.log_us, after_us), "posted", reason, data)
            self._note(taken, receipt)
            self._telemetry.count("engine.inputs.rejected", len(lost))
            self._telemetry.count("engine.letters", len(letters))
            yield taken

    def declared(self, wanted: Registry, after_us: int) -> list[Line]:
        """Writes what makes the event types the wanted ones into the log, behind all that is there; [] if nothing."""
        change = type_changes.change_between(self.registry, wanted)
        if change is None:
            return []
        first_us = max(self.log_us, after_us + 1)
        line = line_of(declaration(self._store, change, first_us), self.registry)
        with self._store.transaction():
            taken, receipt = self._append([line], [], [first_us], after_us)
        self._note(taken, receipt)
        return taken

    def _checked(
        self, records: list[Input], stamps_us: Sequence[int] | None, after_us: int
    ) -> tuple[list[Line], list[Line], list[Rejection]]:
        """Returns the accepted lines and the refused records, and before them what the log must be told first.

        That is a declaration of event types, if a candidate is of one that only a new file knows.
        """
        records = self._with_choices(experiments_in_force.numbered(self._store, records))
        news, lines, refused = self._checked_by_type(records, stamps_us, after_us)
        since_us = max(self.log_us, after_us + 1)
        clashes = experiments_in_force.clashes(self._store, lines, since_us, self._keeps_models)
        clashes |= dict.fromkeys(self._of_erased(records), erasing.REFUSED)
        refused = [one for one in refused if one.position not in clashes]
        refused += [Rejection(position, why) for position, why in clashes.items()]
        return news, [line for line in lines if line.position not in clashes], refused

    def _of_erased(self, records: Sequence[Input]) -> list[int]:
        """Which records are of people who were erased; whoever has a state was not."""
        if not self._anybody_erased:
            return []
        return [
            position
            for position, record in enumerate(records)
            if isinstance(record, UserInput)
            and self._table.find(draws.key(record.user_id)) is None
            and erasing.erased_at(self._store, record.user_id) is not None
        ]

    def _checked_by_type(
        self, records: list[Input], stamps_us: Sequence[int] | None, after_us: int
    ) -> tuple[list[Line], list[Line], list[Rejection]]:
        known = set(self.registry.names) - self.registry.retired
        strange = {r.type for r in records if type(r) is Candidate} - known
        if not strange or self._folder is None or strange.isdisjoint(f.stem for f in self._folder.glob("*.toml")):
            return [], *check(records, self.registry)
        try:
            change = type_changes.change_between(self.registry, load_folder(self._folder))
            after = type_changes.changed(self.registry, change) if change else self.registry
        except InvalidEventType as error:
            lines, refused = check(records, self.registry)
            why = f"; the folder of event types was read again and not taken, since files are mistaken: {error}"
            strangers = {i for i, r in enumerate(records) if isinstance(r, Candidate) and r.type in strange}
            return [], lines, [Rejection(r.position, r.reason + why * (r.position in strangers)) for r in refused]
        lines, refused = check(records, after)
        if change is None:
            return [], lines, refused
        first_us = max(self.log_us, after_us + 1, self._clock.now_us() if stamps_us is None else int(stamps_us[0]))
        return [line_of(declaration(self._store, change, first_us), self.registry)], lines, refused

    def _with_choices(self, records: list[Input]) -> list[Input]:
        """Lays over each profile what its person chose, in the store or earlier among the records."""
        if {User, Preferences}.isdisjoint(map(type, records)):
            return records
        new: dict[str, Preferences] = {}
        found: list[Input] = []
        for record in records:
            if isinstance(record, Preferences):
                new[record.user_id] = choices.merged(new.get(record.user_id), record)
            elif isinstance(record, User):
                known = choices.chosen(self._store, record.user_id)
                latest = choices.merged(known, new[record.user_id]) if record.user_id in new else known
                record = choices.laid_over(record, latest)
            found.append(record)
        return found

    def _followed(self, taken: list[Line], after_us: int) -> list[Line]:
        """Writes the profiles that new choices change, behind them; part of the open transaction."""
        lines = []
        for user_id in dict.fromkeys(line.user_id for line in taken if type(line.record) is Preferences):
            profile = self._newest_profile(user_id, taken)
            if profile is None:
                continue
            after = choices.laid_over(profile, choices.chosen(self._store, user_id))
            if after != profile:
                lines.append(line_of(after, self.registry))
        if not lines:
            return []
        behind = taken[-1].log_us + 1  # at one instant the profile with the larger hash would hold
        return self._append(lines, [], [behind], after_us, taken[-1].offset)[0]

    def _newest_profile(self, user_id: str, taken: list[Line]) -> User | None:
        """The profile of a person that was accepted last, these lines included; None if the app never told of her."""
        own = [line.record for line in taken if isinstance(line.record, User) and line.user_id == user_id]
        if own:
            return own[-1]
        key = draws.key(user_id)
        offset = self._newest(key).offset
        data = self._store.fetch([offset]).get(offset)
        found = decode(data) if data is not None else None
        return found if isinstance(found, User) else None

    def remember(self, lines: Iterable[Line]) -> None:
        """Notes the newest profile of each user, until it is applied to her state."""
        for line in lines:
            if type(line.record) is User:
                newest = _Profile(line.log_us, line.content, line.offset)
                self._profiles[line.user_key] = max(newest, self._profiles.get(line.user_key, newest))

    def forget(self, until_us: int) -> None:
        """Profiles up to an instant are in the users' states by now."""
        self._profiles = {user: newest for user, newest in self._profiles.items() if newest.log_us > until_us}

    def _append(
        self,
        lines: list[Line],
        refused: list[Rejection],
        stamps_us: Sequence[int] | None,
        after_us: int,
        behind: int | None = None,
    ) -> tuple[list[Line], Receipt]:
        """Writes checked lines into the log, behind an offset if it is not the log's end, and files them.

        Part of the open transaction.
        """
        self._stamp(lines, stamps_us, after_us)
        repeated = 0
        if stamps_us is None:
            lines, repeated = self._without_repeated_profiles(lines)
        for offset, line in enumerate(lines, (self.offset if behind is None else behind) + 1):
            line.offset = offset
        known = {r.position: r.known_content_hash for r in self._store.append([_logged(line) for line in lines])}
        conflicts = [lines[position] for position, content in known.items() if content != lines[position].content]
        for line in conflicts:
            refused.append(Rejection(line.position, _conflict(line)))
            self._store.reject(line.log_us, "conflict", _conflict(line), line.data)
        taken = [line for position, line in enumerate(lines) if position not in known] if known else lines
        for line in taken:
            self._file(line.log_us, line.record)
        refused.sort(key=lambda r: r.position)
        return taken, Receipt(len(taken), len(known) - len(conflicts) + repeated, tuple(refused))

    def _note(self, taken: list[Line], receipt: Receipt) -> None:
        """After the commit. Refused inputs leave nothing behind, no offset and no time: a restart could not know."""
        if taken:
            self.offset, self.log_us = taken[-1].offset, taken[-1].log_us
        self._telemetry.count("engine.inputs.accepted", receipt.accepted)
        self._telemetry.count("engine.inputs.duplicate", receipt.duplicates)
        self._telemetry.count("engine.inputs.rejected", len(receipt.rejected))

    def _stamp(self, lines: list[Line], stamps_us: Sequence[int] | None, after_us: int) -> None:
        """Gives every line its log time, none before the log's end, and sorts those that contest an id."""
        now, lowest = self._clock.now_us() if stamps_us is None else 0, max(self.log_us, after_us + 1)
        profiles: set[int] = set()
        for line in lines:
            lowest = max(lowest, now if stamps_us is None else int(stamps_us[line.position]))
            if stamps_us is None and type(line.record) is User:
                # the later of two profiles holds: not the one with the larger hash, as at one instant
                lowest += line.user_key in profiles or self._newest(line.user_key).log_us >= lowest
                profiles.add(line.user_key)
            line.log_us = lowest
            if stamps_us is not None and type(line.record) is User:
                line.dedupe_key = _dated(line, int(stamps_us[line.position]))
        keys = [line.dedupe_key for line in lines if line.dedupe_key]
        if len(set(keys)) < len(keys):
            # of equal ids with different content the smallest (log time, content hash) wins; types come before
            # what may be of them
            lines.sort(key=lambda line: (line.log_us, not declares(line.record), line.content))

    def _without_repeated_profiles(self, lines: list[Line]) -> tuple[list[Line], int]:
        """Leaves out users whose profile says what it said before, so that a delivery may be repeated; and how many."""
        profiles = dict(self._profiles)
        kept = []
        for line in lines:
            if isinstance(line.record, User):
                known = profiles.get(line.user_key) or self._profile_applied(line.user_key)
                if known.content == line.content:
                    continue
                profiles[line.user_key] = max(known, _Profile(line.log_us, line.content, line.offset))
            kept.append(line)
        return kept, len(lines) - len(kept)

    def _newest(self, user_key: int) -> "_Profile":
        """The profile of a user that was accepted last."""
        return self._profiles.get(user_key) or self._profile_applied(user_key)

    def _profile_applied(self, user_key: int) -> "_Profile":
        """The profile in a user's state; log time and offset -1 for none."""
        row = self._table.find(user_key)
        if row is None:
            return _Profile(-1, 0, -1)
        state = self._table.rows[row]
        return _Profile(int(state["profile_log"]), int(state["profile_hash"]), int(state["profile_offset"]))

    def _file(self, log_us: int, record: Input) -> None:
        """What delivery and later runs must see at once: rights, budgets, catalogues."""
        store = self._store
        if isinstance(record, Engagement):
            code = CHANNELS.index(record.channel) if record.channel else -1
            if record.kind in _LEAVING or (record.kind == "bounce" and code >= 0):
                store.suppress(draws.key(record.user_id), code, log_us, False)
            elif record.kind == "uninstall":
                for code in range(1, len(CHANNELS)):
                    store.suppress(draws.key(record.user_id), code, log_us, False)
            if self._climbs:
                seen.withdraw(store, log_us, record)
        elif isinstance(record, Suppression):
            code = CHANNELS.index(record.channel) if record.channel else -1
            store.suppress(draws.key(record.user_id), code, log_us, record.lifted)
        elif isinstance(record, Preferences):
            held = choices.merged(choices.chosen(store, record.user_id), record)
            store.put_preferences(draws.key(record.user_id), encode(held))
        elif isinstance(record, Cancel):
            user = draws.key(record.user_id)
            if record.cancel_key:
                store.cancel_group(user, draws.key(record.cancel_key), log_us)
            else:
                store.cancel(user, draws.key(record.candidate_id), log_us)
        elif isinstance(record, BudgetAssignment):
            store.append_budgets([BudgetRow(draws.key(record.user_id), record.period, log_us, encode(record))])
        elif isinstance(record, BudgetPlan):
            self._tell_unknown(log_us, record)
        elif isinstance(record, Catalogue):
            store.put_catalogue(record.version, encode(record))
        elif isinstance(record, Control):
            at = max(to_us(record.effective_at), log_us)
            store.append_controls([ControlRow(record.version, at, record.key, encode(record))])
            if switches.is_switch(record.key):
                stops.note(store, switches.read(record))

    def _tell_unknown(self, log_us: int, plan: BudgetPlan) -> None:
        """Budgets of people of whom nothing was ever accepted have no effect; how many they are is kept."""
        users, _ = assigned(plan)
        unknown = int((self._table.rows_of(users) < 0).sum())
        self._telemetry.count("engine.budgets.unknown_users", unknown)
        if unknown:
            reason = (
                f"budget plan {plan.plan_id}, part {plan.part + 1} of {plan.parts}: got {unknown} users of "
                f"{len(users)} who are not known, expected those of this store; theirs are ignored, the others hold"
            )
            self._store.reject(log_us, "budget_plan", reason, b"")


def _decoded(told: Sequence[bytes]) -> tuple[dict[int, Input], list[tuple[int, str]]]:
    """The inputs that letters held by position, and what is wrong with the others."""
    records: dict[int, Input] = {}
    lost = []
    for position, data in enumerate(told):
        try:
            record = decode(data)
            if isinstance(record, Decision | SlotPlan):
                raise InvalidRecord(f"got a {type(record).__name__}, expected an input record of events/records.py")
            records[position] = record
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, InvalidRecord) as error:
            lost.append((position, f"got a letter that is no input ({error}); post records.encode(record)"))
    return records, lost


class _Profile(NamedTuple):
    """Where the log has a profile, and what it says; of two the later one, then the larger content, stands."""

    log_us: int
    content: int
    offset: int


def _logged(line: Line) -> LoggedInput:
    return LoggedInput(
        line.offset, line.log_us, line.user_key, line.dedupe_key, line.content, KIND_CODE[type(line.record)], line.data
    )


def _dated(line: Line, stamp_us: int) -> int:
    """On import a profile has a key after all: of the user, its own time and what it says."""
    return draws.key(f"user:{line.user_id}:{stamp_us}:{line.content}")


def _conflict(line: Line) -> str:
    return (
        f"got a {type(line.record).__name__.lower()} whose id is known with other content, expected a new id or "
        "the same content; what was accepted first stands"
    )
