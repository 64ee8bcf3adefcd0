"""What every response model promises, whatever it has learned; and what its code (TI, TA, TR) in TIN's Table 1 says."""

import dataclasses
import io
import itertools
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tactful.errors import InvalidFeatures, InvalidModel
from tactful.models import baselines
from tactful.models.baselines import RESPONSE_MODELS, resolve
from tactful.models.onnx import BLOCK_ROWS, Graph
from tactful.models.sequence import ResponseModel, SequenceBatch, Shape
from tactful.models.time_bias import TimeBias
from tactful.models.tin import TIN
from tactful.training.export import export
from tactful.training.fit import seeded

SHAPE = Shape(items=(40, 7), context=(3,), length=12, gaps=4)
B, L, DIM = 9, 8, 8
PADDING_ID = 10**9

Make = Callable[[Shape], nn.Module]


def _of(name: str, **arguments: object) -> Make:
    return lambda shape: resolve(name)(shape, DIM, (8, 4), **arguments)


MODELS: dict[str, Make] = {name: _of(name) for name in RESPONSE_MODELS} | {
    "tin by interval": _of("tin", encoding="interval"),
    "tin by both": _of("tin", encoding="both"),
    "tin by order": _of("tin", encoding="order"),
    "tin by timestamp": _of("tin", encoding="timestamp"),
    "tin without TTE": _of("tin", temporal=False),
    "tin without TA": _of("tin", attention=False),
    "tin without TR": _of("tin", representation=False),
    "time_bias by interval": _of("time_bias", by="interval"),
    "sasrec of one block": _of("sasrec", blocks=1),
    "bst of two blocks": _of("bst", blocks=2),
    "split_din without attention": _of("split_din", attention_dim=0),
}
CODES = {
    "average_concat": (False, False, False),
    "average_product": (False, False, True),
    "din_prime": (False, True, False),
    "din": (False, True, True),
    "sim": (True, True, False),
    "gru4rec": (True, False, True),
    "sasrec": (True, False, True),
    "bert4rec": (True, False, True),
    "dien": (True, True, False),
    "dsin": (True, True, False),
    "bst": (True, True, False),
    "split_din": (False, True, True),
    "split_din without attention": (False, False, True),
    "tin": (True, True, True),
    "tin by interval": (True, True, True),
    "tin by both": (True, True, True),
    "tin by order": (True, True, True),
    "tin by timestamp": (True, True, True),
    "time_bias": (True, True, True),
    "time_bias by interval": (True, True, True),
    "tin without TTE": (False, True, True),
    "tin without TA": (True, False, True),
    "tin without TR": (True, True, False),
}
"""Temporal information, target-aware attention, target-aware representation: TIN's Tables 1 and 5."""
AVERAGES_TIME = "tin without TA"
"""Its code says TI, but it adds up behaviours and positions: which was when is lost (TIN, 4.2.2, equation 3)."""


def _model(make: Make, shape: Shape = SHAPE) -> nn.Module:
    return seeded(lambda: make(shape), 3).eval()


def _batch(shape: Shape = SHAPE, rows: int = B, columns: int = L, seed: int = 5) -> SequenceBatch:
    g = torch.Generator().manual_seed(seed)

    def drawn(sizes: tuple[int, ...], *batch: int) -> Tensor:
        fields = [torch.randint(0, size, batch, generator=g) for size in sizes]
        return torch.stack(fields, dim=-1) if fields else torch.zeros(*batch, 0, dtype=torch.int64)

    length = torch.randint(2, columns + 1, (rows,), generator=g)
    length[:2] = torch.tensor([0, columns])
    return SequenceBatch(
        target=drawn(shape.items, rows),
        history=drawn(shape.items, rows, columns),
        length=length,
        gap=torch.randint(min(1, shape.gaps), shape.gaps + 1, (rows, columns), generator=g),
        clock=torch.randint(0, 168, (rows, 1 + columns), generator=g),
        context=drawn(shape.context, rows),
        label=torch.randint(0, 2, (rows,), generator=g).float(),
    )


def _scores(model: nn.Module, batch: SequenceBatch) -> Tensor:
    with torch.no_grad():
        scores: Tensor = model(**batch.inputs())
    return scores


def _seen(batch: SequenceBatch) -> Tensor:
    return torch.arange(batch.history.shape[1]) < batch.length[:, None]


