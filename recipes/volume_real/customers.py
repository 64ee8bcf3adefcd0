"""Starbucks' customers: profile, who was sent an offer on which of six days, and what they bought in the 30 days.

The columns `transaction_*` and `num_offer_*` of the file are outcomes of the same 30 days, so none is a feature. The
file holds no earlier behaviour.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow.parquet as pq
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

SEND_HOURS: Final = (0, 168, 336, 408, 504, 576)
"""Hours since the start of the 30 days."""
DOSES: Final = len(SEND_HOURS) + 1
GENDERS: Final = ("F", "M", "O")
"""A fourth, 'Missing', goes with a missing age and income, which the publisher filled with the median."""


@dataclass(frozen=True)
class Customers:
    """Columns, one row a customer.

    Attributes:
        customer: her number, to keep one customer's rows in one fold.
        profile: age (years), income (dollars a year), days registered, and one 0/1 column for each of `GENDERS`.
        sent: whether she was sent an offer on each send day.
        transactions: purchases in the 30 days.
        amount: dollars spent in them.
    """

    customer: Int[np.ndarray, " n"]
    profile: Float[np.ndarray, "n f"]
    sent: Bool[np.ndarray, "n days"]
    transactions: Float[np.ndarray, " n"]
    amount: Float[np.ndarray, " n"]

    @property
    def dose(self) -> NDArray[np.int64]:
        """Offers sent to her in the 30 days, 0..6."""
        return np.asarray(self.sent.sum(axis=1), dtype=np.int64)

    def take(self, rows: NDArray[np.int64]) -> "Customers":
        """Returns the customers of the rows; a row may be taken twice."""
        columns = (self.customer, self.profile, self.sent, self.transactions, self.amount)
        return Customers(*(column[rows] for column in columns))

    def __len__(self) -> int:
        return len(self.customer)


def read(folder: Path, first: int = 0) -> Customers:
    """Returns the customers of `starbucks_sim` in a folder of data sets; only the first so many, all for 0."""
    people = pq.read_table(folder / "starbucks_sim" / "customers.parquet").sort_by("customer")
    offers = pq.read_table(
        folder / "starbucks_sim" / "offers_sent.parquet", columns=["customer", "offer_received_time"]
    )
    column = {name: people[name].to_numpy() for name in people.column_names if name != "split"}
    sent = np.zeros((people.num_rows, len(SEND_HOURS)), dtype=np.bool_)
    sent[offers["customer"].to_numpy(), np.searchsorted(SEND_HOURS, offers["offer_received_time"].to_numpy())] = True
    profile = [column["age"], column["income"], column["days_registered"], *(column["gender"] == g for g in GENDERS)]
    everyone = Customers(
        customer=column["customer"].astype(np.int64),
        profile=np.column_stack(profile).astype(np.float64),
        sent=sent,
        transactions=column["transaction_cnt"].astype(np.float64),
        amount=column["transaction_amount"].astype(np.float64),
    )
    return everyone.take(np.arange(first)) if first else everyone
