"""What the slot model promises, whatever it has learned: masks, empty histories, positions, ablations, gradients."""

import dataclasses

import pytest
import torch
from torch import Tensor

from tactful.errors import InvalidModel
from tactful.models.slot_model import ACTIVE, CLICK, SlotBatch, SlotNet, receipt_weights
from tactful.training.fit import seeded

N, K, L, F = 6, 24, 10, 3
ABLATIONS = ({}, {"rotary": False}, {"day_types": False}, {"slot_attention": False}, {"target_attention": False})


def _net(**arguments: bool | float | int) -> SlotNet:
    return seeded(lambda: SlotNet(K, L, F, n_segments=2, width=8, **arguments), 1).eval()


def _batch(n: int = N) -> SlotBatch:
    g = torch.Generator().manual_seed(2)
    receipts = torch.poisson(torch.full((n, K), 0.3), generator=g)
    return SlotBatch(
        history=torch.poisson(torch.full((n, K, L, F), 0.3), generator=g),
        known=torch.rand(n, L, generator=g) < 0.7,
        rest=torch.randint(0, 2, (n, L), generator=g),
        today_rest=torch.randint(0, 2, (n,), generator=g),
        segment=torch.randint(-1, 2, (n,), generator=g),
        active=(torch.rand(n, K, generator=g) < 0.1).float(),
        clicked=(torch.rand(n, K, generator=g) < 0.3).float() * (receipts > 0),
        receipt_weight=receipts,
    )


def _logits(net: SlotNet, batch: SlotBatch) -> Tensor:
    logits: Tensor = net(batch.history, batch.known, batch.rest, batch.today_rest, batch.segment)
    return logits


@pytest.mark.parametrize("ablation", ABLATIONS)
def test_a_row_scores_the_same_alone_and_in_a_batch(ablation: dict[str, bool]) -> None:
    net, batch = _net(**ablation), _batch()
    one = SlotBatch(*(getattr(batch, field.name)[2:3] for field in dataclasses.fields(batch)))
    torch.testing.assert_close(_logits(net, one), _logits(net, batch)[2:3], atol=1e-5, rtol=0)


@pytest.mark.parametrize("ablation", ABLATIONS)
def test_what_is_written_on_unknown_days_is_not_read(ablation: dict[str, bool]) -> None:
    net, batch = _net(**ablation), _batch()
    gone = ~batch.known
    noise = batch.history + 100.0 * gone[:, None, :, None]
    other = dataclasses.replace(batch, history=noise, rest=torch.where(gone, 1 - batch.rest, batch.rest))
    torch.testing.assert_close(_logits(net, other), _logits(net, batch), atol=1e-6, rtol=0)


@pytest.mark.parametrize("ablation", ABLATIONS)
@pytest.mark.parametrize("events", [0.0, 1e6])
def test_scores_are_finite_for_cold_and_for_crowded_users(ablation: dict[str, bool], events: float) -> None:
    net, batch = _net(**ablation), _batch()
    known = torch.full((N, L), events > 0)
    full = dataclasses.replace(batch, history=torch.full((N, K, L, F), events), known=known)
    assert torch.isfinite(_logits(net, full)).all()
    loss = net.loss(full)
    torch.autograd.backward(loss)
    assert all(p.grad is None or torch.isfinite(p.grad).all() for p in net.parameters())


def test_cold_users_of_one_segment_and_day_type_are_told_the_same() -> None:
    net, batch = _net(), _batch()
    cold = dataclasses.replace(
        batch,
        known=torch.zeros(N, L, dtype=torch.bool),
        today_rest=torch.tensor([0, 0, 1, 0, 0, 0]),
        segment=torch.tensor([1, 1, 1, 0, -1, 7]),
    )
    logits = _logits(net, cold)
    torch.testing.assert_close(logits[0], logits[1])
    torch.testing.assert_close(logits[4], logits[5])  # a segment out of range is not known
    assert not torch.allclose(logits[0], logits[2])
    assert not torch.allclose(logits[0], logits[3])