def _read_by_tower(model: nn.Module, batch: SequenceBatch) -> tuple[Tensor, Tensor]:
    """What the history became, interest with or without its product; and the target as the tower reads it."""
    read: list[Tensor] = []
    hook = model.get_submodule("tower").register_forward_pre_hook(lambda _, inputs: read.append(inputs[0]))
    _scores(model, batch)
    hook.remove()
    width = len(SHAPE.items) * DIM
    target_at = read[0].shape[1] - width - len(SHAPE.context) * DIM
    return read[0][:, :target_at], read[0][:, target_at : target_at + width]


@pytest.fixture(params=MODELS, ids=lambda name: name.replace(" ", "_"))
def name(request: pytest.FixtureRequest) -> str:
    """Each model in turn."""
    return str(request.param)


def test_every_file_of_rivals_is_listed_and_every_listed_model_has_its_code() -> None:
    files = {path.stem for path in Path(baselines.__file__).parent.glob("*.py")} - {"__init__"}
    assert files == set(RESPONSE_MODELS) - {"tin", "time_bias"}
    assert set(RESPONSE_MODELS) <= set(CODES)
    assert all(isinstance(_model(MODELS[name]), ResponseModel) for name in RESPONSE_MODELS)
    with pytest.raises(InvalidModel, match="expected one of average_concat"):
        resolve("din2")


def test_a_row_scores_the_same_alone_and_in_a_batch(name: str) -> None:
    model, batch = _model(MODELS[name]), _batch()
    alone = [_scores(model, _rows(batch, slice(i, i + 1))) for i in range(B)]
    torch.testing.assert_close(torch.cat(alone), _scores(model, batch), atol=1e-6, rtol=0)


def test_more_padding_changes_nothing(name: str) -> None:
    model, batch = _model(MODELS[name]), _batch()
    more = SHAPE.length - L
    wider = dataclasses.replace(
        batch,
        history=nn.functional.pad(batch.history, (0, 0, 0, more)),
        gap=nn.functional.pad(batch.gap, (0, more)),
        clock=nn.functional.pad(batch.clock, (0, more)),
    )
    torch.testing.assert_close(_scores(model, wider), _scores(model, batch), atol=1e-6, rtol=0)


def test_what_stands_in_padding_is_never_read(name: str) -> None:
    model, batch, seen = _model(MODELS[name]), _batch(), _seen(_batch())
    clock = torch.where(seen, batch.clock[:, 1:], -PADDING_ID)
    garbage = dataclasses.replace(
        batch,
        history=torch.where(seen[:, :, None], batch.history, PADDING_ID),
        gap=torch.where(seen, batch.gap, -PADDING_ID),
        clock=torch.cat([batch.clock[:, :1], clock], dim=1),
    )
    assert torch.equal(_scores(model, garbage), _scores(model, batch))


def test_every_behaviour_of_a_history_is_read(name: str) -> None:
    model, batch = _model(MODELS[name]), _batch()
    before = _scores(model, batch)
    for column in range(L):
        history = batch.history.clone()
        history[:, column] = (history[:, column] + 1) % torch.tensor(SHAPE.items)
        changed = _scores(model, dataclasses.replace(batch, history=history)) != before
        assert torch.equal(changed, column < batch.length)


@pytest.mark.parametrize("length", [0, L])
def test_scores_and_gradients_are_finite_on_empty_and_full_histories(name: str, length: int) -> None:
    model, batch = _model(MODELS[name]).train(), _batch()
    assert isinstance(model, ResponseModel)
    same = dataclasses.replace(batch, length=torch.full((B,), length))
    loss = model.loss(same)
    torch.autograd.backward(loss)
    assert torch.isfinite(loss)
    assert torch.isfinite(_scores(model, same)).all()
    assert all(p.grad is None or torch.isfinite(p.grad).all() for p in model.parameters())


def test_unknown_items_and_contexts_are_scored_and_add_nothing_unlearned(name: str) -> None:
    model, batch = _model(MODELS[name]), _batch()
    nothing = dataclasses.replace(
        batch,
        target=torch.zeros_like(batch.target),
        history=torch.zeros_like(batch.history),
        context=torch.zeros_like(batch.context),
    )
    assert torch.isfinite(_scores(model, nothing)).all()
    assert not model.get_submodule("items")(nothing.target).any()


def test_a_saved_model_scores_as_before(name: str) -> None:
    model, batch, file = _model(MODELS[name]), _batch(), io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    other = seeded(lambda: MODELS[name](SHAPE), 4).eval()
    assert not torch.equal(_scores(other, batch), _scores(model, batch))
    other.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(_scores(other, batch), _scores(model, batch))


