"""The ranker scores each candidate by itself, reads sequences as what happened when, and is finite without any."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from rank_rows import rank_rows
from tactful.errors import InvalidModel
from tactful.features.history import N_CHANNELS
from tactful.features.ranking import RankInputs
from tactful.models.protocol import RANK_HEADS
from tactful.models.ranker import ENCODED, Ranker, tensors
from tactful.training.fit import seeded

N, C = 6, 3
VARIANTS = {
    "tin": {},
    "transformer": {"sequences": "transformer"},
    "none": {"sequences": "none"},
    "mixer": {"mixer": True},
    "transformer and mixer": {"sequences": "transformer", "mixer": True},
    "one head": {"heads": ("click",)},
    "four attention heads": {"mixer": True, "attention_heads": 4},
}


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Threads wait longer for each other than these few rows take."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _model(name: str) -> Ranker:
    """A model whose vectors are large enough to matter, as after training."""
    model = seeded(lambda: Ranker(dim=16, **VARIANTS[name]), 3).eval()
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return model


def _logits(model: Ranker, inputs: RankInputs) -> Tensor:
    with torch.no_grad():
        return model(**tensors(inputs))


@pytest.mark.parametrize("name", VARIANTS)
def test_every_candidate_has_a_finite_logit_for_every_channel_and_head(name: str) -> None:
    model = _model(name)
    heads = len(VARIANTS[name].get("heads", RANK_HEADS))
    for empty in (False, True):
        for n, c in ((N, C), (1, 1)):
            logits = _logits(model, rank_rows(n, c, empty=empty))
            assert logits.shape == (n, c, N_CHANNELS, heads)
            assert torch.isfinite(logits).all()


@pytest.mark.parametrize("name", VARIANTS)
def test_a_candidate_scores_alone_as_beside_others(name: str) -> None:
    model, inputs = _model(name), rank_rows(N, C)
    second = {k: getattr(inputs, k)[:, 1:2] for k in ("candidate", "candidate_ids", "present")}
    alone = replace(inputs, **second)
    torch.testing.assert_close(_logits(model, alone), _logits(model, inputs)[:, 1:2], atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", VARIANTS)
def test_the_order_of_entries_is_not_read_but_their_ages_are(name: str) -> None:
    model, inputs = _model(name), rank_rows(N, C)
    turned = replace(inputs, **{k: getattr(inputs, k)[:, ::-1].copy() for k in ("content", "sends", "answers")})
    torch.testing.assert_close(_logits(model, turned), _logits(model, inputs), atol=1e-5, rtol=0)
    older = replace(inputs, content=inputs.content.copy())
    older.content[:, :, 2] = np.where(older.content[:, :, 2] > 0, 13, 0)
    same = torch.allclose(_logits(model, older), _logits(model, inputs), atol=1e-4)
    assert same == (name == "none")


@pytest.mark.parametrize("name", VARIANTS)
def test_what_stands_where_no_entry_is_is_not_read(name: str) -> None:
    model, inputs = _model(name), rank_rows(N, C)
    litter = {}
    for k in ("content", "sends", "answers"):
        ids = getattr(inputs, k).copy()
        ids[:, :, :-1][ids[:, :, -1] == 0] = 1
        litter[k] = ids
    assert torch.equal(_logits(model, replace(inputs, **litter)), _logits(model, inputs))


@pytest.mark.parametrize("name", VARIANTS)
def test_a_score_depends_on_the_candidate_the_hour_and_the_person(name: str) -> None:
    model, inputs = _model(name), rank_rows(N, C)
    before = _logits(model, inputs)
    for column, place in (("candidate_ids", 0), ("candidate_ids", 1), ("user_ids", 1), ("user_ids", 2), ("user", 0)):
        changed = getattr(inputs, column).copy()
        changed[..., place] = (changed[..., place] + 1) % 4
        assert not torch.allclose(_logits(model, replace(inputs, **{column: changed})), before, atol=1e-4)


def test_a_candidate_of_a_category_that_was_read_scores_otherwise_though_no_vector_tells() -> None:
    model = _model("tin")
    with torch.no_grad():
        model.of_category.weight.zero_()
    inputs = rank_rows(2, 1)
    read, other = inputs.candidate_ids.copy(), inputs.candidate_ids.copy()
    read[0, 0, 1], other[0, 0, 1] = inputs.content[0, 0, 0], 0
    gap = _logits(model, replace(inputs, candidate_ids=read)) - _logits(model, replace(inputs, candidate_ids=other))
    assert gap[0].abs().max() > 1e-3


@pytest.mark.parametrize("name", ["tin", "mixer"])
def test_scoring_from_an_encoded_person_is_the_whole_model(name: str) -> None:
    model, columns = _model(name), tensors(rank_rows(N, C))
    with torch.no_grad():
        state = model.encode(*(columns[name] for name in ENCODED))
        logits = model.score(state, columns["candidate"], columns["candidate_ids"])
    assert state.shape == (N, sum(model.sizes))
    assert torch.equal(logits, model(**columns))


def test_categories_and_types_begin_near_nothing_and_unknown_ones_at_nothing() -> None:
    model = seeded(Ranker, 0)
    for table in (model.of_category, model.of_type):
        assert table.weight[0].abs().max() == 0
        assert table.weight.abs().max() < 0.15


def test_unknown_heads_encoders_and_sizes_are_refused() -> None:
    for wrong in ({"heads": ("applause",)}, {"heads": ()}, {"heads": ("click", "click")}, {"dim": 0}, {"blocks": 0}):
        with pytest.raises(InvalidModel, match="expected"):
            Ranker(**wrong)
    with pytest.raises(InvalidModel, match="attention heads"):
        Ranker(dim=32, attention_heads=5)
