"""Inputs that wait come out in the order of the log, each once, however they arrived."""

from hypothesis import given, settings
from hypothesis import strategies as st

from stage import MONDAY, act, person
from tactful.clock import HOUR_US, to_us
from tactful.events.registry import Registry
from tactful.features.history import NEVER
from tactful.runtime.intake import KIND_CODE, line_of
from tactful.runtime.shard_inputs import Waiting
from tactful.stores.protocols import LoggedInput

REGISTRY, START = Registry.shipped(), to_us(MONDAY)


def logged(offset: int, log_us: int) -> LoggedInput:
    record = person() if offset % 3 == 0 else act(f"e{offset}", "session", MONDAY)
    line = line_of(record, REGISTRY)
    return LoggedInput(offset, log_us, line.user_key, line.dedupe_key, line.content, KIND_CODE[type(record)], line.data)


LOG = [logged(offset, START + offset // 2 * HOUR_US) for offset in range(12)]


@given(st.lists(st.sampled_from(LOG), max_size=20).map(lambda again: [*LOG, *again]).flatmap(st.permutations))
@settings(max_examples=30, deadline=None)
def test_any_order_of_arrival_and_any_repetition_give_the_log(arrived: list[LoggedInput]) -> None:
    waiting = Waiting(0, 1)
    waiting.take(arrived[:9], -1)
    waiting.take(arrived[9:], -1)
    assert waiting.next_us == START
    first = waiting.due(START + 2 * HOUR_US, REGISTRY)
    assert sorted({one.offset for one in waiting.kept()}) == [one.offset for one in LOG[6:]]
    rest = waiting.due(NEVER, REGISTRY)
    assert [line.offset for line in [*first, *rest]] == [one.offset for one in LOG]
    assert [line.data for line in first] == [one.data for one in LOG[:6]]
    assert (waiting.next_us, waiting.refused()) == (NEVER, [])
