"""Globo: where should the probability of quiet hours go? Judged inside the warm-up, so that nothing of 12-16 is used.

Source: as `globo_replay.py`. Command: `python recipes/globo_quiet_hours.py`. Hardware: one core, some seconds.
One send a day to everybody on 9-11 October at the best allowed hour (8:00 to 22:00) of her histogram of days 1-8, whose
strengths are chosen on 7-8 given 1-6. The minutes are drawn with seed 0.
Expected: a session within one hour of 12.0 % of sends with `skip`, 10.9 % with `nearest`, 9.2 % with `end`, and 8.3 %
at everybody's best hour. Availability, never lift: no push was shown to these people.
"""

import os
from pathlib import Path
from typing import Final, get_args

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from globo.availability import FIRST_HOUR, LAST_HOUR, MEASURES, Followed, Sends, at_slots
from globo.people import MAPPING, TRAIN, VALIDATE, People
from tactful.decision.timing.quiet_hours import QuietMode, shift_quiet_mass
from tactful.experiments.stats import Interval, ratio
from tactful.models.slot_histogram import SlotHistogram
from tactful.runtime.importing import read_log

SPLIT: Final = TRAIN.stop - 2
"""Strengths are chosen on the last two days of the eight."""


def main() -> None:
    """Prints the share of sends after which a session began, for every way to move the probability."""
    here = Path(__file__).resolve().parent
    data = Path(os.environ.get("TACTFUL_DATA", here.parents[1] / "shared" / "data"))
    people = People(read_log(data / "globo_clicks" / "globo_12k_users.parquet", MAPPING))
    early, late = (people.sessions_by_hour(days) for days in (range(TRAIN.start, SPLIT), range(SPLIT, TRAIN.stop)))
    chosen, counts = SlotHistogram.fit(early, late).parameters(), people.sessions_by_hour(TRAIN)
    model = SlotHistogram(counts.sum(axis=0), float(chosen["prior_weight"]), float(chosen["bandwidth_hours"]))
    allowed = np.zeros((people.n, 24), dtype=np.bool_)
    allowed[:, FIRST_HOUR : LAST_HOUR + 1] = True
    modes = {mode: shift_quiet_mass(model.slots(counts), allowed, mode) for mode in get_args(QuietMode)}
    everybody = np.where(allowed, counts.sum(axis=0), 0.0)
    followed = Followed(people)
    table = Table("probability of quiet hours", *MEASURES[:3], "sends at 8:00", caption="% of sends, 95 % over users")
    for name, weight in {**modes, "everybody's best hour": everybody}.items():
        best = weight.argmax(axis=1)
        table.add_row(
            name, *(_shown(each) for each in judged(people, followed, best)), f"{100 * np.mean(best == 8):.0f} %"
        )
    Console().print(table)


def judged(people: People, followed: Followed, hour: NDArray[np.int64]) -> list[Interval]:
    """Returns the share of sends for the first three measures, one send a user and day of 9-11 October."""
    found: Float[np.ndarray, "n 3"] = np.zeros((people.n, 3))
    everyone = np.arange(people.n)
    for day in VALIDATE:
        days, nothing = np.full(people.n, day), np.full(people.n, -1)
        sends = Sends(everyone, days, at_slots(people, everyone, days, hour, seed=0), nothing, nothing)
        found += followed.measures(sends)[:, :3]
    return [ratio(found[:, m], np.full(people.n, float(len(VALIDATE)))) for m in range(3)]


def _shown(share: Interval) -> str:
    return "{:.1f} [{:.1f}, {:.1f}]".format(*(100 * end for end in share))


if __name__ == "__main__":
    main()