def test_a_step_against_the_gradient_lowers_the_loss_and_moves_every_weight(name: str) -> None:
    model, batch = _model(MODELS[name]).train(), _batch(rows=40)
    assert isinstance(model, ResponseModel)
    before = model.loss(batch)
    torch.autograd.backward(before)
    assert [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []
    with torch.no_grad():
        for p in model.parameters():
            assert p.grad is not None
            p -= 0.05 * p.grad
    assert model.loss(batch).item() < before.item()


@pytest.mark.parametrize("coded", sorted(set(CODES) - {AVERAGES_TIME}))
def test_which_behaviour_was_when_matters_with_temporal_information_alone(coded: str) -> None:
    model, batch = _model(MODELS[coded]), _batch()
    mixed = dataclasses.replace(batch, history=_mixed(batch.history, batch.length))
    same = torch.isclose(_scores(model, mixed), _scores(model, batch), atol=1e-7, rtol=0)
    temporal = CODES[coded][0]
    assert torch.equal(same, torch.full((B,), True) if not temporal else batch.length == 0)


LEARNT, GUESSED = 0.4, math.log(2.0) - 1e-3


@pytest.mark.parametrize("coded", sorted(set(CODES) - {"bst of two blocks", "sasrec of one block"}))
def test_a_model_learns_to_tell_recent_from_old_with_temporal_information_alone(coded: str) -> None:
    """All 4! orders of four items, each item the target once: a response where it was one of the last two."""
    columns = 4
    order = torch.tensor(list(itertools.permutations(range(columns)))).repeat_interleave(columns, dim=0)
    place = torch.arange(columns).repeat(len(order) // columns)
    rows, gap = len(order), torch.arange(1, columns + 1).expand(len(order), columns)
    batch = SequenceBatch(
        target=1 + order.gather(1, place[:, None]),
        history=1 + order[:, :, None],
        length=torch.full((rows,), columns),
        gap=gap,
        clock=torch.cat([torch.full((rows, 1), 20), 20 - 3 * gap], dim=1),
        context=torch.zeros(rows, 0, dtype=torch.int64),
        label=(place < 2).float(),
    )
    model = _model(MODELS[coded], Shape(items=(1 + columns,), context=(), length=columns, gaps=columns)).train()
    assert isinstance(model, ResponseModel)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(100):
        optimiser.zero_grad()
        loss = model.loss(batch)
        torch.autograd.backward(loss)
        optimiser.step()
    loss = model.eval().loss(batch)
    knows = CODES[coded][0] and coded != AVERAGES_TIME
    assert loss < LEARNT if knows else loss > GUESSED


def test_without_attention_tin_knows_that_times_differ_but_not_which_behaviour_was_when() -> None:
    model, batch = _model(_of("tin", encoding="interval", attention=False)), _batch()
    mixed = dataclasses.replace(batch, history=_mixed(batch.history, batch.length))
    torch.testing.assert_close(_scores(model, mixed), _scores(model, batch), atol=1e-6, rtol=0)
    later = dataclasses.replace(batch, gap=batch.gap % SHAPE.gaps + 1)
    assert torch.equal(_scores(model, later) != _scores(model, batch), batch.length > 0)


@pytest.mark.parametrize("coded", CODES)
def test_what_a_history_becomes_depends_on_the_target_with_attention_alone(coded: str) -> None:
    model, batch = _model(MODELS[coded]), _batch()
    other = dataclasses.replace(batch, target=(batch.target + 1) % torch.tensor(SHAPE.items))
    became, became_then = (_interest(coded, model, each) for each in (batch, other))
    attends = CODES[coded][1]
    changed = (became != became_then).any(dim=1) & (batch.length > 0)
    assert torch.equal(changed, (batch.length > 0) & torch.tensor(attends))


@pytest.mark.parametrize("coded", CODES)
def test_interest_is_multiplied_by_the_target_with_representation_alone(coded: str) -> None:
    model, batch = _model(MODELS[coded]), _batch()
    became, target = _read_by_tower(model, batch)
    width = target.shape[1]
    product, interest = became[:, :width], became[:, width:]
    multiplied = interest.shape == product.shape and torch.allclose(product, interest * target, atol=1e-7)
    assert multiplied is CODES[coded][2]


def _interest(coded: str, model: nn.Module, batch: SequenceBatch) -> Tensor:
    became, target = _read_by_tower(model, batch)
    return became[:, target.shape[1] :] if CODES[coded][2] else became


def _rows(batch: SequenceBatch, rows: slice) -> SequenceBatch:
    return SequenceBatch(*(column[rows] for column in vars(batch).values()))


def _mixed(history: Tensor, length: Tensor) -> Tensor:
    """Another order of each history's known columns: the newest becomes the oldest, the others move up."""
    mixed = history.clone()
    for row, n in zip(mixed, length.tolist(), strict=True):
        row[:n] = row[:n].roll(-1, dims=0)
    return mixed


class Together(nn.Module):
    """All models side by side, since an export costs seconds whatever is exported."""

    def __init__(self, models: list[nn.Module]) -> None:
        """Takes the models."""
        super().__init__()
        self.models = nn.ModuleList(models)

    def forward(
        self, target: Tensor, history: Tensor, length: Tensor, gap: Tensor, clock: Tensor, context: Tensor
    ) -> Tensor:
        """Returns the logits of each, a column a model."""
        return torch.stack([model(target, history, length, gap, clock, context) for model in self.models], dim=1)


def test_every_exported_model_scores_as_the_trained_one_for_any_number_of_rows() -> None:
    columns = 4
    shape = dataclasses.replace(SHAPE, length=columns)
    together = Together([_model(make, shape) for make in MODELS.values()])
    graph = Graph(export(together, _batch(shape, 3, columns).inputs()))
    for rows in (1, BLOCK_ROWS + 5):
        batch = _batch(shape, max(rows, 2), columns, seed=rows)
        batch = _rows(batch, slice(0, rows))
        got = graph.run({name: column.numpy() for name, column in batch.inputs().items()})
        np.testing.assert_allclose(got, _scores(together, batch).numpy(), atol=1e-5)


def test_data_without_times_or_contexts_are_read_by_all_but_models_of_intervals() -> None:
    plain = Shape(items=(40,), context=(), length=L, gaps=0)
    for name, make in MODELS.items():
        if name in ("sim", "tin by interval", "tin by both", "time_bias by interval"):
            with pytest.raises(InvalidModel, match="without times"):
                _model(make, plain)
        else:
            assert torch.isfinite(_scores(_model(make, plain), _batch(plain))).all()


def test_histories_longer_than_the_positions_learned_and_impossible_shapes_are_refused() -> None:
    for model in ("tin", "time_bias"):
        with pytest.raises(InvalidFeatures, match="keep the newest"):
            _scores(_model(_of(model)), _batch(columns=SHAPE.length + 1))
    with pytest.raises(InvalidModel, match="an item field or more"):
        Shape(items=(), context=(), length=3, gaps=0)
    with pytest.raises(InvalidModel, match="sizes and a length of 1 or more"):
        Shape(items=(4, 0), context=(), length=3, gaps=0)


def test_dien_tells_the_next_behaviour_from_another_in_training_alone() -> None:
    batch = _batch()
    with_it, without = (_model(_of("dien", auxiliary=share)) for share in (1.0, 0.0))
    assert isinstance(with_it, ResponseModel)
    assert isinstance(without, ResponseModel)
    torch.testing.assert_close(with_it.loss(batch), without.loss(batch))
    with_it.train(), without.train()
    assert with_it.loss(batch) > without.loss(batch) + 1.0


def test_tin_is_the_formula_of_the_paper() -> None:
    model, batch = _model(_of("tin")), _batch()
    assert isinstance(model, TIN)
    became, _ = _read_by_tower(model, batch)
    table = model.get_submodule("encoding.table")
    assert isinstance(table, nn.Embedding)
    for row, n in enumerate(batch.length.tolist()):
        v = model.items(batch.target[row]) + table.weight[0]
        e = model.items(batch.history[row, :n]) + table.weight[1 : n + 1]
        weight = (e @ v / len(v) ** 0.5).softmax(dim=0)
        torch.testing.assert_close(became[row, : len(v)], (weight[:, None] * (e * v)).sum(dim=0), atol=1e-6, rtol=1e-4)


def test_a_number_a_position_moves_the_attention_and_not_what_is_attended_to() -> None:
    model, batch = _model(_of("time_bias")), _batch()
    assert isinstance(model, TimeBias)
    became, _ = _read_by_tower(model, batch)
    for row, n in enumerate(batch.length.tolist()):
        v, e = model.items(batch.target[row]), model.items(batch.history[row, :n])
        weight = (e @ v / len(v) ** 0.5 + model.numbers[:n]).softmax(dim=0)
        torch.testing.assert_close(became[row, : len(v)], (weight[:, None] * (e * v)).sum(dim=0), atol=1e-6, rtol=1e-4)
