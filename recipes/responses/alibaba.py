"""Alibaba display advertisements as in TIN's paper: whether an advertisement shown on Taobao is clicked.

Files, as they are published (Tianchi 56), in the folder `alibaba_display_ads`: `raw_sample.csv` (user, time_stamp,
adgroup_id, pid, nonclk, clk), `ad_feature.csv` (adgroup_id, cate_id, campaign_id, customer, brand, price),
`user_profile.csv` and `behavior_log.csv` (user, time_stamp, btag, cate, brand): 723 million rows, read in blocks.

Prepared as DSIN does: a quarter of the users who have a profile; behaviours are page views (`pv`) from 3 May 2017 on,
strictly before the advertisement; a user with two of them or fewer has no history; a missing brand is one of its own.
The fields of advertisement and behaviour are category and brand. 6-11 May teach, the 12th validates, the 13th tests
(Beijing time). Deviations: the quarter is drawn by hash; the price, a number, becomes its order of magnitude.

Source: Feng et al., "Deep Session Interest Network", IJCAI 2019, and the preparation published with it.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import csv

from responses.data import Ints, ResponseData, assemble, known_before
from responses.negatives import digest
from tactful import draws
from tactful.clock import SECOND_US, to_us
from tactful.errors import UnreadableInput
from tactful.training.histories import Behaviours, Samples

FOLDER: Final = "alibaba_display_ads"
FIELDS: Final = ("cate_id", "brand")
CATEGORY: Final = FIELDS.index("cate_id")
OF_SHOWN: Final = ("user", "pid")
OF_AD: Final = ("adgroup_id", "campaign_id", "customer", "price")
OF_USER: Final = (
    "cms_segid",
    "cms_group_id",
    "final_gender_code",
    "age_level",
    "pvalue_level",
    "shopping_level",
    "occupation",
    "new_user_class_level",
)
SHARE: Final = 0.25
SEED: Final = 0
FEWEST: Final = 3
"""Page views of a user who has a history."""
ZONE: Final = "Asia/Shanghai"
FROM_S: Final = 1_493_769_600
_BEIJING: Final = timedelta(hours=8)
VALIDATION_US, TEST_US = (to_us(datetime(2017, 5, day, tzinfo=UTC) - _BEIJING) for day in (12, 13))


def load(folder: Path, scratch: Path) -> ResponseData:
    """Returns the data set; nothing is drawn but users, so the scratch folder is not used."""
    part = folder / FOLDER
    profile, ads, shown = (_table(part / name) for name in ("user_profile.csv", "ad_feature.csv", "raw_sample.csv"))
    profile = profile.filter(pa.array(draws.uniform(SEED, _column(profile, "userid"), 0, "users of alibaba") < SHARE))
    shown = shown.filter(pa.array(np.isin(_column(shown, "user"), _column(profile, "userid"))))
    shown = shown.sort_by([("user", "ascending"), ("time_stamp", "ascending"), ("adgroup_id", "ascending")])
    views = _page_views(part / "behavior_log.csv", np.unique(_column(shown, "user")))
    of_ads = np.column_stack([_column(ads, "cate_id"), _column(ads, "brand")])
    known, place = np.unique(np.concatenate([of_ads, views[:, 2:]]), axis=0, return_inverse=True)
    item = place.ravel() + 1
    ad = _row_of(_column(ads, "adgroup_id"), _column(shown, "adgroup_id"))
    user, at_us = _column(shown, "user"), _column(shown, "time_stamp") * SECOND_US
    start, end = known_before(views[:, 0], views[:, 1], user, at_us)
    samples = Samples(
        user=user,
        start=start,
        end=end,
        target=np.where(ad >= 0, item[ad], 0).astype(np.int32),
        label=_column(shown, "clk").astype(np.float32),
        context=_context(shown, ads, ad, profile),
        at_us=at_us,
    )
    learn, choose = at_us < VALIDATION_US, (at_us >= VALIDATION_US) & (at_us < TEST_US)
    train, validation, test = (samples.take(np.flatnonzero(rows)) for rows in (learn, choose, at_us >= TEST_US))
    return assemble(
        "alibaba",
        FIELDS,
        (*OF_SHOWN, *OF_AD, *OF_USER),
        CATEGORY,
        np.concatenate([[[-1, -1]], known + 1]),  # a missing brand, -1, becomes an id of its own
        Behaviours(item[len(ads) :].astype(np.int32), views[:, 1]),
        (train, validation, test),
        digest(user, at_us, end, samples.target, samples.label, item),
        zone=ZONE,
    )


def _page_views(path: Path, users: Ints) -> Ints:
    """User, instant, category and brand of the page views of some users, sorted; few views of a user are none."""
    blocks = [np.empty((0, 4), dtype=np.int64)]
    with csv.open_csv(_there(path)) as reader:
        for block in reader:
            table = pa.Table.from_batches([block])
            seen = table.filter(pc.and_(pc.equal(table["btag"], "pv"), pc.greater_equal(table["time_stamp"], FROM_S)))
            mine = seen.filter(pa.array(np.isin(_column(seen, "user"), users)))
            blocks.append(np.column_stack([_column(mine, name) for name in ("user", "time_stamp", "cate", "brand")]))
    views = np.concatenate(blocks)
    views = views[np.lexsort((views[:, 3], views[:, 2], views[:, 1], views[:, 0]))]
    views[:, 1] *= SECOND_US
    _, who, count = np.unique(views[:, 0], return_inverse=True, return_counts=True)
    enough: Ints = views[count[who] >= FEWEST]
    return enough


def _context(shown: pa.Table, ads: pa.Table, ad: Ints, profile: pa.Table) -> NDArray[np.int32]:
    """Raw ids of the further fields; what is missing in a file is an id of its own, 0."""
    owner = _row_of(_column(profile, "userid"), _column(shown, "user"))
    price = np.floor(np.log2(ads["price"].fill_null(0.0).to_numpy().astype(np.float64) + 1.0)).astype(np.int64)
    of_ads = [price if name == "price" else _column(ads, name) for name in OF_AD]
    columns = [
        _column(shown, "user"),
        np.unique(shown["pid"].to_numpy(zero_copy_only=False).astype(str), return_inverse=True)[1],
        *(np.where(ad >= 0, column[ad], -1) for column in of_ads),
        *(_column(profile, name)[owner] for name in OF_USER),
    ]
    return (np.column_stack(columns) + 1).astype(np.int32)


def _row_of(keys: Ints, wanted: Ints) -> Ints:
    """The place of each wanted key among the keys, -1 for one that is not there."""
    order = np.argsort(keys, kind="stable")
    place = order[np.minimum(np.searchsorted(keys, wanted, sorter=order), len(keys) - 1)]
    return np.where(keys[place] == wanted, place, -1).astype(np.int64)


def _column(table: pa.Table, name: str) -> Ints:
    """A column of whole numbers, -1 where one is missing."""
    column: Ints = table[name].cast(pa.int64()).fill_null(-1).to_numpy()
    return column


def _table(path: Path) -> pa.Table:
    table = csv.read_csv(_there(path))
    return table.rename_columns([name.strip() for name in table.column_names])  # one is published with a space


def _there(path: Path) -> Path:
    if not path.exists():
        raise UnreadableInput(f"got no {path}; put the published file {path.name} there, unpacked")
    return path
