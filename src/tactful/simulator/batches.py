"""World columns as the columns that a population takes in: what `adapter.py` does with records, without any.

Keys are those of the records' ids, so that both ways lead to the same order of ties and the same draws. Left out is
what only a log gives: content hashes are 0, and a candidate's offset is its number.
"""

import numpy as np
from jaxtyping import Int64

from tactful import draws
from tactful.events.registry import Registry
from tactful.features.history import EngagementRows
from tactful.features.pool import CandidateRows
from tactful.simulator.protocol import CandidateColumns, EngagementColumns


def engagement_rows(seen: EngagementColumns, tick: int, log_us: int) -> EngagementRows:
    """Returns what people did in a tick, accepted at `log_us`; ids count the rows of the tick, as the adapter's."""
    m = len(seen.user)
    return EngagementRows(
        row=seen.user,
        at_us=seen.at_us,
        key=draws.keys(f"engagement:e{tick}-", range(m)),
        log_us=np.full(m, log_us),
        hash=np.zeros(m, dtype=np.uint64),
        kind=seen.kind,
        channel=seen.channel,
        category=seen.category,
        value=seen.value.astype(np.float64),
    )


def candidate_rows(
    came: CandidateColumns, registry: Registry, type_of: Int64[np.ndarray, " types"], waits_for_slot: bool
) -> CandidateRows:
    """Returns candidates, each accepted when it came up.

    Args:
        type_of: the registry's index of each of the world's types.
        waits_for_slot: whether ranked types wait for a job of the day's plan, whatever their files say.
    """
    types = registry.columns()
    kind, created, m = type_of[came.type], came.created_us, len(came.user)
    wait = types.max_wait_us[kind]
    wake = np.where((wait > 0) & (wait < types.lifetime_us[kind]), created + wait, 0)
    wake = np.where(types.wake_now[kind], created, wake)
    if waits_for_slot:
        wake = np.where(types.ranked[kind], 0, wake)
    return CandidateRows(
        row=came.user,
        key=draws.keys("candidate:c", came.candidate.tolist()),
        offset=came.candidate,
        log_us=created,
        hash=np.zeros(m, dtype=np.uint64),
        type=kind.astype(np.int16),
        created_us=created,
        expires_us=came.expires_us,
        wake_us=wake,
        group=np.zeros(m, dtype=np.uint64),
        cancel=np.zeros(m, dtype=np.uint64),
        category=came.category,
        quality=came.quality,
        priority=types.priority[kind],
    )
