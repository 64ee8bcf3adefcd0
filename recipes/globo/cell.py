"""One run of one policy with one seed, as it is kept in a file under `results/globo_replay`."""

import msgspec

from globo.availability import Rate


class Cell(msgspec.Struct, frozen=True):
    """A run's shares and its rivals', its counts and its costs; the peak memory is that of the process so far."""

    policy: str
    seed: int
    users: int
    rates: tuple[Rate, ...]
    sends_by_day: tuple[int, ...]
    sends_by_hour: tuple[int, ...]
    decisions: dict[str, int]
    hold_reasons: dict[str, int]
    candidates: int
    look_ups: int
    look_ups_skipped: int
    slot_prior_weight: float
    slot_bandwidth_hours: float
    wall_seconds: float
    cpu_seconds: float
    peak_memory_mb: float
