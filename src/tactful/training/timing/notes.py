"""What a reader should know before trusting a training of the slot models: each a sentence, most of them of want."""

from collections.abc import Iterator
from typing import Final

from tactful.features.slot_marks import HISTORY_DAYS
from tactful.training.timing.days import SplitDays
from tactful.training.timing.log import TimingLog
from tactful.training.timing.simple import FEWEST_CLICKS

_PLENTY: Final = 42
"""Whole days of log from which all windows are full, and four weeks are learned from."""
_FEW_RESTS: Final = 4
"""Days of rest below which little is known of them."""


def notes_of(log: TimingLog, split: SplitDays, messages: int, clicks: int, sessions: int) -> Iterator[str]:
    """Yields what is weak about the days that were learned from.

    Args:
        messages, clicks, sessions: on these days.
    """
    if split.log_days < _PLENTY:
        yield (
            f"only {split.log_days} whole days of log: {len(split.learned)} were learned from, with {split.seen_days} "
            f"days of {HISTORY_DAYS} behind the last of them; train again with {_PLENTY} or more"
        )
    rests = sum(day.rest for day in split.learned)
    if rests < _FEW_RESTS:
        yield f"{rests} days of rest were learned from: what is said of them is weak"
    if len({day.rest for day in split.judged}) < 2:
        kind = "rest" if split.judged[0].rest else "work"
        yield f"all judged days are days of {kind}: nothing is judged on others"
    if not sessions:
        yield "no session was logged: the histogram knows nobody's hours, and bits are not judged"
    yield from _of_messages(log, messages, clicks)
    if log.left_out:
        yield f"{len(log):,} people were drawn, {log.left_out:,} are left out; more of them tell little more"


def _of_messages(log: TimingLog, messages: int, clicks: int) -> Iterator[str]:
    if not messages:
        yield "no message was sent on these days: learned from activity alone, and plans go by when people are there"
    elif clicks < FEWEST_CLICKS:
        yield (
            f"{clicks:,} clicks on {messages:,} messages, {FEWEST_CLICKS} are needed to learn from: activity alone, "
            "and plans go by when people are there"
        )
    elif not (log.s_probability > 0.0).any():
        yield "no chance of a slot was logged: clicks are weighed as if all slots had been chosen alike"
