"""The learned semantic-temporal correlation: the formulas of TIN's Table 2, by hand."""

import math

import pytest
import torch
from torch import Tensor, nn

from tactful.errors import InvalidFeatures, InvalidModel
from tactful.models.baselines import resolve
from tactful.models.correlation import learned_correlation
from tactful.models.sequence import Shape
from tactful.training.fit import seeded

SHAPE = Shape(items=(9, 4), context=(), length=6, gaps=3)
BEHAVIOUR, TARGET = torch.tensor([[3, 2], [3, 2], [3, 2], [1, 1]]), torch.tensor([[5, 2]]).repeat(4, 1)
POSITION, LENGTH = torch.tensor([1, 4, 1, 2]), torch.tensor([6, 6, 3, 6])


def _model(name: str, **arguments: object) -> nn.Module:
    return seeded(lambda: resolve(name)(SHAPE, 4, (4,), **arguments), 2).eval()


def _correlation(model: nn.Module) -> Tensor:
    with torch.no_grad():
        return learned_correlation(model, BEHAVIOUR, TARGET, POSITION, LENGTH)


def _item(model: nn.Module, ids: Tensor) -> Tensor:
    out: Tensor = model.get_submodule("items")(ids)
    return out


def _table(model: nn.Module, name: str) -> Tensor:
    table = model.get_submodule(name)
    assert isinstance(table, nn.Embedding)
    return table.weight


def _z(e: Tensor, v: Tensor) -> Tensor:
    return (e * v).sum(dim=1) / math.sqrt(8)


def test_tin_multiplies_attention_and_representation_of_what_and_when() -> None:
    model = _model("tin")
    p = _table(model, "encoding.table")
    e, v = _item(model, BEHAVIOUR) + p[POSITION], _item(model, TARGET) + p[0]
    torch.testing.assert_close(_correlation(model), _z(e, v).exp() * (e * v).norm(dim=1))
    torch.testing.assert_close(_correlation(_model("tin", attention=False)), (e * v).norm(dim=1))
    model = _model("tin", representation=False)
    torch.testing.assert_close(_correlation(model), _z(e, v).exp() * e.norm(dim=1))


def test_a_number_a_position_is_part_of_the_logit_and_not_of_the_representation() -> None:
    model = _model("time_bias")
    e, v, numbers = _item(model, BEHAVIOUR), _item(model, TARGET), model.get_parameter("numbers")
    expected = (_z(e, v) + numbers[POSITION - 1]).exp() * (e * v).norm(dim=1)
    torch.testing.assert_close(_correlation(model), expected)
    with pytest.raises(InvalidModel, match="by position"):
        _correlation(_model("time_bias", by="interval"))


@pytest.mark.parametrize("model", [_model("tin", temporal=False), _model("din")], ids=["tin", "din"])
def test_without_temporal_information_all_positions_are_alike(model: nn.Module) -> None:
    near, far, short, other = _correlation(model).tolist()
    assert near == far == short != other


def test_chronological_order_tells_a_position_apart_by_the_length_of_the_history() -> None:
    near, _, short, _ = _correlation(_model("tin")).tolist()
    assert near == short
    for model in (_model("tin", encoding="order"), _model("sasrec"), _model("bst")):
        near, _, short, _ = _correlation(model).tolist()
        assert near != short


def test_sasrec_and_bst_have_no_attention_to_and_no_product_with_the_target() -> None:
    model = _model("sasrec")
    e = _item(model, BEHAVIOUR) + _table(model, "order.table")[LENGTH - POSITION]
    torch.testing.assert_close(_correlation(model), (e * _item(model, TARGET)).norm(dim=1))
    model = _model("bst")
    p = _table(model, "order.table")
    e, v = _item(model, BEHAVIOUR) + p[LENGTH - POSITION], _item(model, TARGET) + p[LENGTH]
    torch.testing.assert_close(_correlation(model), _z(e, v).exp() * e.norm(dim=1))


def test_other_models_other_encodings_and_positions_outside_the_history_are_refused() -> None:
    with pytest.raises(InvalidModel, match="expected TIN, TimeBias by position, DIN, SASRec or BST"):
        _correlation(_model("dien"))
    with pytest.raises(InvalidModel, match="expected positions or chronological order"):
        _correlation(_model("tin", encoding="interval"))
    with pytest.raises(InvalidFeatures, match="1 \\(the newest\\)"):
        learned_correlation(_model("tin"), BEHAVIOUR, TARGET, POSITION, POSITION - 1)
