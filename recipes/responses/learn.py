"""How a neural model of the tables is tuned and fitted: the same eight settings, rows, batches and loop for all.

Tuning learns on a quarter of the users and looks at their validation rows; the setting with the lowest log loss there
is used with every seed. Every fit keeps a checkpoint: what was interrupted goes on, and what is done is not done again.
"""

import time
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from responses.cells import read
from responses.data import ResponseData
from responses.models import NEURAL
from tactful.training.dataset import by_length
from tactful.training.fit import Course, Learned, fit, seeded
from tactful.training.row_adagrad import Rows
from tactful.training.sequences import Sequences
from volume_real.cells import append

SHARE: Final = 0.25
"""Of the users, to tune on."""
BATCH_ROWS: Final = 256
MAX_EPOCHS: Final = 4
PATIENCE: Final = 1
_AT_ONCE: Final = 4096


class Setting(msgspec.Struct, frozen=True):
    """What is tuned: learning rates of the network and of the tables, L2 of the tables' touched rows, and dropout."""

    learning_rate: float
    table_rate: float
    decay: float
    dropout: float


SETTINGS: Final = (
    Setting(3e-3, 0.1, 3e-4, 0.0),
    Setting(1e-3, 0.1, 3e-4, 0.0),
    Setting(1e-2, 0.1, 3e-4, 0.0),
    Setting(3e-2, 0.1, 3e-4, 0.0),
    Setting(1e-3, 0.05, 3e-4, 0.0),
    Setting(3e-3, 0.2, 3e-4, 0.0),
    Setting(3e-3, 0.1, 1e-3, 0.0),
    Setting(3e-3, 0.1, 3e-4, 0.3),
)
"""A middle, and what lies around it, so that the winners have losers on both sides in both rates.

Settled on validation rows with TIN, ours, DIN, average pooling & product and SASRec (`docs/log.md`). There is no lower
L2, which a quarter of the users prefers and all of them do not.
"""


class Trial(msgspec.Struct, frozen=True):
    """One setting of one model, tried on a quarter of the users; `losses` are the validation log losses by epoch."""

    data: str
    checksum: str
    model: str
    setting: Setting
    losses: tuple[float, ...]
    cpu_seconds: float


def tuned(data: ResponseData, model: str, trials: Path) -> Setting:
    """Returns the best of the settings, trying those that are not on file."""
    done = [trial for trial in read(trials, Trial) if (trial.data, trial.checksum, trial.model) == _case(data, model)]
    missing = [setting for setting in SETTINGS if setting not in {trial.setting for trial in done}]
    if missing:
        few = data.share(SHARE)
        for setting in missing:
            trial = _tried(few, model, setting)
            append(trials, iter([trial]))
            done.append(trial)
    return min(done, key=lambda trial: min(trial.losses)).setting


def fitted(data: ResponseData, model: str, setting: Setting, seed: int, kept: Path) -> tuple[nn.Module, Learned]:
    """Returns the model that the training rows teach, and how it went.

    Args:
        data: its test rows are not read.
        model: a name in `NEURAL`.
        setting, seed: how, and with which luck.
        kept: a folder for checkpoints. If the fit is already there, it is read.
    """
    kept.mkdir(parents=True, exist_ok=True)
    checkpoint = kept / f"{data.name}-{model}-{seed}.pt"
    made = seeded(lambda: NEURAL[model].make(data.shape, setting.dropout), seed)
    return made, fit(made, data.train, data.validation, course(setting, seed), resume=checkpoint)


def foretold(model: nn.Module, rows: Sequences) -> NDArray[np.float64]:
    """Returns the probability of a response in each row."""
    p = np.empty(len(rows))
    model.eval()
    with torch.no_grad():
        for chosen in by_length(rows, _AT_ONCE):
            p[chosen] = model(**rows.batch(chosen).inputs()).double().sigmoid().numpy()
    return p


def course(setting: Setting, seed: int) -> Course:
    """Returns how a setting is learned with; all else is the same for all models."""
    return Course(
        setting.learning_rate,
        batch_rows=BATCH_ROWS,
        max_epochs=MAX_EPOCHS,
        patience=PATIENCE,
        seed=seed,
        rows=Rows(setting.table_rate, setting.decay),
    )


def _case(data: ResponseData, model: str) -> tuple[str, str, str]:
    return data.name, data.checksum, model


def _tried(few: ResponseData, model: str, setting: Setting) -> Trial:
    began = time.process_time()
    made = seeded(lambda: NEURAL[model].make(few.shape, setting.dropout), 0)
    losses = fit(made, few.train, few.validation, course(setting, 0)).losses
    rounded = tuple(round(loss, 6) for loss in losses)
    return Trial(*_case(few, model), setting, rounded, round(time.process_time() - began, 1))
