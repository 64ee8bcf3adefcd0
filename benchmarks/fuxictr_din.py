"""The other side of `train_responses.py`: DIN of FuxiCTR, trained by its own loop on its own data path.

Runs in an environment of its own, which `train_responses.py` is told of; it is started by that script:

    python3 -m venv /tmp/fuxictr && /tmp/fuxictr/bin/pip install torch==2.13.0 fuxictr==2.3.10

The model and the loader are those that the package ships (`model_zoo.LongCTR`): a table of users with their
behaviours and a table of items, joined for each batch by pandas. Left at their defaults: Adam on dense gradients, a
gradient norm of 10 at most, an attention of 64 Dice units. Each line on standard input is answered by one epoch, as a
line of JSON.
"""

import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from fuxictr.features import FeatureMap
from model_zoo.LongCTR.DIN import DIN
from model_zoo.LongCTR.longctr_dataloader import LongCTRDataLoader


def tables(arrays: Any, folder: Path) -> dict[str, str]:
    """Writes the three tables that the loader reads; returns their paths."""
    items = pd.DataFrame({"item_index": np.arange(len(arrays["items"])), "item_id": arrays["items"][:, 0]})
    items["category"] = arrays["items"][:, 1]
    rows = {"user_index": np.arange(len(arrays["target"])), "item_index": arrays["target"].astype(np.int64)}
    rows["seq_len"] = np.full(len(arrays["target"]), arrays["history"].shape[1])
    rows["label"] = arrays["label"].astype(np.int64)
    users = pd.DataFrame({"full_item_seq": list(arrays["history"].astype(np.int64))})
    parts = {"items": items, "rows": pd.DataFrame(rows), "users": users}
    for name, part in parts.items():
        part.to_parquet(folder / f"{name}.parquet")
    return {name: str(folder / f"{name}.parquet") for name in parts}


def features(sizes: list[int], dim: int, folder: Path) -> FeatureMap:
    """Returns FuxiCTR's description of two item fields, and of three columns that no model reads."""
    described = FeatureMap("made_up", str(folder))
    described.labels = ["label"]
    for name in ("user_index", "item_index", "seq_len"):
        described.features[name] = {"type": "meta", "source": ""}
    for name, size in zip(("item_id", "category"), sizes, strict=True):
        described.features[name] = {"type": "categorical", "source": "item", "vocab_size": size, "padding_idx": 0}
    described.default_emb_dim = dim
    described.num_fields = described.get_num_fields()
    described.set_column_index()
    return described


def main(folder: Path, batch_rows: int, dim: int, hidden: list[int]) -> None:
    """Answers each line with an epoch: rows, CPU seconds with and without the making of batches, peak memory."""
    torch.set_num_threads(1)
    arrays = np.load(folder / "rows.npz")
    sizes = [int(column.max()) + 1 for column in arrays["items"].T]
    described, paths = features(sizes, dim, folder), tables(arrays, folder)
    loader = LongCTRDataLoader(
        described, paths["rows"], paths["users"], paths["items"], batch_rows, True, num_workers=0, max_len=50
    )
    settings = {"optimizer": "adam", "loss": "binary_crossentropy", "metrics": ["AUC"], "verbose": 0}
    settings |= {"model_root": str(folder), "embedding_dim": dim, "dnn_hidden_units": hidden}
    model = DIN(described, **settings)
    model._max_gradient_norm, model._total_steps, model._eval_steps, model._stop_training = 10.0, 0, 10**9, False
    ready = list(loader)
    for _ in sys.stdin:
        began = time.process_time()
        model.train_epoch(loader)
        between = time.process_time()
        model.train_epoch(ready)
        ended = time.process_time()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        figures = {"rows": len(loader.dataset), "cpu_s": between - began, "ready_cpu_s": ended - between}
        print(json.dumps(figures | {"peak_mb": peak}), flush=True)


if __name__ == "__main__":
    os.environ["OMP_NUM_THREADS"] = "1"
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), [int(width) for width in sys.argv[4].split("-")])
