"""Three data sets as days: news readers, e-mails of an institute, and viewers of short videos."""

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from globo.people import DECIDE, HOLIDAY, MAPPING, WARM_UP, ZONE, People
from tactful.clock import DAY_US, HOUR_US, MINUTE_US, SECOND_US
from tactful.features.context import Zones
from tactful.runtime.importing import read_log
from timing.days import SESSIONS, Day, Engagements, SlotData, as_days, sessions

GAP_US: Final = 30 * MINUTE_US
"""A pause longer than this ends a session, in all three."""
GLOBO_WINDOW, EMAIL_WINDOW, KUAIRAND_WINDOW = 15, 28, 13
"""Days of history at most: all that the first and the last have."""

Ints = NDArray[np.int64]


def _number(year: int, month: int, day: int) -> int:
    return (date(year, month, day) - date(1970, 1, 1)).days


def globo(folder: Path, users: int = 0) -> SlotData:
    """Returns readers of G1: 1-11 October 2017 to learn from, 12-16 to be judged on; active is who opens an article."""
    return _globo(folder, users, None)


def globo_frozen(folder: Path, users: int = 0) -> SlotData:
    """Returns the same, but on 12-16 nothing newer than the 11th is known: as the first looks were judged."""
    return _globo(folder, users, WARM_UP.stop)


def _globo(folder: Path, users: int, asof: int | None) -> SlotData:
    people = People(read_log(folder / "globo_clicks" / "globo_12k_users.parquet", MAPPING))
    n = users or people.n
    reads, begun = people.user < n, people.session_user < n
    rows = Engagements.of(
        ("effective_view", people.user[reads].astype(np.int64), people.at_us[reads], None),
        ("session", people.session_user[begun].astype(np.int64), people.session_us[begun], None),
    )
    days = range(WARM_UP.start, DECIDE.stop)
    made = as_days(rows, n, ZONE, days, GLOBO_WINDOW, "BR", asof=asof)
    return _split("globo" if asof is None else "globo_frozen", made, DECIDE.start, WARM_UP.start, HOLIDAY)


def email(hours: int) -> Callable[[Path, int], SlotData]:
    """Returns the reader of e-mails within an institute; a trial is a message received, positive if she writes one
    within so many hours.

    Who acts after midnight on a message of before is positive where she is judged, but not in her history: at midnight
    nobody knew. Day 0 is a Monday; its date is not known, so week-ends are the only days of rest.
    """

    def read(folder: Path, users: int = 0) -> SlotData:
        table = pq.read_table(folder / "eu_core_email" / "eu_core_first150d.parquet")
        src, dst, ts = (table[name].to_numpy().astype(np.int64) for name in ("src", "dst", "ts"))
        n = users or int(max(src.max(), dst.max())) + 1
        monday = _number(2001, 1, 1)
        sender, sent_us = np.unique(np.stack([src, ts]), axis=1)  # one message to many is written once
        sent_us = sent_us * SECOND_US + monday * DAY_US
        got = (src != dst) & (dst < n)
        receiver, got_us = dst[got], ts[got] * SECOND_US + monday * DAY_US
        first_us = _first_after(sender, sent_us, receiver, got_us)
        acted = first_us <= got_us + hours * HOUR_US
        same_day = acted & (first_us // DAY_US == got_us // DAY_US)
        mine = sender < n
        writer, at_us = sender[mine], sent_us[mine]
        begins = sessions(writer, at_us, GAP_US)
        rows = Engagements.of(
            ("effective_view", writer, at_us, None),
            ("session", writer[begins], at_us[begins], None),
            ("receipt", receiver, got_us, None),
            ("click", receiver[same_day], got_us[same_day], None),
        )
        labels = Engagements.of(("click", receiver[acted], got_us[acted], None))
        days = range(monday, monday + 150)
        made = as_days(rows, n, "UTC", days, EMAIL_WINDOW, acted=labels)
        return _split(f"email_{hours}h", made, monday + 120, monday + EMAIL_WINDOW)

    return read


def _first_after(sender: Ints, sent_us: Ints, user: Ints, at_us: Ints) -> Ints:
    """The instant of each user's first message after an instant; far in the future if there is none."""
    never = np.int64(1) << 60
    key = np.append(np.sort((sender << 51) + sent_us), np.int64(2) ** 62)
    place = np.searchsorted(key, (user << 51) + at_us, side="right")
    found: Ints = np.where(key[place] >> 51 == user, key[place] - (user << 51), never)
    return found


def kuairand(folder: Path, users: int = 0) -> SlotData:
    """Returns viewers of short videos: 25 April to 4 May 2022 to learn from, 5-8 May to be judged on.

    Active is who was shown a video; the log is part of a larger one, about eight exposures a user. Users who were shown
    none before 5 May are left out.
    """
    table = pq.read_table(folder / "kuairand_pure" / "impressions_20220425_20220508.parquet")
    who, at_us = table["user_id"].to_numpy().astype(np.int64), table["time_ms"].to_numpy() * 1000
    days = range(_number(2022, 4, 25), _number(2022, 5, 9))
    judged, zone = _number(2022, 5, 5), "Asia/Shanghai"
    local = Zones.of((zone,)).local_day(np.zeros(len(who), dtype=np.int64), at_us)
    seen = np.unique(who[(local >= days.start) & (local < judged)])
    chosen = np.isin(who, seen[: users or len(seen)])
    user = np.searchsorted(seen, who[chosen])
    at_us, seconds = at_us[chosen], table["play_time_ms"].to_numpy()[chosen] / 1000.0
    clicked = table["is_click"].to_numpy()[chosen] == 1
    begins = sessions(user, at_us, GAP_US)
    rows = Engagements.of(
        ("view", user[~clicked], at_us[~clicked], seconds[~clicked]),
        ("effective_view", user[clicked], at_us[clicked], seconds[clicked]),
        ("session", user[begins], at_us[begins], None),
    )
    made = as_days(rows, int(user.max()) + 1, zone, days, KUAIRAND_WINDOW, "CN")
    return _split("kuairand", made, judged, days.start)


def _split(name: str, days: tuple[Day, ...], judged: int, first: int, left_out: int | None = None) -> SlotData:
    """Days from `judged` on are judged, those from `first` on learnt from."""
    train = tuple(day for day in days if first <= day.number < judged)
    known = next(day for day in days if day.number == judged)
    past = known.history[..., SESSIONS].sum(axis=(1, 2)).astype(np.int64)
    return SlotData(name, train, tuple(day for day in days if day.number >= judged), past, left_out)


DATA: Final[Mapping[str, Callable[[Path, int], SlotData]]] = {
    "globo": globo,
    "globo_frozen": globo_frozen,
    "email_1h": email(1),
    "email_6h": email(6),
    "kuairand": kuairand,
}
