"""What every store promises. A class in `tactful.stores` that satisfies `Store` must be in `STORES`."""

import importlib
import inspect
import pkgutil
import runpy
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

import tactful.stores
from tactful.errors import StoreError
from tactful.stores.memory import MemoryStore
from tactful.stores.protocols import (
    Answer,
    ApiKey,
    BudgetRow,
    ControlRow,
    DecisionRow,
    InboxRow,
    LoggedInput,
    OutboxRow,
    PlanRow,
    Refused,
    ShadowSendRow,
    Store,
    Versioned,
)
from tactful.stores.sqlite import SqliteStore

U64_MAX = 2**64 - 1
STORES = (MemoryStore, SqliteStore)

_STORY = runpy.run_path(str(Path(__file__).parents[1] / "fixtures" / "make_store_schema_1.py"))
fill, everything = _STORY["fill"], _STORY["everything"]


class Stopped(Exception):
    """What ends a transaction in these tests."""


def abandon(store: Store, *writes: Callable[[], object]) -> None:
    """Writes in a transaction that is left by an exception."""
    with store.transaction():
        for write in writes:
            write()
        raise Stopped


class _Row(NamedTuple):
    """What an input needs to say in a test; the rest is filled in."""

    key: int = 0
    content: int = 0
    user: int = 1
    at_us: int = 100


def logged(rows: Sequence[_Row], first: int = 0) -> list[LoggedInput]:
    return [
        LoggedInput(first + i, row.at_us, row.user, row.key, row.content, 1, b"data %d" % (first + i))
        for i, row in enumerate(rows)
    ]


@pytest.fixture(params=STORES, ids=lambda c: c.__name__)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    made = MemoryStore() if request.param is MemoryStore else request.param(tmp_path / "store.sqlite")
    yield made
    made.close()


def test_every_store_of_the_package_is_in_this_suite() -> None:
    promised = {name for name in dir(Store) if not name.startswith("_")}
    modules = [
        importlib.import_module(m.name) for m in pkgutil.walk_packages(tactful.stores.__path__, "tactful.stores.")
    ]
    found = {
        thing
        for module in modules
        for _, thing in inspect.getmembers(module, inspect.isclass)
        if promised <= set(dir(thing)) and not getattr(thing, "_is_protocol", False)
    }
    assert found == set(STORES)


def test_every_method_takes_what_its_protocol_says() -> None:
    for made in STORES:
        for name in (n for n in dir(Store) if not n.startswith("_")):
            ours = inspect.signature(getattr(made, name)).parameters
            assert list(ours) == list(inspect.signature(getattr(Store, name)).parameters), name


def test_all_stores_tell_the_same_story(tmp_path: Path) -> None:
    memory, sqlite = MemoryStore(), SqliteStore(tmp_path / "store.sqlite")
    fill(memory)
    fill(sqlite)
    assert everything(memory) == everything(sqlite)
    sqlite.close()


def test_a_transaction_left_by_an_exception_leaves_nothing(store: Store) -> None:
    empty = everything(store)
    with pytest.raises(Stopped):
        abandon(store, lambda: fill(store))
    assert everything(store) == empty
    fill(store)
    assert everything(store) != empty


def test_a_transaction_left_by_an_exception_restores_what_it_changed(store: Store) -> None:
    store.save_states([("ann", b"1")])
    store.enqueue([OutboxRow(5, 1, 10, 0, b"m")])
    store.begin_attempt(5, 10)
    with pytest.raises(Stopped):
        abandon(
            store,
            lambda: store.save_states([("ann", b"2"), ("bob", b"1")]),
            lambda: store.end_attempt(5, 1, "sent", "", None),
        )
    assert list(store.load_states()) == [("ann", b"1")]
    assert [a.attempt_no for a in store.in_doubt()] == [1]


def test_a_transaction_keeps_all_when_left_normally(store: Store) -> None:
    with store.transaction():
        fill(store)
        inside = everything(store)
    assert everything(store) == inside


def test_a_transaction_inside_a_transaction_is_an_error(store: Store) -> None:
    with store.transaction(), pytest.raises(StoreError, match="one at a time"), store.transaction():
        pass


