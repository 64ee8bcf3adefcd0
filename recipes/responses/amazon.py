"""Amazon Electronics as in TIN's paper: who reviews which product next, with the times of reviews.

Files, as they are published (McAuley, reviews of 2014), in the folder `amazon_electronics`:
`reviews_Electronics_5.json.gz`, a JSON object a line (`reviewerID`, `asin`, `unixReviewTime`), and
`meta_Electronics.json.gz`, a Python dictionary a line (`asin`, `categories`: paths from the root to a leaf).

The category is the leaf of the last path. The last review of each user tests; the paper has no validation rows, here
the last but one validates; all others but the first teach. Each positive has one negative, drawn uniformly from all
products, none of the user's own. Of reviews on one day the order in the file stands.
"""

import ast
import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from responses.data import Ints, ResponseData, assemble, first_of_user, paired
from responses.negatives import Positives, digest, negatives
from responses.toys import leave_one_out
from tactful.clock import SECOND_US
from tactful.errors import UnreadableInput
from tactful.training.histories import Behaviours

FOLDER: Final = "amazon_electronics"
REVIEWS: Final = "reviews_Electronics_5.json.gz"
PRODUCTS: Final = "meta_Electronics.json.gz"
FIELDS: Final = ("item", "category")
CATEGORY: Final = FIELDS.index("category")
SEED: Final = 0
FIRST: Final = 1


class Review(msgspec.Struct, frozen=True):
    """What is read of a review."""

    reviewer: str = msgspec.field(name="reviewerID")
    product: str = msgspec.field(name="asin")
    at_s: int = msgspec.field(name="unixReviewTime")


def load(folder: Path, scratch: Path) -> ResponseData:
    """Returns the data set."""
    reviews = list(_reviews(folder / FOLDER / REVIEWS))
    user = np.unique([review.reviewer for review in reviews], return_inverse=True)[1]
    products, place = np.unique([review.product for review in reviews], return_inverse=True)
    at_us = np.array([review.at_s for review in reviews], dtype=np.int64) * SECOND_US
    order = np.lexsort((at_us, user))  # stable: reviews of one instant stay as they are
    user, item, at_us = user[order], place[order] + 1, at_us[order]
    items = np.full((len(products) + 1, len(FIELDS)), -1, dtype=np.int64)
    items[1:, 0] = np.arange(len(products))
    items[1:, 1] = _categories(folder / FOLDER / PRODUCTS, products.tolist())
    start = first_of_user(user)
    part, _ = leave_one_out(start, FIRST)
    target = np.flatnonzero(part >= 0)
    weights = np.where(np.arange(len(items)) > 0, 1.0, 0.0)[None, :]
    positives = Positives(user[target], np.zeros(len(target), dtype=np.int64), weights, user, item)
    negative = negatives(scratch / "negatives-amazon.npz", positives, SEED)
    parts = [paired(user, start, item, target[part[target] == p], negative[part[target] == p], at_us) for p in range(3)]
    return assemble(
        "amazon",
        FIELDS,
        (),
        CATEGORY,
        items,
        Behaviours(item.astype(np.int32), at_us),
        (parts[0], parts[1], parts[2]),
        digest(user, item, at_us, items, negative),
        zone="UTC",
    )


def _reviews(path: Path) -> Iterator[Review]:
    for number, line in _lines(path):
        try:
            yield msgspec.json.decode(line, type=Review)
        except msgspec.MsgspecError as error:
            raise UnreadableInput(
                f"got {path}, line {number}: {error}; expected a JSON object with reviewerID, asin, unixReviewTime"
            ) from error


def _categories(path: Path, products: list[str]) -> Ints:
    """The leaf category of each product, numbered in the order of its name; -1 for a product without one."""
    leaf = dict.fromkeys(products, "")
    for number, line in _lines(path):
        try:
            product = ast.literal_eval(line.decode())
            if product["asin"] in leaf:
                leaf[product["asin"]] = product["categories"][-1][-1]
        except (ValueError, SyntaxError, KeyError, IndexError, TypeError) as error:
            raise UnreadableInput(
                f"got {path}, line {number}: {error}; expected a Python dictionary with asin and categories"
            ) from error
    names, code = np.unique([leaf[product] for product in products], return_inverse=True)
    return np.where(names[code] == "", -1, code).astype(np.int64)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    if not path.exists():
        raise UnreadableInput(f"got no {path}; put the published file {path.name} there")
    with gzip.open(path) as file:
        yield from enumerate(file, start=1)
