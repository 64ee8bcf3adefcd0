"""What a weekly budget really sends: pools run dry, gaps and caps hold, people leave."""

import numpy as np
from jaxtyping import Float64

from tactful.clock import WEEK_US
from tactful.features.segments import REACHES
from tactful.training.volume.log import VolumeLog


def messages_a_week(log: VolumeLog, k_max: int) -> Float64[np.ndarray, "r b"]:
    """Returns messages sent a week by reach and budget 0..k_max; between the budgets of the log it is a straight line.

    It never falls with the budget. A reach without assignments sends what all of them do.
    """
    weeks = (log.end_us - log.start_us) / WEEK_US
    asked = np.unique(log.k)
    table = np.zeros((len(REACHES), k_max + 1))
    for reach in range(len(REACHES)):
        mine = log.reach == reach if (log.reach == reach).any() else np.ones(len(log), dtype=np.bool_)
        sent = [log.sent[mine & (log.k == k)].sum() / max(weeks[mine & (log.k == k)].sum(), 1e-9) for k in asked]
        table[reach] = np.maximum.accumulate(np.interp(np.arange(k_max + 1), asked, sent))
    return table