def test_a_slot_without_receipts_teaches_the_click_head_nothing() -> None:
    net, batch = _net(active_share=0.0), _batch()
    logits = _logits(net, batch).detach().requires_grad_()
    with torch.no_grad():
        expected = net.loss(batch)
    clicks = torch.nn.functional.binary_cross_entropy_with_logits(
        logits[..., CLICK], batch.clicked, batch.receipt_weight
    )
    torch.autograd.backward(clicks)
    torch.testing.assert_close(clicks.detach(), expected)
    assert logits.grad is not None
    nothing = batch.receipt_weight == 0
    assert not logits.grad[..., CLICK][nothing].any()
    assert logits.grad[..., CLICK][~nothing].all()
    flipped = dataclasses.replace(batch, clicked=torch.where(nothing, 1.0, batch.clicked))
    torch.testing.assert_close(net.loss(flipped), net.loss(batch))


def test_unknown_days_have_no_gradient() -> None:
    net, batch = _net(), _batch()
    history = batch.history.clone().requires_grad_()
    torch.autograd.backward(net.loss(dataclasses.replace(batch, history=history)))
    assert history.grad is not None
    assert not history.grad.transpose(1, 2)[~batch.known].any()
    assert history.grad.transpose(1, 2)[batch.known].any()


@pytest.mark.parametrize("rotary", [True, False])
def test_the_order_of_days_matters_through_positions_alone(rotary: bool) -> None:
    net, batch = _net(rotary=rotary), _batch()
    order = torch.tensor([3, 1, 4, 0, 5, 9, 2, 6, 8, 7])
    mixed = dataclasses.replace(
        batch, history=batch.history[:, :, order], known=batch.known[:, order], rest=batch.rest[:, order]
    )
    same = torch.allclose(_logits(net, mixed), _logits(net, batch), atol=1e-6)
    assert same is not rotary


def test_slots_hear_of_each_other_through_slot_attention_alone() -> None:
    batch = _batch()
    louder = batch.history.clone()
    louder[:, 9] += 3.0
    for net, others in ((_net(), True), (_net(slot_attention=False), False)):
        moved = (_logits(net, dataclasses.replace(batch, history=louder)) - _logits(net, batch)).abs().amax(dim=(0, 2))
        assert moved[9] > 1e-5
        assert bool((moved[:9] > 1e-7).any()) is others


def test_without_day_types_the_kind_of_day_changes_nothing() -> None:
    batch = _batch()
    other = dataclasses.replace(batch, rest=1 - batch.rest, today_rest=1 - batch.today_rest)
    assert torch.equal(_logits(_net(day_types=False), other), _logits(_net(day_types=False), batch))
    assert not torch.allclose(_logits(_net(), other), _logits(_net(), batch))


def test_attention_over_days_sums_to_one_and_spares_unknown_days() -> None:
    net, batch = _net(), _batch()
    weights = net.attention(batch.history, batch.known, batch.rest, batch.today_rest, batch.segment)
    torch.testing.assert_close(weights.sum(dim=2), torch.ones(N, K))
    assert not weights[:, :, 1:].transpose(1, 2)[~batch.known].any()


def test_the_auxiliary_head_has_its_share_of_the_loss() -> None:
    batch = _batch()
    click, active, both = (_net(active_share=share).loss(batch).item() for share in (0.0, 1.0, 0.25))
    assert both == pytest.approx(0.75 * click + 0.25 * active, rel=1e-5)
    assert {CLICK, ACTIVE} == {0, 1}


def test_seldom_chosen_slots_count_more_but_never_above_the_clip() -> None:
    receipts = torch.tensor([[0.0, 1.0, 1.0, 2.0, 1.0]])
    chance = torch.tensor([[0.1, 0.5, 0.001, 0.25, 0.0]])
    assert receipt_weights(receipts, chance, clip=10.0).tolist() == [[0.0, 2.0, 10.0, 8.0, 1.0]]
    assert torch.equal(receipt_weights(receipts), receipts)


@pytest.mark.parametrize("wrong", [{"width": 7}, {"n_days": 0}, {"active_share": 1.5}, {"n_segments": -1}])
def test_impossible_sizes_are_refused(wrong: dict[str, float | int]) -> None:
    with pytest.raises(InvalidModel, match="expected"):
        SlotNet(**wrong)
