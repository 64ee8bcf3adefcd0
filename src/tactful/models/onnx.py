"""ONNX graphs run by onnxruntime: one thread, no spinning, always in blocks of one size.

Scores of floats depend on the shape of the batch in the last bits. In blocks of one size a row has the same bits
alone and among a million; users are spread over processes, not threads.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from tactful.errors import InvalidModel, InvalidSettings

BLOCK_ROWS: Final = 32
"""Rows of a block: a few are scored at little cost, many without much waste."""
ANY: Final = -1
"""The size of a dimension that the graph leaves open."""
CPU: Final = "CPUExecutionProvider"
"""The provider that every onnxruntime has; others, such as `CUDAExecutionProvider`, need their own build of it."""


class Graph:
    """A graph whose inputs and single output have the row as their first dimension."""

    def __init__(self, data: bytes, provider: str = CPU) -> None:
        """Takes a serialised graph, and the provider of onnxruntime that runs it; what that one lacks runs on the CPU.

        Raises:
            InvalidModel: for bytes that hold none.
            InvalidSettings: for a provider that onnxruntime does not have here, or that does not start.
        """
        _refuse_missing(provider)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(data, options, providers=[provider])
        except Exception as error:  # onnxruntime's errors share no base but this
            raise InvalidModel(f"got {len(data)} bytes that hold no ONNX graph: {error}; export again") from error
        if self._session.get_providers()[0] != provider:  # onnxruntime goes on with the CPU, and only warns
            raise InvalidSettings(
                f"got the provider {provider!r}, which does not start here; see the log, or take {CPU!r}"
            )
        self._inputs = {
            one.name: tuple(size if isinstance(size, int) else ANY for size in one.shape[1:])
            for one in self._session.get_inputs()
        }
        (output,) = self._session.get_outputs()
        self._output = output.name

    @property
    def inputs(self) -> Mapping[str, tuple[int, ...]]:
        """The shape of one row of each input, by name; `ANY` where a dimension may have any size."""
        return self._inputs

    @property
    def notes(self) -> Mapping[str, str]:
        """What the exporter wrote beside the graph."""
        notes: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
        return notes

    def run(self, columns: Mapping[str, NDArray[Any]], block_rows: int = BLOCK_ROWS) -> NDArray[np.float32]:
        """Returns the output for all rows, computed in blocks of so many.

        Raises:
            InvalidModel: for other inputs than the graph's, or rows of another shape.
        """
        got = {name: column.shape[1:] for name, column in columns.items()}
        if got.keys() != self._inputs.keys() or not all(_fits(got[name], of) for name, of in self._inputs.items()):
            raise InvalidModel(f"got inputs with rows of {got}, expected {self._inputs}")
        n = len(next(iter(columns.values())))
        starts = range(0, max(n, 1), block_rows)  # no row at all is a block, too: its shape is asked for
        parts = [self._block({k: v[s : s + block_rows] for k, v in columns.items()}, block_rows) for s in starts]
        return np.concatenate(parts)[:n]

    def _block(self, columns: Mapping[str, NDArray[Any]], rows: int) -> NDArray[np.float32]:
        padded = {
            name: column
            if len(column) == rows
            else np.concatenate([column, np.zeros((rows - len(column), *column.shape[1:]), column.dtype)])
            for name, column in columns.items()
        }
        (out,) = self._session.run([self._output], padded)
        return np.asarray(out, dtype=np.float32)


def _refuse_missing(provider: str) -> None:
    known = onnxruntime.get_available_providers()
    if provider not in known:
        raise InvalidSettings(
            f"got the provider {provider!r}, expected one that this onnxruntime has: {', '.join(known)}; "
            "install the build of onnxruntime that has it"
        )


def _fits(got: tuple[int, ...], expected: tuple[int, ...]) -> bool:
    return len(got) == len(expected) and all(b in (a, ANY) for a, b in zip(got, expected, strict=True))
