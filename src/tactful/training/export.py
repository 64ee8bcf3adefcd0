"""Export: a trained torch model becomes an ONNX graph, and is compared with itself before anybody is served by it."""

import warnings
from collections.abc import Mapping
from typing import Final

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tactful.errors import InvalidModel
from tactful.models.onnx import Graph

TOLERANCE: Final = 1e-5
"""How far a score of the graph may be from torch's: absolute, or relative for scores above 1."""
_OPSET: Final = 18


def export(model: nn.Module, example: Mapping[str, Tensor]) -> bytes:
    """Returns the model as an ONNX graph for any number of rows, with inputs of the example's names.

    Args:
        model: its `forward` takes the example's tensors by these names, in this order, and returns one tensor.
        example: two rows or more (a batch of one would be taken for a constant), as they will be served.

    Raises:
        InvalidModel: for an example of one row, or when the graph's scores differ from torch's by more than 1e-5.
    """
    rows = {len(column) for column in example.values()}
    if len(rows) != 1 or min(rows) < 2:
        raise InvalidModel(f"got an example of {sorted(rows)} rows, expected two or more, the same of every input")
    model.eval()
    data = graph_of(model, example, {name: {0: "rows"} for name in example})
    graph = Graph(data)
    with torch.no_grad():
        for part in (example, {name: column[:1] for name, column in example.items()}):
            refuse_other_scores(
                graph.run({name: column.numpy() for name, column in part.items()}), model(*part.values()).numpy()
            )
    return data


def graph_of(model: nn.Module, example: Mapping[str, Tensor], dims: Mapping[str, Mapping[int, str]]) -> bytes:
    """Returns the model as an ONNX graph that is not compared yet.

    Args:
        model, example: as of `export`.
        dims: the dimensions of each input that may have any size, by name; those of one name are of one size.
    """
    free = {name: torch.export.Dim(name, min=1) for of in dims.values() for name in of.values()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own, about its own parts
        program = torch.onnx.export(
            model,
            tuple(example.values()),
            input_names=list(example),
            output_names=["scores"],
            dynamic_shapes=tuple({at: free[name] for at, name in dims[column].items()} for column in example),
            opset_version=_OPSET,
            dynamo=True,
            verbose=False,
        )
    if program is None:
        raise InvalidModel("the exporter returned nothing; see its messages")
    data: bytes = program.model_proto.SerializeToString()
    return data


def noted(graph: bytes, notes: Mapping[str, str]) -> bytes:
    """Returns the graph with notes beside it, for `models.onnx.Graph.notes`.

    What the exporter remarks on each node (lines of source, shapes) is left out: more than half of a small graph.
    """
    model = onnx.load_from_string(graph)
    del model.graph.value_info[:]
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for key, value in notes.items():
        note = model.metadata_props.add()
        note.key, note.value = key, value
    data: bytes = model.SerializeToString()
    return data


def refuse_other_scores(served: NDArray[np.float32], eager: NDArray[np.float32]) -> None:
    """Refuses scores that differ by more than the tolerance.

    Raises:
        InvalidModel: for other scores, or another shape of them.
    """
    if served.shape != eager.shape:
        raise InvalidModel(f"got scores of shape {served.shape} after export, expected {eager.shape}")
    gap = float((np.abs(served - eager) / np.maximum(np.abs(eager), 1.0)).max(initial=0.0))
    if not gap <= TOLERANCE:
        raise InvalidModel(
            f"got scores that differ by {gap:.2g} after export, expected {TOLERANCE:g} at most; "
            "an operator of the model is not exported as it computes"
        )
