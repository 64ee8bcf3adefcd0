"""Hillstrom's 64,000 customers: what was known of each before the mail, which mail she got, what she did afterwards."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow.parquet as pq
from jaxtyping import Bool, Float
from numpy.typing import NDArray

MAILINGS: Final = {
    "either": ("Mens E-Mail", "Womens E-Mail"),
    "mens": ("Mens E-Mail",),
    "womens": ("Womens E-Mail",),
}
"""What is mailed, against no mail; a third of the customers got each of the three."""
OUTCOMES: Final = ("visit", "conversion", "spend")
"""Within two weeks: came to the site (0 or 1), bought (0 or 1), dollars."""
HISTORY: Final = 1
"""The column of `known` with the dollars spent in the year before."""
_DUMMIES: Final = {"zip_code": ("Rural", "Urban"), "channel": ("Multichannel", "Web")}


@dataclass(frozen=True)
class Shoppers:
    """Those who got one of the mails, or none.

    Attributes:
        known: months since the last purchase, dollars in the year before, whether she bought men's and women's goods,
            whether she was new, and 0/1 columns of region and channel.
        mailed: whether she got a mail.
        probability: the share that was to be mailed.
        outcome: of each name in `OUTCOMES`, a column.
    """

    known: Float[np.ndarray, "n f"]
    mailed: Bool[np.ndarray, " n"]
    probability: float
    outcome: dict[str, NDArray[np.float64]]

    def __len__(self) -> int:
        return len(self.mailed)


def read(folder: Path, mailing: str, every: int = 1) -> Shoppers:
    """Returns the customers of a mailing and those without mail; of these, one in `every`."""
    table = pq.read_table(folder / "hillstrom" / "hillstrom.parquet")
    column = {name: table[name].to_numpy() for name in table.column_names}
    mailed = np.isin(column["segment"], MAILINGS[mailing])
    rows = np.flatnonzero(mailed | (column["segment"] == "No E-Mail"))[::every]
    plain = [column[name] for name in ("recency", "history", "mens", "womens", "newbie")]
    dummies = [column[name] == value for name, values in _DUMMIES.items() for value in values]
    mails = len(MAILINGS[mailing])
    return Shoppers(
        known=np.column_stack([*plain, *dummies]).astype(np.float64)[rows],
        mailed=mailed[rows],
        probability=mails / (mails + 1),
        outcome={name: column[name].astype(np.float64)[rows] for name in OUTCOMES},
    )