def test_a_store_takes_a_transaction_after_one_failed(store: Store) -> None:
    with pytest.raises(Stopped):
        abandon(store)
    with store.transaction():
        store.save_meta("m", b"1")
    assert store.load_meta("m") == b"1"


# Input log


def test_inputs_come_back_in_order_and_page_by_page(store: Store) -> None:
    rows = logged([_Row(key=i + 1, user=U64_MAX - i) for i in range(10)])
    assert store.append(rows) == []
    assert store.read(-1, 4) == rows[:4]
    assert store.read(3, 100) == rows[4:]
    assert store.read(9, 100) == []


def test_an_empty_log_has_no_last_input(store: Store) -> None:
    assert store.last() == (-1, 0)
    assert store.append([]) == []
    assert store.inputs_of(1, 0, 100) == []


def test_a_known_key_is_refused_with_the_hash_of_what_is_known(store: Store) -> None:
    store.append(logged([_Row(key=7, content=U64_MAX), _Row(key=8, content=1)]))
    refused = store.append(logged([_Row(key=9), _Row(key=7, content=2), _Row(key=8, content=1)], first=2))
    assert refused == [Refused(1, U64_MAX), Refused(2, 1)]
    assert [i.offset for i in store.read(-1, 10)] == [0, 1, 2]


def test_a_key_twice_in_one_sequence_is_refused_the_second_time(store: Store) -> None:
    assert store.append(logged([_Row(key=7, content=3), _Row(key=7, content=4)])) == [Refused(1, 3)]


def test_a_refused_key_is_refused_again(store: Store) -> None:
    store.append(logged([_Row(key=7, content=3)]))
    for first in (1, 2, 2):
        assert store.append(logged([_Row(key=7, content=4)], first=first)) == [Refused(0, 3)]


def test_offsets_of_refused_inputs_may_be_used_again(store: Store) -> None:
    store.append(logged([_Row(key=7), _Row(key=7), _Row(key=7)]))
    assert store.append(logged([_Row(key=8, user=5), _Row(key=9, user=5)], first=1)) == []
    assert [i.offset for i in store.inputs_of(5, 0, 1_000)] == [1, 2]


def test_key_zero_is_never_deduplicated(store: Store) -> None:
    assert store.append(logged([_Row(key=0), _Row(key=0), _Row(key=1)])) == []
    assert store.append(logged([_Row(key=0), _Row(key=1)], first=3)) == [Refused(1, 0)]
    assert store.last() == (3, 100)


def test_a_key_appended_in_a_failed_transaction_is_new_afterwards(store: Store) -> None:
    store.append(logged([_Row(key=1)]))
    with pytest.raises(Stopped):
        abandon(store, lambda: store.append(logged([_Row(key=2)], first=1)))
    assert store.append(logged([_Row(key=2), _Row(key=1)], first=1)) == [Refused(1, 0)]


@pytest.mark.parametrize("offsets", [(0, 1), (1, 2), (2, 4), (3, 2), (2, 2)])
def test_offsets_that_do_not_rise_by_one_are_an_error(store: Store, offsets: tuple[int, int]) -> None:
    store.append(logged([_Row(), _Row()]))
    rows = [row._replace(offset=o) for row, o in zip(logged([_Row(), _Row()]), offsets, strict=True)]
    with pytest.raises(StoreError, match="consecutive"):
        store.append(rows)
    assert store.last()[0] == 1


def test_an_instant_that_falls_is_an_error(store: Store) -> None:
    store.append(logged([_Row(at_us=100)]))
    with pytest.raises(StoreError, match="none to fall"):
        store.append(logged([_Row(at_us=99)], first=1))
    with pytest.raises(StoreError, match="none to fall"):
        store.append(logged([_Row(at_us=200), _Row(at_us=199)], first=1))


def test_fetch_gives_the_data_of_known_offsets_only(store: Store) -> None:
    store.append(logged([_Row(), _Row(), _Row()], first=5))
    assert store.fetch([7, 5, 99, 0]) == {5: b"data 5", 7: b"data 7"}


