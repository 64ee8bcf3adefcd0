"""Open Bandit Dataset: the uniform policy judged from logs of Thompson sampling, beside its own logs.

Source: Saito, Aihara, Matsutani and Narita, "Open Bandit Dataset and Pipeline", NeurIPS Datasets and Benchmarks 2021:
recommendations of fashion items on three campaigns, seven days, under a uniform and a Thompson sampling policy with
logged propensities. The small version: 10,000 rows of each.
Command: `python recipes/obd_uniform.py`.
Data: `obd_small`. Seeds: the folds of the model behind DR, 5. Reward: a click.
Hardware: one x86-64 core, seconds.
Expected: the table of `docs/explanation/off-policy.md`; women has two effective rows, and is refused.
"""

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow.parquet as pq
from jaxtyping import Float64, Int64
from numpy.typing import NDArray

from off_policy.estimators import ESTIMATORS, estimated
from off_policy.page import markdown
from tactful.errors import NotIdentifiable
from tactful.experiments.distributions import normal_quantile
from tactful.experiments.ope import Estimate
from tactful.experiments.ope_support import require, support

CAMPAIGNS: Final = ("men", "all", "women")
_PRIOR_ROWS: Final = 200.0
"""Rows at the mean click rate that every item begins with: clicks are four in a thousand."""


@dataclass(frozen=True, eq=False)
class Log:
    """n recommendations: which item, its propensity, whether it was clicked; items are numbered from 0."""

    item: Int64[np.ndarray, " n"]
    propensity: Float64[np.ndarray, " n"]
    click: Float64[np.ndarray, " n"]


def main(words: Sequence[str] | None = None) -> None:
    """Prints the table."""
    here = Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description="The uniform policy from logs of Thompson sampling.")
    data = os.environ.get("TACTFUL_DATA", here.parents[1] / "shared" / "data")
    parser.add_argument("--data", type=Path, default=Path(data), help="the folder of data sets")
    folder = parser.parse_args(words).data / "obd_small"
    rows = [row for campaign in CAMPAIGNS for row in _rows(folder, campaign)]
    print(markdown(("campaign", "estimator", "clicks of 1,000", "its own log", "off by", "effective rows"), rows))


def read(folder: Path, policy: str, campaign: str) -> Log:
    """Returns the log of a policy ("random", "bts") on a campaign."""
    table = pq.read_table(folder / f"{policy}_{campaign}.parquet", columns=["item_id", "propensity_score", "click"])
    column = {name: table[name].to_numpy() for name in table.column_names}
    return Log(
        column["item_id"].astype(np.int64),
        column["propensity_score"].astype(np.float64),
        column["click"].astype(np.float64),
    )


def judged(log: Log, items: int) -> tuple[dict[str, Estimate], str]:
    """Returns every estimate of the uniform policy, and why the log is refused, if it is."""
    target = np.full((len(log.item), items), 1.0 / items)
    model = _expected(log, items)
    found = {name: estimated(name, log.click, log.propensity, target, log.item, model) for name in ESTIMATORS}
    try:
        require(support(log.propensity, target[:, 0], np.arange(len(log.item))))
    except NotIdentifiable as error:
        return found, str(error)
    return found, ""


def _rows(folder: Path, campaign: str) -> list[tuple[str, ...]]:
    own, log = read(folder, "random", campaign), read(folder, "bts", campaign)
    items = int(max(own.item.max(), log.item.max())) + 1
    truth, _ = judged(own, items)
    found, refusal = judged(log, items)
    own_rate, effective = truth["IPS"], f"{found['IPS'].ess:,.0f}"
    if refusal:
        return [(campaign, "all", "refused", _shown(own_rate), "", effective)]
    return [
        (campaign, name, _shown(one), _shown(own_rate), f"{_off(one, own_rate):+.1f} se", effective)
        for name, one in found.items()
    ]


def _off(one: Estimate, own: Estimate) -> float:
    """The difference to the policy's own log in standard errors of both."""
    mine, its = ((each.high - each.low) / 2.0 / normal_quantile(0.975) for each in (one, own))
    return (one.value - own.value) / float(np.hypot(mine, its))


def _expected(log: Log, items: int, folds: int = 5) -> Float64[np.ndarray, "n items"]:
    """Click rates of the items, shrunk to the mean, from the other folds."""
    fold = np.random.default_rng(76).integers(0, folds, len(log.item))
    found: NDArray[np.float64] = np.zeros((len(log.item), items))
    for held in range(folds):
        rest = fold != held
        shown = np.bincount(log.item[rest], minlength=items)
        clicked = np.bincount(log.item[rest], log.click[rest], minlength=items)
        found[~rest] = (clicked + _PRIOR_ROWS * log.click[rest].mean()) / (shown + _PRIOR_ROWS)
    return found


def _shown(one: Estimate) -> str:
    return f"{1000 * one.value:.2f} [{1000 * one.low:.2f}, {1000 * one.high:.2f}]"


if __name__ == "__main__":
    main()
