"""Linear rivals of the neural models: what may be told of a response without learning from sequences.

Every rival is fitted on the training rows and chooses its settings, like every neural model, among eight trials on a
quarter of the users by the log loss of their validation rows. The test is never looked at.
"""

from collections.abc import Callable
from itertools import product
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_array

from responses.data import ResponseData
from responses.matches import Floats, ids, matches, near_matches
from tactful.experiments.metrics import log_loss
from tactful.training.sequences import Sequences

Predict = Callable[[Sequences], Floats]
"""Probabilities of a response, a row each."""
SHARE: Final = 0.25
"""Of users to tune on."""
RIDGES: Final = (1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 1e-5)
PRIORS: Final = tuple(product((1.0, 2.0, 4.0, 8.0), (4.0, 16.0)))
"""Of the additive model: how strongly user and item effects are pulled to 0."""
_WEAKEST: Final = 1e-3


class Fitted(NamedTuple):
    """A model ready to predict, and the settings that it chose."""

    predict: Predict
    settings: dict[str, float]


Fit = Callable[[ResponseData, int], Fitted]
"""From a data set and a seed, which only the trees use."""


def popularity(data: ResponseData, seed: int) -> Fitted:
    """Foretells by how often the target was responded to in training (log of the count + 1)."""
    liked = data.train.samples.target[data.train.samples.label == 1]
    count = np.bincount(liked, minlength=1 + max(int(part.samples.target.max()) for part in (data.train, data.test)))

    def score(part: Sequences) -> Floats:
        return np.asarray(np.log1p(count[part.samples.target]))

    return Fitted(_calibrated(score, data.train), {})


def near(data: ResponseData, seed: int) -> Fitted:
    """Foretells by `Σ 1/k` over the positions k whose behaviour is of the target's category."""
    return Fitted(_calibrated(lambda part: near_matches(part, data.category), data.train), {})


def additive(data: ResponseData, seed: int) -> Fitted:
    """Foretells by the sum of an effect of the user, one of the item, and one of the context's first field, in logits.

    The only rival that knows who the user is. Effects have normal priors of mean 0: the penalty of an effect is half
    its square times the precision in `PRIORS`.
    """
    trial = data.share(SHARE)
    loss = [_loss(_additive(trial.train, priors), trial.validation) for priors in PRIORS]
    user, item = PRIORS[int(np.argmin(loss))]
    return Fitted(_additive(data.train, (user, item)), {"user": user, "item": item})


def logistic(data: ResponseData, seed: int) -> Fitted:
    """Fits a logistic regression on counts of matches by field and position, and on the context as indicators."""
    trial = data.share(SHARE)
    table, checked = _indicated(trial.train), _indicated(trial.validation)
    label = trial.validation.samples.label == 1
    loss = [log_loss(_ridge(table, trial.train.samples.label, ridge)(checked), label) for ridge in RIDGES]
    ridge = RIDGES[int(np.argmin(loss))]
    fitted = _ridge(_indicated(data.train), data.train.samples.label, ridge)
    return Fitted(lambda part: fitted(_indicated(part)), {"ridge": ridge})


def _calibrated(score: Predict, train: Sequences) -> Predict:
    """A score as a probability: logistic in one variable, rising, so that the order is that of the score."""
    x, y = score(train), train.samples.label.astype(np.float64)

    def loss(w: Floats) -> float:
        z = w[0] + w[1] * x
        return float((np.logaddexp(0.0, z) - y * z).mean())

    a, b = minimize(loss, np.array([0.0, 0.1]), method="L-BFGS-B", bounds=[(None, None), (_WEAKEST, None)]).x
    return lambda part: _sigmoid(a + b * score(part))


def _additive(train: Sequences, priors: tuple[float, float]) -> Predict:
    """Effects of users, items and first context ids; those never met keep 0."""
    samples = train.samples
    users = np.unique(samples.user)
    n_items = int(samples.target.max()) + 1
    width = len(users) + n_items + train.shape.context[0]

    def design(part: Sequences) -> tuple[csr_array, NDArray[np.bool_]]:
        s = part.samples
        place = np.minimum(np.searchsorted(users, s.user), len(users) - 1)
        known = np.column_stack([users[place] == s.user, s.target < n_items, s.context[:, 0] > 0])
        column = np.column_stack([place, len(users) + s.target, len(users) + n_items + s.context[:, 0]])
        column = np.where(known, column, 0)
        start = np.arange(0, 3 * len(s) + 1, 3)
        return csr_array((known.ravel().astype(np.float64), column.ravel(), start), shape=(len(s), width)), known

    penalty = np.repeat([*priors, 0.1], [len(users), n_items, train.shape.context[0]])
    x, y = design(train)[0], samples.label.astype(np.float64)

    def loss(w: Floats) -> tuple[float, Floats]:
        z = w[0] + x @ w[1:]
        pull = _sigmoid(z) - y
        value = float((np.logaddexp(0.0, z) - y * z).sum() + 0.5 * (penalty * w[1:] ** 2).sum())
        return value, np.concatenate([[pull.sum()], x.T @ pull + penalty * w[1:]])

    w = np.asarray(minimize(loss, np.zeros(width + 1), jac=True, method="L-BFGS-B", options={"maxiter": 200}).x)
    return lambda part: _sigmoid(w[0] + design(part)[0] @ w[1:])


def _ridge(table: Floats, label: NDArray[np.float32], ridge: float) -> Callable[[Floats], Floats]:
    centre, scale = table.mean(axis=0), table.std(axis=0) + 1e-6
    z, y = (table - centre) / scale, label.astype(np.float64)

    def loss(w: Floats) -> tuple[float, Floats]:
        score = z @ w[1:] + w[0]
        pull = (_sigmoid(score) - y) / len(y)
        value = float((np.logaddexp(0.0, score) - y * score).mean() + 0.5 * ridge * (w[1:] ** 2).sum())
        return value, np.concatenate([[pull.sum()], z.T @ pull + ridge * w[1:]])

    w = np.asarray(minimize(loss, np.zeros(z.shape[1] + 1), jac=True, method="L-BFGS-B", options={"maxiter": 100}).x)
    return lambda other: _sigmoid(((other - centre) / scale) @ w[1:] + w[0])


def _indicated(part: Sequences) -> Floats:
    """Counts of matches, and an indicator for each id of the context."""
    context = [
        column[:, None] == np.arange(size)
        for column, size in zip(ids(part)[:, len(part.shape.items) :].T, part.shape.context, strict=True)
    ]
    return np.concatenate([matches(part), *context], axis=1).astype(np.float64)


def _loss(predict: Predict, part: Sequences) -> float:
    return log_loss(predict(part), part.samples.label == 1)


def _sigmoid(z: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-z)))
