"""Do budgets still mean what they meant at training? Watches the fill of those that are in force now."""

import numpy as np

from tactful.clock import WEEK_US
from tactful.training.volume.fill import Fill, fill_of, moved
from tactful.training.volume.labels import label
from tactful.training.volume.log import VolumeLog


def moved_since(trained: Fill, log: VolumeLog) -> tuple[str, ...]:
    """Returns one sentence for each reach and budget whose fill moved since training; any of them asks to retrain.

    Args:
        trained: of the model's report.
        log: up to now; only drawn budgets that were in force within the last week count.
    """
    present = log.only(np.asarray(log.end_us > log.until_us - WEEK_US))
    return moved(trained, fill_of(present, label(present))) if len(present) else ()
