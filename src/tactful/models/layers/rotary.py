"""Rotary positions: a vector is turned by its position, so that a dot product sees only the distance of two.

Source: Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding", 2021, equation 34.
Deviation: the speeds. A week and a day come round, so some pairs turn whole times in them; the geometric speeds of the
source, made for texts of thousands of words, would leave most pairs nearly still over 28 days.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

_WEEK_TURNS = (1.0, 2.0, 3.0)


def day_angles(n_days: int, width: int) -> Float[Tensor, "L half"]:
    """Returns by how much each pair turns, in radians, for 1 .. n_days days ago.

    The first three pairs turn once, twice and three times a week; further ones slowly, the slowest by half a radian
    over all days, so that a day is told from the same weekday of another week.
    """
    half = _half(width)
    weekly = [2.0 * math.pi * turns / 7.0 for turns in _WEEK_TURNS][:half]
    slow = half - len(weekly)
    fastest, slowest = 1.0, 0.5 / n_days
    speeds = weekly + [fastest * (slowest / fastest) ** (i / max(1, slow - 1)) for i in range(slow)]
    return _angles(torch.arange(1, n_days + 1), speeds)


def slot_angles(n_slots: int, width: int) -> Float[Tensor, "K half"]:
    """Returns by how much each pair turns, in radians, for each slot of the day: 0, 1, 2 ... whole turns a day.

    So the last slot of the day is as near to the first as any two neighbours are; the pair that never turns lets all
    slots count alike. With d = K the pairs can make any smoothing around the clock, down to single slots.
    """
    return _angles(torch.arange(n_slots), [2.0 * math.pi * i / n_slots for i in range(_half(width))])


def rotate(x: Float[Tensor, "*batch s d"], angles: Float[Tensor, "s half"]) -> Float[Tensor, "*batch s d"]:
    """Returns x with its pairs (i, i + d/2) turned by the angles of their position.

    >>> x = torch.tensor([[1.0, 0.0]])
    >>> torch.allclose(rotate(x, torch.tensor([[math.pi / 2]])), torch.tensor([[0.0, 1.0]]), atol=1e-6)
    True
    """
    cos, sin = angles.cos(), angles.sin()
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, first * sin + second * cos), dim=-1)


def _half(width: int) -> int:
    if width < 2 or width % 2:
        raise ValueError(f"got a width of {width}, expected an even number: rotary positions turn pairs")
    return width // 2


def _angles(positions: Tensor, speeds: list[float]) -> Tensor:
    return positions.to(torch.float32)[:, None] * torch.tensor(speeds, dtype=torch.float32)[None, :]
