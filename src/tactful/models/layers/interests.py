"""What a candidate finds in several sequences at once: TIN's attention in each, and the entries of its own category."""

import math
from itertools import accumulate, pairwise

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, cat, nn

_LOWEST = -1e30
_NONE = -1.0


class Interests(nn.Module):
    """A token for each of S sequences, and one for what is of the candidate's category in any of them.

        same_i = 1 where entry i is of the candidate's category
        α_i    = softmax_i(⟨x_i, v⟩ / √d + b_s[age_i] + m_s·same_i)        i over the entries of sequence s
        z_s    = Σ_i α_i x_i
        u_s    = W_s [v ⊙ z_s, z_s] + c_s,    u_same = W (Σ_i same_i x_i) + c,  i over all sequences

    An empty sequence has `z_s = 0`. Half of the work, x and the numbers beside it, is the person's (`remembered`).

    Source: Zhou et al., "Temporal Interest Network for User Response Prediction", WWW 2024, section 3.1, equation 2.
    Deviations: one number a bin of age in the logit beside the vector in the sum, because the vectors alone learn
    little from few data (docs/log.md); and `same`: products of vectors must learn each category's likeness to itself
    from rows of that category, this holds for one that was never seen.
    """

    def __init__(self, width: int, lengths: tuple[int, ...], ages: int) -> None:
        """Takes the width d, how many columns each sequence has, and the bins of age (0 is no entry)."""
        super().__init__()
        self.spans = tuple(pairwise(accumulate(lengths, initial=0)))
        self.lengths = lengths
        self.age = nn.ModuleList(nn.Embedding(ages, 1) for _ in lengths)
        for table in self.age.children():
            assert isinstance(table, nn.Embedding)
            nn.init.zeros_(table.weight)
        self.match = nn.Parameter(torch.ones(len(lengths)))
        self.found = nn.ModuleList(nn.Linear(2 * width, width) for _ in lengths)
        self.same = nn.Linear(width, width)

    def remembered(
        self, ages: list[Int64[Tensor, "n _"]], categories: list[Int64[Tensor, "n _"]], seen: Bool[Tensor, "n L"]
    ) -> tuple[Float[Tensor, "n L"], Float[Tensor, "n L"]]:
        """Returns the numbers in the logits that the entries have by themselves, and their categories as numbers."""
        bias = cat([table(age).squeeze(2) for table, age in zip(self.age, ages, strict=True)], dim=1)
        category = cat(categories, dim=1)
        return torch.where(seen, bias, _LOWEST), torch.where(category > 0, category.float(), _NONE)

    def forward(
        self,
        v: Float[Tensor, "n c d"],
        category: Int64[Tensor, "n c"],
        x: Float[Tensor, "n L d"],
        bias: Float[Tensor, "n L"],
        categories: Float[Tensor, "n L"],
    ) -> list[Float[Tensor, "n c d"]]:
        """Returns S + 1 tokens of each candidate."""
        same = (category.float()[:, :, None] == categories[:, None, :]).float()
        match = cat([m.expand(length) for m, length in zip(self.match, self.lengths, strict=True)])
        logits = v @ x.transpose(1, 2) / math.sqrt(v.shape[2]) + bias[:, None, :] + same * match
        tokens = []
        for found, (start, end) in zip(self.found, self.spans, strict=True):
            z = logits[:, :, start:end].softmax(dim=2) @ x[:, start:end]
            tokens.append(found(cat([v * z, z], dim=2)))
        return [*tokens, self.same(same @ x)]
