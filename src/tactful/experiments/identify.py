"""Which change of policy a log can judge, by what was randomised in it: the table, and who stands in which row.

A change that stands in no row is not identifiable from any log of this engine: only an experiment tells.
"""

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias, get_args

import msgspec

from tactful.errors import NotIdentifiable

Change: TypeAlias = Literal["candidate", "send", "price", "hour", "volume"]
CHANGES: Final[tuple[Change, ...]] = get_args(Change)


class Row(msgspec.Struct, frozen=True):
    """One row of the table.

    Attributes:
        change: its name.
        question: what is judged.
        randomisation: what in the log was drawn.
        share: the setting that says how much of it there is.
        unit: what one row of an estimate is; the person is the unit of its interval.
        rewards: what is counted, each a mean a unit.
        silent: what the answer does not say.
    """

    change: Change
    question: str
    randomisation: str
    share: str
    unit: str
    rewards: tuple[str, ...]
    silent: str


TABLE: Final[dict[Change, Row]] = {
    "candidate": Row(
        "candidate",
        "which option of a rank job is sent",
        "random sends",
        "exploration.random_send",
        "message",
        ("click", "unsubscribe", "session_1d"),
        "how many go out: prices and budgets hold that",
    ),
    "send": Row(
        "send",
        "whether the best option goes out or none",
        "greedy send against greedy no-send",
        "exploration.greedy_send, exploration.greedy_no_send",
        "user-day",
        ("active_24h", "sessions_24h"),
        "what follows after a day, such as leaving",
    ),
    "price": Row(
        "price",
        "a small shift of the price of a send",
        "jitter of the threshold",
        "exploration.jitter",
        "job",
        ("sent", "click", "unsubscribe"),
        "what a job changes for later ones: each is shifted by itself",
    ),
    "hour": Row(
        "hour",
        "at which hour a rank job runs",
        "slot sampler",
        "exploration.slot_epsilon",
        "user-day",
        ("active_24h", "click_24h"),
        "a change of all of a day's hours: the others are as they were drawn",
    ),
    "volume": Row(
        "volume",
        "the mean weekly budget",
        "randomised k",
        "exploration.volume_share",
        "user-period",
        ("active_days_a_week", "left", "sent_a_week"),
        "who should get how much: everybody has the same; nor what prices hold back: the slice has none",
    ),
}
"""Change -> its row; what is not here is for an experiment."""

_SETTINGS: Final[dict[str, Change]] = {
    "rules.weights": "candidate",
    "rules.weights_by_segment": "candidate",
    "rules.utility": "candidate",
    "rules.further_visit": "candidate",
    "volume.per_user_per_week": "volume",
}


def row_for(change: str) -> Row:
    """Returns the row of a change.

    Raises:
        NotIdentifiable: it stands in none.

    >>> row_for("hour").randomisation
    'slot sampler'
    """
    for name, row in TABLE.items():
        if name == change:
            return row
    raise _only_by_experiment([change])


def row_for_settings(changed: Sequence[str]) -> Row:
    """Returns the row in which a change of settings stands.

    Args:
        changed: keys that differ from those of the log, such as `rules.weights`.

    Raises:
        NotIdentifiable: none differs, one stands in no row, or they stand in several.

    >>> row_for_settings(["rules.weights", "rules.utility"]).change
    'candidate'
    """
    if not changed:
        raise NotIdentifiable("got settings that are those of the log; there is nothing to judge")
    if strange := [key for key in changed if key not in _SETTINGS]:
        raise _only_by_experiment(strange)
    rows = {_SETTINGS[key] for key in changed}
    if len(rows) > 1:
        raise NotIdentifiable(
            f"got changes of {', '.join(changed)}, which were randomised apart; judge one after the other, or both by "
            "an experiment"
        )
    return TABLE[rows.pop()]


def _only_by_experiment(what: Sequence[str]) -> NotIdentifiable:
    return NotIdentifiable(
        f"{', '.join(what)}: not identifiable from this log: A/B only. Nothing in a log was randomised for it; what "
        f"can be judged is {', '.join(TABLE)} (docs/explanation/off-policy.md)"
    )
