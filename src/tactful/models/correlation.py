"""The semantic-temporal correlation that a response model has learned: how much a behaviour says about a target."""

import math

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from tactful.errors import InvalidFeatures, InvalidModel
from tactful.models.baselines.bst import BST
from tactful.models.baselines.din import DIN
from tactful.models.baselines.sasrec import SASRec
from tactful.models.layers.temporal_encoding import Order, RelativePosition
from tactful.models.time_bias import TimeBias
from tactful.models.tin import TIN


def learned_correlation(
    model: nn.Module,
    behaviour: Int64[Tensor, "n F"],
    target: Int64[Tensor, "n F"],
    position: Int64[Tensor, " n"],
    length: Int64[Tensor, " n"],
) -> Float[Tensor, " n"]:
    """Returns `e^z · ‖r‖₂` of n pairs, z the logit of the attention and r the representation, each before the sum.

    | model       | z                     | r          |
    |-------------|-----------------------|------------|
    | TIN         | ⟨ẽ_i, ṽ_t⟩ / √d       | ẽ_i ⊙ ṽ_t  |
    | TIN w/o TTE | ⟨e_i, v_t⟩ / √d       | e_i ⊙ v_t  |
    | TIN w/o TA  | 0                     | ẽ_i ⊙ ṽ_t  |
    | TIN w/o TR  | ⟨ẽ_i, ṽ_t⟩ / √d       | ẽ_i        |
    | TimeBias    | ⟨e_i, v_t⟩ / √d + b_i | e_i ⊙ v_t  |
    | DIN         | a(e_i, v_t)           | e_i ⊙ v_t  |
    | SASRec      | 0                     | ẽ_i ⊙ v_t  |
    | BST         | ⟨ẽ_i, ṽ_t⟩ / √d       | ẽ_i        |

    with ẽ = e ⊕ p and ṽ = v ⊕ p. Correlations of two models have different units: compare patterns, not sizes.

    Args:
        model: one of those above, TIN by position (TTE-P) or by chronological order, TimeBias by position.
        behaviour, target: ids of their item fields.
        position: of the behaviour, counted from the target; 1 is the newest.
        length: behaviours in its history, on which chronological order depends.

    Raises:
        InvalidModel: for another model, or an encoding of times.
        InvalidFeatures: for a position outside the history.

    Source: TIN (Zhou et al., WWW 2024), section 4.3, equations 4 and 5, Table 2.
    Deviations: all dot products are divided by √d, as in equation 5 and in the models; Table 2 leaves that out. DIN's z
    is its activation unit's logit, since it is what DIN computes; Table 2 has a dot product. BST's is the dot product
    of Table 2: the matrices of its heads are not in it.
    """
    if ((position < 1) | (position > length)).any():
        raise InvalidFeatures("got a position outside the history, expected 1 (the newest) up to its length")
    z, r = _logit_and_representation(model, behaviour, target, position, length)
    norm: Tensor = r.square().sum(dim=1).sqrt()
    return z.exp() * norm


def _logit_and_representation(
    model: nn.Module, behaviour: Tensor, target: Tensor, position: Tensor, length: Tensor
) -> tuple[Tensor, Tensor]:
    """z and r of each pair."""
    match model:
        case TIN():
            e, v = _encoded(model.items, model.encoding, behaviour, target, position, length)
            z = _scaled_dot(e, v) if model.attention else torch.zeros(len(e))
            return z, e * v if model.representation else e
        case TimeBias(by="position"):
            e, v = model.items(behaviour), model.items(target)
            return _scaled_dot(e, v) + model.numbers[position - 1], e * v
        case DIN():
            e, v = model.items(behaviour), model.items(target)
            return model.unit(v, e[:, None, :])[:, 0], e * v
        case SASRec():
            e, _ = _encoded(model.items, model.order, behaviour, target, position, length)
            return torch.zeros(len(e)), e * model.items(target)
        case BST():
            e, v = _encoded(model.items, model.order, behaviour, target, position, length)
            return _scaled_dot(e, v), e
    raise InvalidModel(f"got a {type(model).__name__}, expected TIN, TimeBias by position, DIN, SASRec or BST")


def _encoded(
    items: nn.Module,
    encoding: nn.Module | None,
    behaviour: Int64[Tensor, "n F"],
    target: Int64[Tensor, "n F"],
    position: Int64[Tensor, " n"],
    length: Int64[Tensor, " n"],
) -> tuple[Float[Tensor, "n d"], Float[Tensor, "n d"]]:
    """Behaviours and targets with their temporal encoding, if there is any."""
    e, v = items(behaviour), items(target)
    if encoding is None:
        return e, v
    if not isinstance(encoding, RelativePosition | Order):
        raise InvalidModel(f"got an encoding by {type(encoding).__name__}, expected positions or chronological order")
    n, columns = len(length), int(length.max())
    no_times = length.new_zeros(n, columns)
    p_target, p = encoding(length, no_times, length.new_zeros(n, 1 + columns))
    return e + p.expand(n, -1, -1)[torch.arange(n), position - 1], v + p_target


def _scaled_dot(e: Float[Tensor, "n d"], v: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
    return (e * v).sum(dim=1) / math.sqrt(e.shape[1])