def test_the_inputs_of_a_user_are_hers_alone_within_the_interval(store: Store) -> None:
    # Users 3 and 3 + 2**16 share the lowest bits, on which a store may sort them out first.
    users = (3, 3 + 2**16, U64_MAX)
    for batch in range(20):
        store.append(logged([_Row(user=users[i % 3], at_us=10 * batch + i) for i in range(7)], first=7 * batch))
    for user in users:
        expected = [i for i in store.read(-1, 1_000) if i.user_key == user and 33 <= i.log_ts_us < 111]
        assert store.inputs_of(user, 33, 111) == expected
        assert len(expected) > 10


# State, decisions, plans, controls, budgets


def test_states_keep_the_order_in_which_users_were_first_saved(store: Store) -> None:
    store.save_states([("zoe", b"1"), ("ann", b"1")])
    store.save_states(iter([("bob", b"2"), ("zoe", b"2")]))
    assert list(store.load_states()) == [("zoe", b"2"), ("ann", b"1"), ("bob", b"2")]


def test_states_that_fail_halfway_are_not_saved(store: Store) -> None:
    def rows() -> Iterator[tuple[str, bytes]]:
        yield ("ann", b"1")
        raise Stopped

    with pytest.raises(Stopped):
        store.save_states(rows())
    assert list(store.load_states()) == []


def test_meta_that_nobody_saved_is_none(store: Store) -> None:
    assert store.load_meta("snapshot") is None


def test_a_decision_is_kept_once(store: Store) -> None:
    rows = [DecisionRow(key, 1, 50, 0, b"first") for key in (1, 2)]
    assert store.append_decisions(rows) == 2
    assert store.append_decisions([rows[1]._replace(data=b"second"), DecisionRow(3, 1, 50, 0, b"x")]) == 1
    assert store.count_decisions() == 3
    assert store.decision(2) == rows[1]
    assert store.decision(99) is None


def test_the_decisions_of_a_user_are_hers_alone_within_the_interval(store: Store) -> None:
    users = (3, 3 + 2**16, U64_MAX)
    rows = [DecisionRow(i + 2**16 * (i % 5), users[i % 3], 10 * (i % 50), 0, b"") for i in range(150)]
    for start in range(0, 150, 30):
        store.append_decisions(rows[start : start + 30])
        store.append_decisions(rows[max(start - 10, 0) : start + 20])
    for user in users:
        expected = sorted(
            (row for row in rows if row.user_key == user and 100 <= row.at_us < 300),
            key=lambda row: (row.at_us, row.user_key, row.decision_key),
        )
        assert store.decisions_of(user, 100, 300) == expected
        assert len(expected) > 10
    assert [store.decision(row.decision_key) for row in rows] == rows
    assert store.append_decisions([]) == 0


def test_messages_that_are_not_done_are_counted_by_channel(store: Store) -> None:
    store.enqueue([OutboxRow(key, 1, 10, key % 2, b"") for key in range(1, 6)])
    store.begin_attempt(1, 10)
    number = store.begin_attempt(2, 10)
    assert number is not None
    store.end_attempt(2, number, "delivered", "", None)
    assert store.outbox_stock() == {0: 1, 1: 2}
    store.reject(1, "kind", "why", b"")
    assert store.count_rejects() == 1


def test_decisions_are_ordered_by_instant_user_and_key(store: Store) -> None:
    rows = [
        DecisionRow(key, user, at, 2, b"")
        for at, user, key in [(50, 1, U64_MAX), (50, 1, 0), (50, 2**63, 5), (50, U64_MAX, 6), (40, 9, 7), (60, 0, 8)]
    ]
    store.append_decisions(rows)
    expected = sorted(rows, key=lambda r: (r.at_us, r.user_key, r.decision_key))
    assert list(store.decisions_between(0, 100)) == expected
    assert list(store.decisions_between(50, 60)) == expected[1:5]
    assert store.decisions_before((100, 0, 0), 0, 10) == expected[::-1]
    assert store.decisions_before((50, 2**63, 5), 50, 2) == expected[2:0:-1]
    assert store.decisions_before((60, 0, 8), 51, 10) == []
    assert [r.decision_key for r in store.decisions_of(1, 0, 100)] == [0, U64_MAX]
    assert store.decisions_of(1, 51, 100) == []


