"""Export of response models: one history a user for all of her candidates, and what the ids mean beside it."""

import dataclasses
import json
import tempfile
from pathlib import Path

import onnx
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from torch import Tensor, nn

from tactful.models.onnx import Graph
from tactful.models.sequence import Shape
from tactful.models.shared_history import shared
from tactful.training.export import graph_of, noted, refuse_other_scores

_USERS, _CANDIDATES = 3, 2


def export_responses(model: nn.Module, shape: Shape, vocabulary: str) -> bytes:
    """Returns a trained response model as the graph that `models.served_responses` serves.

    Args:
        model: trained on data of `shape`.
        shape: of the data.
        vocabulary: the fingerprint of what their ids stand for, as the data set gives it.

    Raises:
        InvalidModel: when the graph's scores, or those of a shared history, differ from the model's by more than 1e-5.
    """
    model.eval()
    example = _example(shape)
    by_user = shared(model).eval()
    dims = {name: {0: "users"} for name in example} | {"target": {0: "users", 1: "candidates"}}
    data = graph_of(by_user, example, dims)
    with torch.no_grad():
        users, candidates, fields = example["target"].shape
        rows = {name: column.repeat_interleave(candidates, dim=0) for name, column in example.items()}
        rows["target"] = example["target"].reshape(users * candidates, fields)
        one_by_one = model(**rows).view(users, candidates).numpy()
    fed = {name: example[name].numpy() for name in Graph(data).inputs}
    refuse_other_scores(Graph(data).run(fed), one_by_one)
    return noted(data, {"vocabulary": vocabulary, "shape": json.dumps(dataclasses.asdict(shape))})


def quantised(graph: bytes) -> bytes:
    """Returns the graph with weights of eight bits: about a quarter of the size.

    Single scores may move by some hundredths; what is lost of the AUC is in `docs/explanation/performance.md`.
    """
    model = onnx.load_from_string(graph)
    del model.graph.value_info[:]  # shapes that hold no more once weights are of another type
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder) / "before.onnx", Path(folder) / "after.onnx"
        onnx.save(model, before)
        quantize_dynamic(before, after, weight_type=QuantType.QInt8)
        return after.read_bytes()


def _example(shape: Shape) -> dict[str, Tensor]:
    """Three users with a full, a short and an empty history, of two candidates each."""
    g, length = torch.Generator().manual_seed(0), shape.length

    def ids(sizes: tuple[int, ...], *rows: int) -> Tensor:
        columns = [torch.randint(0, size, rows, generator=g) for size in sizes]
        return torch.stack(columns, dim=-1) if columns else torch.zeros((*rows, 0), dtype=torch.int64)

    return {
        "target": ids(shape.items, _USERS, _CANDIDATES),
        "history": ids(shape.items, _USERS, length),
        "length": torch.tensor([length, (length + 1) // 2, 0]),
        "gap": torch.randint(0, shape.gaps + 1, (_USERS, length), generator=g),
        "clock": torch.randint(0, 168, (_USERS, 1 + length), generator=g) * (shape.gaps > 0),
        "context": ids(shape.context, _USERS),
    }
