"""Between two timers, inputs of one user commute: every order of arrival leaves the same bytes.

Each input keeps its stamp. The bounds of the state are the bounds of the promise: at most four cancels are
remembered between two timers (`TOMBSTONES`), and an id with two contents in a pool that overflows at the same time
is left out (the input log refuses the second content before it gets here).
"""

from hypothesis import given, settings
from hypothesis import strategies as st

from stage import PAYLOADS, act, arrived, at, told
from tactful.events.records import CHANNELS, BudgetAssignment, Cancel, Suppression, UserInput

SOON = st.integers(1, 3_000_000)
HOURS = st.floats(0.0, 5.9, allow_nan=False)
ACTS = ("session", "view", "click", "open", "receipt", "unsubscribe", "complaint", "uninstall", "bounce")


@st.composite
def engagements(draw: st.DrawFn) -> UserInput:
    number = draw(st.integers(0, 12))
    kind, channel = draw(st.sampled_from(ACTS)), draw(st.sampled_from([None, *CHANNELS]))
    return act(f"e{number}", kind, at(draw(HOURS)), channel=channel, category=number % 3)


@st.composite
def candidates(draw: st.DrawFn, numbers: int = 10) -> UserInput:
    number = draw(st.integers(0, numbers))
    kind = draw(st.sampled_from(["recommendation", "comment_digest", "win_back"]))
    groups = st.sampled_from(["", "post-1"])
    created = at(draw(HOURS))
    payload = {**PAYLOADS[kind]}
    return told(f"c{number}", kind, created=created, payload=payload, group_key=draw(groups), cancel_key=draw(groups))


@st.composite
def withdrawals(draw: st.DrawFn) -> UserInput:
    number = draw(st.integers(0, 10))
    if draw(st.booleans()):
        return Cancel(cancel_id=f"x{number}", user_id="ann", candidate_id=f"c{number}", at=at(5))
    return Cancel(cancel_id=f"x{number}", user_id="ann", cancel_key="post-1", at=at(5))


@st.composite
def rights(draw: st.DrawFn) -> UserInput:
    where, lifted = draw(st.sampled_from([None, *CHANNELS])), draw(st.booleans())
    return Suppression(suppression_id="s", user_id="ann", channel=where, lifted=lifted, at=at(5))


@st.composite
def budgets(draw: st.DrawFn) -> UserInput:
    return BudgetAssignment(assignment_id="b", user_id="ann", period=0, k=draw(st.integers(0, 9)), at=at(5))


def check_commutes(data: st.DataObject, records: list[UserInput]) -> None:
    stamps = [data.draw(SOON) for _ in records]
    order = data.draw(st.permutations(range(len(records))))
    in_order = arrived(records, stamps)
    assert arrived([records[i] for i in order], [stamps[i] for i in order]) == in_order


@given(st.data(), st.lists(st.one_of(engagements(), candidates(), rights(), budgets()), min_size=2, max_size=12),
       st.lists(withdrawals(), max_size=4))  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_inputs_of_every_kind_commute_and_so_do_conflicts_of_equal_ids(
    data: st.DataObject, records: list[UserInput], cancels: list[UserInput]
) -> None:
    check_commutes(data, records + cancels)


@given(st.data(), st.lists(candidates(numbers=1000), min_size=17, max_size=24, unique_by=lambda c: c.candidate_id))
@settings(max_examples=20, deadline=None)
def test_what_a_full_pool_gives_up_and_when_is_the_same_in_every_order(
    data: st.DataObject, records: list[UserInput]
) -> None:
    check_commutes(data, records)


@given(st.data(), st.integers(49, 60))
@settings(max_examples=10, deadline=None)
def test_a_full_ring_of_engagements_keeps_the_newest_in_every_order(data: st.DataObject, n: int) -> None:
    check_commutes(data, [act(f"e{i}", "session", at(i / 11)) for i in range(n)])