def test_a_plan_is_kept_once_and_a_new_plan_for_the_day_beside_it(store: Store) -> None:
    first, later = PlanRow(U64_MAX, 7, 50, b"a"), PlanRow(U64_MAX, 7, 51, b"b")
    assert store.append_plans([first, later, PlanRow(1, 7, 51, b"c")]) == 3
    assert store.append_plans([first]) == 0
    assert store.plans_of(U64_MAX, 0, 100) == [first, later]
    assert list(store.plans_between(51, 52)) == [PlanRow(1, 7, 51, b"c"), later]


def test_controls_come_back_in_version_order_and_are_kept_once(store: Store) -> None:
    rows = [ControlRow(2, 20, "c", b"2"), ControlRow(1, 10, "c", b"1"), ControlRow(1, 10, "b", b"1")]
    store.append_controls(rows)
    store.append_controls([ControlRow(2, 99, "c", b"other")])
    assert store.controls() == rows[::-1]
    assert store.latest_control("c") == rows[0]
    assert store.latest_control("no such") is None


def test_versions_of_one_control_are_read_from_a_version_on(store: Store) -> None:
    rows = [ControlRow(version, 100 + version, key, b"") for version in (1, 2, 3) for key in ("b", "c")]
    store.append_controls(rows[::-1])
    assert [row.version for row in store.controls_of("c", 1)] == [2, 3]
    assert store.controls_of("c", 3) == store.controls_of("no such", 0) == []


def test_a_sample_is_evenly_spread_and_says_what_each_row_stands_for(store: Store) -> None:
    decisions = [DecisionRow(i, 1, 100 + i, i % 2, b"%d" % i) for i in range(10)]
    plans = [PlanRow(i, 7, 100 + i, b"%d" % i) for i in range(10)]
    store.append_decisions(decisions)
    store.append_plans(plans)
    store.save_states((f"u{i}", b"%d" % i) for i in range(10))
    assert store.sample_decisions(102, 109, 3) == ([decisions[i] for i in (2, 5, 8)], 3)
    assert store.sample_plans(102, 109, 3) == ([plans[i] for i in (2, 5, 8)], 3)
    assert store.sample_states(4) == ([("u0", b"0"), ("u3", b"3"), ("u6", b"6"), ("u9", b"9")], 3)
    assert store.sample_decisions(0, 999, 10) == (decisions, 1)
    assert store.sample_decisions(102, 109, 3, action_code=1) == ([decisions[5]], 3)


def test_a_sample_of_nothing_is_empty(store: Store) -> None:
    assert store.sample_decisions(0, 999, 5) == ([], 1)
    assert store.sample_plans(0, 999, 5) == ([], 1)
    assert store.sample_states(5) == ([], 1)


def test_equal_budgets_are_kept_once_in_order_of_assignment(store: Store) -> None:
    first, second = BudgetRow(U64_MAX, 3, 10, b"k=2"), BudgetRow(U64_MAX, 3, 20, b"k=4")
    store.append_budgets([second, first, first, BudgetRow(1, 3, 10, b"k=1")])
    store.append_budgets([second])
    assert store.budgets_of(U64_MAX, 3) == [first, second]
    assert store.budgets_of(U64_MAX, 4) == []


def test_budgets_of_everyone_come_by_user_and_period(store: Store) -> None:
    rows = [BudgetRow(1, 3, 10, b"k=1"), BudgetRow(1, 4, 30, b"k=2"), BudgetRow(U64_MAX, 3, 20, b"k=4")]
    store.append_budgets(rows[::-1])
    assert list(store.budgets_between(0, 100)) == rows
    assert list(store.budgets_between(10, 30)) == [rows[0], rows[2]]


# Rights


