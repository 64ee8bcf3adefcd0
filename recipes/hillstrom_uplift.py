"""Hillstrom: whom to mail? The best p % by predicted uplift, against random choice and against a response model.

Source: K. Hillstrom, "The MineThatData e-mail analytics and data mining challenge", 2008: 64,000 customers, a third
each mailed about men's goods, about women's goods, or not at all, by chance.
Command: `python recipes/hillstrom_uplift.py`; cells on file under `results/hillstrom_uplift` are not computed again. It
prints the tables of the page; `--plot FILE` writes its picture, `--slice 20` takes one customer in 20.
Data: `hillstrom`. Seeds: 10 dealings of three folds; every score is out of fold. No setting was chosen by a result.
Hardware: one x86-64 core, about 3 minutes idle.
Expected: the tables of `docs/explanation/volume-real-data.md`.
"""

import argparse
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from tactful.experiments.uplift import (
    contributions,
    fractional_rank,
    gain,
    gain_difference,
    gain_over_random,
    qini,
    qini_difference,
)
from volume_real import cells, hillstrom_page
from volume_real.cells import CheckCell, UpliftCell, rounded
from volume_real.fitting import boosted, by_fold
from volume_real.randomisation import clustered_auc
from volume_real.shoppers import MAILINGS, OUTCOMES, Shoppers, read
from volume_real.uplift_models import MODELS, RESPONSE, dealt, scores

SEEDS: Final = 10
SHARES: Final = (0.1, 0.2, 0.3, 0.5, 0.7)


def main(words: Sequence[str] | None = None) -> None:
    """Computes the missing cells and shows all."""
    arguments = _arguments(words)
    folder = arguments.results / (f"slice-{arguments.slice}" if arguments.slice > 1 else "")
    seeds = 1 if arguments.slice > 1 else arguments.seeds
    for mailing in MAILINGS:
        _complete(folder, read(arguments.data, mailing, arguments.slice), mailing, seeds)
    found = [cell for path in sorted(folder.glob("*-*.ndjson")) for cell in cells.read(path, UpliftCell)]
    checks = cells.read(folder / "randomised.ndjson", CheckCell)
    if arguments.plot:
        arguments.plot.write_bytes(hillstrom_page.picture(found))
    print("\n\n".join([*hillstrom_page.tables(found), *hillstrom_page.facts(found, checks)]))


def _complete(folder: Path, shoppers: Shoppers, mailing: str, seeds: int) -> None:
    """Appends the cells of a mailing that are not on file."""
    checked = {cell.mailing for cell in cells.read(folder / "randomised.ndjson", CheckCell)}
    if mailing not in checked:
        cells.append(folder / "randomised.ndjson", iter([_check(shoppers, mailing)]))
    for outcome in OUTCOMES:
        path = folder / f"{mailing}-{outcome}.ndjson"
        done = {(cell.model, cell.seed) for cell in cells.read(path, UpliftCell)}
        missing = [(model, seed) for seed in range(seeds) for model in MODELS if (model, seed) not in done]
        cells.append(path, _cells(shoppers, mailing, outcome, missing))


def _check(shoppers: Shoppers, mailing: str) -> CheckCell:
    """Returns how well a booster foretells, out of fold, who is mailed."""
    treated = shoppers.mailed.astype(np.float64)
    score = by_fold(
        dealt(shoppers, 0),
        lambda rows: lambda held: boosted(shoppers.known[rows], treated[rows], "binary")(shoppers.known[held]),
    )
    return CheckCell(mailing, rounded(clustered_auc(score, shoppers.mailed, np.arange(len(shoppers)))))


def _cells(shoppers: Shoppers, mailing: str, outcome: str, missing: Sequence[tuple[str, int]]) -> Iterator[UpliftCell]:
    """Yields the missing (model, seed) of one mailing and outcome; the models of a seed are fitted together."""
    for seed in sorted({seed for _, seed in missing}):
        began, fold = time.process_time(), dealt(shoppers, seed)
        found, expected = scores(shoppers, outcome, fold)
        z = contributions(shoppers.outcome[outcome], shoppers.mailed, shoppers.probability, expected)
        rank = {model: fractional_rank(score, fold) for model, score in found.items()}
        rival, cost = rank[RESPONSE], round((time.process_time() - began) / len(MODELS), 3)
        for model in [model for model in MODELS if (model, seed) in missing]:
            own = rank[model]
            yield UpliftCell(
                mailing=mailing,
                outcome=outcome,
                model=model,
                seed=seed,
                customers=len(shoppers),
                everyone=rounded(gain(own, z, 1.0)),
                qini=rounded(qini(own, z)),
                qini_over_response=rounded(qini_difference(own, rival, z)),
                gains={
                    f"{share:g}": (
                        rounded(gain(own, z, share)),
                        rounded(gain_over_random(own, z, share)),
                        rounded(gain_difference(own, rival, z, share)),
                    )
                    for share in SHARES
                },
                cpu_seconds=cost,
            )


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    here = Path(__file__).resolve().parent
    data = os.environ.get("TACTFUL_DATA", here.parents[1] / "shared" / "data")
    parser = argparse.ArgumentParser(description="Whom to mail, on Hillstrom's randomised mailing.")
    parser.add_argument("--data", type=Path, default=Path(data), help="the folder of data sets")
    parser.add_argument("--results", type=Path, default=here / "results" / "hillstrom_uplift", help="cells")
    parser.add_argument("--slice", type=int, default=1, metavar="N", help="one customer in N (1: all), one seed")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="dealings of the folds")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="write the page's picture as PNG")
    return parser.parse_args(words)


if __name__ == "__main__":
    main()
