"""Checkpoints: what a run needs in order to go on to the same bits, in one file that is never half written."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tactful.errors import UnreadableInput

_FORMAT = 2


@dataclass
class Checkpoint:
    """A run after some epochs: the model and the optimiser as they are, and the best weights so far.

    `run` names the settings, as text, and is compared on resuming. `losses` are the validation losses, one an epoch;
    `best_epoch` counts from 0. Random numbers need no state: they are drawn from (seed, epoch).
    """

    run: str
    model: dict[str, Tensor]
    optimiser: dict[str, Any]
    best: dict[str, Tensor]
    best_epoch: int
    losses: list[float] = field(default_factory=list)


def save(checkpoint: Checkpoint, path: Path) -> None:
    """Writes a checkpoint; a reader sees the old file or the new one, whenever the machine stops."""
    beside = path.with_name(path.name + ".new")
    content = vars(checkpoint) | {"format": _FORMAT}
    with beside.open("wb") as file:
        torch.save(content, file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def load(path: Path, run: str) -> Checkpoint:
    """Returns the checkpoint of a file. Nothing in the file is executed: it may hold tensors and plain values only.

    Raises:
        UnreadableInput: for a file of something else, or of a run with other settings.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        if content.pop("format") != _FORMAT:
            raise KeyError("format")
        checkpoint = Checkpoint(**content)
    except Exception as error:  # torch names no error of its own: a damaged file may raise nearly anything
        raise UnreadableInput(f"got {path}, which is no checkpoint ({error}); delete it to begin anew") from error
    if checkpoint.run != run:
        raise UnreadableInput(
            f"got {path} of a run with {checkpoint.run}, expected {run}; delete it to begin anew, or resume as it began"
        )
    return checkpoint