def test_a_suppression_counts_at_once_for_its_channel_alone(store: Store) -> None:
    with store.transaction():
        store.suppress(U64_MAX, 1, 100, False)
        assert store.suppressed(U64_MAX, 1)
    assert not store.suppressed(U64_MAX, 0)
    assert not store.suppressed(1, 1)


def test_a_suppression_of_all_channels_outlives_a_lift_of_one(store: Store) -> None:
    store.suppress(1, -1, 100, False)
    store.suppress(1, 2, 200, True)
    assert store.suppressed(1, 2)
    store.suppress(1, -1, 300, True)
    assert not store.suppressed(1, 2)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1)])
def test_the_latest_suppression_wins_in_any_order_and_a_tie_suppresses(store: Store, order: tuple[int, ...]) -> None:
    calls = [(100, False), (200, True), (200, False)]
    for i in order:
        store.suppress(1, 0, *calls[i])
    assert store.suppressed(1, 0)
    for at_us, lifted in ((400, True), (300, False)):
        store.suppress(1, 0, at_us, lifted)
    assert not store.suppressed(1, 0)


def test_the_last_choices_of_a_user_are_hers_alone_and_undone_with_their_transaction(store: Store) -> None:
    assert store.preferences_of(U64_MAX) is None
    store.put_preferences(U64_MAX, b"one")
    store.put_preferences(U64_MAX, b"two")
    with pytest.raises(Stopped):
        abandon(store, lambda: store.put_preferences(U64_MAX, b"three"), lambda: store.put_preferences(1, b"one"))
    assert store.preferences_of(U64_MAX) == b"two"
    assert store.preferences_of(1) is None


def test_what_another_sender_sent_is_kept_once_by_time_and_goes_with_its_person(store: Store) -> None:
    first, second = ShadowSendRow(U64_MAX, U64_MAX, 100, b"first"), ShadowSendRow(1, 2, 200, b"second")
    store.put_shadow_sends([second, first])
    store.put_shadow_sends([second._replace(data=b"again")])
    with pytest.raises(Stopped):
        abandon(store, lambda: store.put_shadow_sends([ShadowSendRow(3, 2, 300, b"never")]))
    assert list(store.shadow_sends()) == [first, second]
    assert store.shadow_sends_of(2) == [second]
    with store.transaction():
        store.erase({2: "she"}, lambda data: False, lambda data: data)
    assert list(store.shadow_sends()) == [first]


def test_a_cancelled_candidate_is_withdrawn_whenever_it_was_logged(store: Store) -> None:
    with store.transaction():
        store.cancel(1, U64_MAX, 100)
        assert store.cancelled(1, U64_MAX, 0, 500)
    assert not store.cancelled(2, U64_MAX, 0, 50)
    assert not store.cancelled(1, 5, 0, 50)


@pytest.mark.parametrize("instants", [(100, 200), (200, 100)])
def test_a_group_cancel_withdraws_what_was_logged_before_it(store: Store, instants: tuple[int, int]) -> None:
    for at_us in instants:
        store.cancel_group(1, U64_MAX, at_us)
    assert store.cancelled(1, 5, U64_MAX, 200)
    assert not store.cancelled(1, 5, U64_MAX, 201)
    assert not store.cancelled(1, 5, 0, 100)
    assert not store.cancelled(2, 5, U64_MAX, 100)


# Outbox


def test_a_message_is_pending_once_it_is_due_and_enqueued_once(store: Store) -> None:
    late, soon = OutboxRow(1, 9, 200, 0, b"late"), OutboxRow(U64_MAX, 9, 100, 0, b"soon")
    tied = OutboxRow(0, 9, 100, 0, b"tied")
    assert store.enqueue([late, soon, tied]) == 3
    assert store.enqueue([soon._replace(message=b"other")]) == 0
    assert store.pending(10, 99) == []
    assert store.pending(10, 100) == [tied, soon]
    assert store.pending(2, 900) == [tied, soon]
    assert store.pending(10, 900) == [tied, soon, late]


