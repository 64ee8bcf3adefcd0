"""What changes from today's budgets to new ones: for the week as a whole, and for whom."""

import numpy as np
from jaxtyping import Float, Float32, Int64
from numpy.typing import NDArray

from tactful.features.segments import ACTIVITIES, REACHES, SEGMENTS
from tactful.models.volume_response import Responses
from tactful.runtime.allocation_report import Expected, Shift
from tactful.runtime.people import People


def expected(
    responses: Responses,
    value: Float32[np.ndarray, "b n"],
    reach: Int64[np.ndarray, " n"],
    k: Int64[np.ndarray, " n"],
    sent: Float[np.ndarray, "3 trained"] | None,
) -> Expected:
    """Returns what the model expects of a week under the budgets k, which lie within the curves."""
    users = np.arange(len(k))
    return Expected(
        caps=float(k.sum()),
        sent=None if sent is None else float(sent[reach, k].sum()),
        active_days=7.0 * float(responses.active[k, users].sum(dtype=np.float64)),
        unsubscribes=float(responses.leaves[k, users].sum(dtype=np.float64)),
        value=float(value[k, users].sum(dtype=np.float64)),
    )


def shifts(
    people: People, responses: Responses, today: Int64[np.ndarray, " n"], new: Int64[np.ndarray, " n"]
) -> tuple[tuple[Shift, ...], tuple[Shift, ...]]:
    """Returns how budgets move by activity state, and by activity and reach; groups without people are left out."""
    segment = people.activity * len(REACHES) + people.reach
    users = np.arange(len(people))
    days = [7.0 * responses.active[k, users].astype(np.float64) for k in (today, new)]
    return (
        _shifts(ACTIVITIES, people.activity, today, new, days[0], days[1]),
        _shifts(SEGMENTS, segment, today, new, days[0], days[1]),
    )


def what_to_know(today: Int64[np.ndarray, " n"], k_max: int, after: Expected, volume: float) -> tuple[str, ...]:
    """Returns notes on budgets of today beyond the curves, and on caps whose fill may not bring the volume."""
    notes = []
    beyond = int((today > k_max).sum())
    if beyond:
        notes.append(f"{beyond:,} people have a budget above {k_max} today; the comparison takes them at {k_max}")
    if after.sent is not None and after.sent < volume:
        notes.append(
            f"even without a price only {after.sent:,.0f} of these caps would be sent a week, less than the "
            f"{volume:,.0f} asked for; raise volume.headroom, or ask for less"
        )
    return tuple(notes)


def _shifts(
    names: tuple[str, ...],
    group: NDArray[np.int64],
    today: NDArray[np.int64],
    new: NDArray[np.int64],
    days_before: NDArray[np.float64],
    days_after: NDArray[np.float64],
) -> tuple[Shift, ...]:
    found = []
    top = int(max(today.max(), new.max())) + 1
    for index in np.unique(group).tolist():
        mine = group == index
        before, after = today[mine], new[mine]
        found.append(
            Shift(
                name=names[index],
                people=len(before),
                mean_before=float(before.mean()),
                mean_after=float(after.mean()),
                up=float((after > before).mean()),
                down=float((after < before).mean()),
                active_days_before=float(days_before[mine].mean()),
                active_days_after=float(days_after[mine].mean()),
                before=tuple(np.bincount(before, minlength=top).tolist()),
                after=tuple(np.bincount(after, minlength=top).tolist()),
            )
        )
    return tuple(found)
