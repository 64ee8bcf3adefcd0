"""The trained models that ship with the package: what `tactful demo` decides with, learned from other simulated people.

Command: `python recipes/demo_models.py`; it writes `src/tactful/models/shipped/*.model` anew. What takes long is kept
in the scratch folder. Data: one simulated world of 10,000 people that nobody is scored in (seed 3009; the demo's is the
one it is asked for, 0 by default). Hardware: two x86-64 cores, about ten minutes.
Expected: three files, under 5 MB together. `tests/models/test_shipped.py` says when they must be made anew: when what
rankers or volume models read has changed, since a model of another schema is refused.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tactful.errors import NotEnoughData
from tactful.models import served
from tactful.models.shipped import FILES
from tactful.simulator.bench.teach import Sizes, learned

SEED: Final = 9


def main(words: Sequence[str] | None = None) -> None:
    """Trains what is missing in the scratch folder and writes the files."""
    parser = argparse.ArgumentParser(description="Trains the models that ship with the package.")
    here = Path(__file__).resolve().parents[1]
    folder = here / "src" / "tactful" / "models" / "shipped"
    parser.add_argument("--out", type=Path, default=folder, help="where the files go")
    parser.add_argument("--users", type=int, default=Sizes.training, help="people of the world that teaches")
    scratch = Path(tempfile.gettempdir()) / "tactful-demo-models"
    parser.add_argument("--scratch", type=Path, default=scratch, help="where logs and models are kept between runs")
    arguments = parser.parse_args(words)
    models = learned(SEED, Sizes(training=arguments.users), arguments.scratch)
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, model in {"ranker": models.ranker, "hours": models.hours, "volume": models.volume.model}.items():
        if model is None:
            raise NotEnoughData("got no ranker that is better than the simple predictors; take more people (--users)")
        data = served.save(model)
        (arguments.out / FILES[name]).write_bytes(data)
        print(f"{FILES[name]}: {served.name_of(model)} {model.version}, {len(data) / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