def test_a_message_in_doubt_is_not_tried_again(store: Store) -> None:
    store.enqueue([OutboxRow(5, 1, 100, 0, b"m")])
    assert store.begin_attempt(5, 100) == 1
    assert store.begin_attempt(5, 100) is None
    assert store.pending(10, 900) == []
    assert [(a.decision_key, a.attempt_no, a.begun_us) for a in store.in_doubt()] == [(5, 1, 100)]


def test_a_message_is_tried_again_when_its_time_comes(store: Store) -> None:
    store.enqueue([OutboxRow(5, 1, 100, 0, b"m")])
    store.begin_attempt(5, 100)
    store.end_attempt(5, 1, "retry", "503", 400)
    assert store.pending(10, 399) == []
    assert store.begin_attempt(5, 399) is None
    assert store.begin_attempt(5, 400) == 2


def test_a_message_that_is_done_is_never_tried_again_and_tells_its_attempts(store: Store) -> None:
    row = OutboxRow(5, 1, 100, 0, b"m")
    store.enqueue([row])
    store.begin_attempt(5, 100)
    store.end_attempt(5, 1, "retry", "503", 400)
    store.begin_attempt(5, 400)
    store.end_attempt(5, 2, "sent", "id 7", None)
    assert store.begin_attempt(5, 900) is None
    assert store.pending(10, 900) == []
    assert store.in_doubt() == []
    entry = store.outbox_of(5)
    assert entry is not None
    assert (entry.row, entry.next_try_us) == (row, None)
    assert [(a.begun_us, a.outcome, a.detail) for a in entry.attempts] == [
        (100, "retry", "503"),
        (400, "sent", "id 7"),
    ]


def test_an_unknown_message_has_no_attempt(store: Store) -> None:
    assert store.begin_attempt(5, 100) is None
    assert store.outbox_of(5) is None


def test_a_result_without_an_open_attempt_is_an_error(store: Store) -> None:
    store.enqueue([OutboxRow(5, 1, 100, 0, b"m")])
    with pytest.raises(StoreError, match="attempt 1 of decision 5"):
        store.end_attempt(5, 1, "sent", "", None)
    store.begin_attempt(5, 100)
    store.end_attempt(5, 1, "retry", "", 100)
    with pytest.raises(StoreError, match="no result"):
        store.end_attempt(5, 1, "sent", "", None)
    assert store.pending(1, 100) != []


def test_the_messages_of_one_channel_are_found_beside_those_of_others(store: Store) -> None:
    rows = [OutboxRow(key, 9, 100 + key, key % 3, b"") for key in range(9)]
    store.enqueue(rows)
    store.begin_attempt(4, 900)
    assert [row.decision_key for row in store.pending(10, 900, 1)] == [1, 7]
    assert [row.decision_key for row in store.pending(1, 900, 2)] == [2]
    assert store.pending(10, 104, 2) == [rows[2]]


def ended(store: Store, key: int, outcome: str, at_us: int = 100) -> None:
    """A message whose first attempt ended for good."""
    store.enqueue([OutboxRow(key, 1, at_us, 0, b"m")])
    store.begin_attempt(key, at_us)
    store.end_attempt(key, 1, outcome, "why", None)


def test_dead_letters_are_what_ended_undelivered_newest_first(store: Store) -> None:
    outcomes = ("failed", "delivered", "gave_up", "cancelled", "unrenderable", "suppressed", "expired")
    for key, outcome in enumerate(outcomes, U64_MAX - 9):
        ended(store, key, outcome, at_us=key % 100)
    store.enqueue([OutboxRow(1, 1, 100, 0, b"m")])
    found = store.dead_letters(9)
    assert [each.outcome for each in found] == ["unrenderable", "gave_up", "failed"]
    assert store.dead_letters(1) == found[:1]


def test_a_redriven_letter_is_due_again_and_no_dead_one(store: Store) -> None:
    ended(store, 5, "failed")
    assert store.redrive(5, 300)
    assert store.dead_letters(9) == []
    assert not store.redrive(5, 301)
    assert store.begin_attempt(5, 299) is None
    assert store.begin_attempt(5, 300) == 3
    store.end_attempt(5, 3, "gave_up", "again", None)
    assert [(each.attempt_no, each.outcome) for each in store.dead_letters(9)] == [(3, "gave_up")]


@pytest.mark.parametrize("outcome", ["delivered", "cancelled", "suppressed", "expired"])
def test_what_is_no_dead_letter_is_not_driven_again(store: Store, outcome: str) -> None:
    ended(store, 5, outcome)
    store.enqueue([OutboxRow(6, 1, 100, 0, b"waits"), OutboxRow(7, 1, 100, 0, b"in doubt")])
    store.begin_attempt(7, 100)
    assert [store.redrive(key, 300) for key in (5, 6, 7, 8)] == [False] * 4


# Inbox


def told(key: int, user: int = 1, expires_us: int = 900) -> InboxRow:
    return InboxRow(0, key, user, 100, expires_us, b"message %d" % (key % 10))


def test_an_inbox_shows_what_was_put_once_newest_first_until_it_expires(store: Store) -> None:
    assert store.put_inbox([told(U64_MAX), told(6), told(7, user=U64_MAX), told(8, expires_us=300)]) == 4
    assert store.put_inbox([told(6)._replace(data=b"other"), told(9)]) == 1
    found = store.inbox_of(1, 200, 10)
    assert [row.decision_key for row in found] == [9, 8, 6, U64_MAX]
    assert found[2].data == b"message 6"
    assert [row.decision_key for row in store.inbox_of(1, 300, 10)] == [9, 6, U64_MAX]
    assert [row.decision_key for row in store.inbox_of(1, 200, 2, before_seq=found[1].seq)] == [6, U64_MAX]
    assert (store.inbox_unread(1, 200), store.inbox_unread(1, 300), store.inbox_unread(2, 300)) == (4, 3, 0)


def test_messages_are_numbered_in_the_order_in_which_they_were_put(store: Store) -> None:
    assert store.inbox_last() == 0
    store.put_inbox([told(5), told(6, user=2), told(4)])
    seqs = [row.seq for row in store.inbox_after(0, 9)]
    assert seqs == sorted(set(seqs))
    assert store.inbox_last() == seqs[-1]
    assert [row.decision_key for row in store.inbox_after(seqs[0], 9)] == [6, 4]
    assert [row.decision_key for row in store.inbox_after(0, 9, user_key=1)] == [5, 4]
    assert [row.decision_key for row in store.inbox_after(0, 1, user_key=1)] == [5]


def test_who_clicks_has_read_and_who_reads_has_seen_and_the_first_time_counts(store: Store) -> None:
    store.put_inbox([told(5), told(6)])
    marks = [
        store.mark_inbox(1, 5, "read", 200),
        store.mark_inbox(1, 5, "seen", 300),
        store.mark_inbox(1, 5, "clicked", 400),
    ]
    assert [(row.seen_us, row.read_us, row.clicked_us) for row in marks if row] == [
        (200, 200, None),
        (200, 200, None),
        (200, 200, 400),
    ]
    assert store.inbox_unread(1, 500) == 1
    assert store.inbox_of(1, 500, 9)[1] == marks[-1]


def test_nobody_marks_the_message_of_another_person(store: Store) -> None:
    store.put_inbox([told(5)])
    assert store.mark_inbox(2, 5, "read", 200) is None
    assert store.mark_inbox(1, 6, "read", 200) is None
    assert store.inbox_unread(1, 200) == 1


# Mailbox


def test_letters_are_taken_once_in_the_order_of_posting(store: Store) -> None:
    store.post([b"1", b"2"])
    store.post([])
    store.post([b"3"])
    assert store.posted() == 3
    assert store.take_posted(2) == [b"1", b"2"]
    store.post([b"4"])
    assert store.take_posted(9) == [b"3", b"4"]
    assert (store.posted(), store.take_posted(9)) == (0, [])


def test_letters_wait_again_when_what_took_them_fails(store: Store) -> None:
    store.post([b"1", b"2"])
    with pytest.raises(Stopped):
        abandon(store, lambda: store.take_posted(1), lambda: store.post([b"3"]), lambda: store.take_posted(1))
    assert store.take_posted(9) == [b"1", b"2"]


def test_letters_are_taken_up_to_so_many_bytes_and_one_at_least(store: Store) -> None:
    store.post([b"1234", b"5678", b"9"])
    assert store.take_posted(9, most_bytes=8) == [b"1234", b"5678"]
    store.post([b"12345678"])
    assert store.take_posted(9, most_bytes=1) == [b"9"]
    assert store.take_posted(9, most_bytes=1) == [b"12345678"]


def test_an_answer_is_kept_until_it_is_old(store: Store) -> None:
    first, second = Answer(100, b"asked", 202, b"{}"), Answer(200, b"else", 422, b"")
    store.keep_answer(b"a", first)
    store.keep_answer(b"b", second)
    assert (store.answer(b"a"), store.answer(b"b"), store.answer(b"c")) == (first, second, None)
    assert store.forget_answers(100, 9) == 0
    assert store.forget_answers(300, 1) == 1
    assert (store.answer(b"a"), store.answer(b"b")) == (None, second)
    store.keep_answer(b"b", first)
    assert store.answer(b"b") == first


def test_an_answer_goes_with_its_transaction(store: Store) -> None:
    store.keep_answer(b"a", Answer(100, b"asked", 202, b"{}"))
    with pytest.raises(Stopped):
        abandon(store, lambda: store.keep_answer(b"b", Answer(1, b"", 202, b"")), lambda: store.forget_answers(999, 9))
    assert store.answer(b"a") == Answer(100, b"asked", 202, b"{}")
    assert store.answer(b"b") is None


def test_api_keys_are_added_once_and_revoked_once(store: Store) -> None:
    late, early = ApiKey("k2", b"d2", ("ingest", "read"), "app", 20), ApiKey("k1", b"d1", ("admin",), "", 10)
    store.add_api_key(late)
    store.add_api_key(early)
    assert store.api_keys() == [early, late]
    with pytest.raises(StoreError, match="make another"):
        store.add_api_key(early)
    assert store.revoke_api_key("k1", 30)
    assert not store.revoke_api_key("k1", 40)
    assert not store.revoke_api_key("k3", 40)
    assert store.api_keys() == [early._replace(revoked_us=30), late]


# Rejects, models, catalogues


def test_the_newest_rejects_come_first(store: Store) -> None:
    for i in range(3):
        store.reject(i, "conflict", f"reason {i}", b"data")
    assert [r.reason for r in store.rejects(2)] == ["reason 2", "reason 1"]


def test_versions_of_a_model_are_told_the_last_one_first(store: Store) -> None:
    for name, version in (("slots", "b"), ("ranker", "c"), ("slots", "a")):
        store.put_model(name, version, b"1")
    store.put_catalogue("d", b"1")
    assert store.model_versions("slots", 9) == ["a", "b"]
    assert store.model_versions("slots", 1) == ["a"]
    assert store.model_versions("no such", 9) == []


def test_the_latest_model_is_the_one_put_last(store: Store) -> None:
    assert store.model("slots") is None
    store.put_model("slots", "b", b"1")
    store.put_model("slots", "a", b"2")
    store.put_model("ranker", "c", b"3")
    store.put_model("slots", "b", b"1")
    assert store.model("slots") == Versioned("a", b"2")
    assert store.model("slots", "b") == Versioned("b", b"1")
    assert store.model("slots", "z") is None


def test_a_version_never_changes(store: Store) -> None:
    store.put_model("slots", "1", b"1")
    store.put_catalogue("1", b"1")
    with pytest.raises(StoreError, match="slots 1"):
        store.put_model("slots", "1", b"2")
    with pytest.raises(StoreError, match="catalogue 1"):
        store.put_catalogue("1", b"2")
    assert store.catalogue() == Versioned("1", b"1")


def test_catalogues_are_found_by_version(store: Store) -> None:
    assert store.catalogue() is None
    store.put_catalogue("1", b"one")
    store.put_catalogue("2", b"two")
    assert store.catalogue("1") == Versioned("1", b"one")
    assert store.catalogue() == Versioned("2", b"two")
