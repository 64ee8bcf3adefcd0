"""Whether and where: what would follow if a candidate were sent now, by channel; the network of the event processor.

A torch module: it is trained here and served elsewhere, as two ONNX graphs (`served_ranker.py`).
"""

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias, get_args

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, cat, nn
from torch.nn.functional import gelu

from tactful.errors import InvalidModel
from tactful.features.history import N_CHANNELS
from tactful.features.ranking import (
    AGES,
    ANSWER_IDS,
    ANSWERS,
    CANDIDATE,
    CANDIDATE_IDS,
    CONTENT,
    CONTENT_IDS,
    SEND_IDS,
    SENDS,
    USER,
    USER_IDS,
    RankInputs,
)
from tactful.models.layers.entries import Entries
from tactful.models.layers.interests import Interests
from tactful.models.layers.mixer import MixerBlock
from tactful.models.layers.pooling import pooled, uniform
from tactful.models.layers.table import Table
from tactful.models.layers.transformer import TransformerBlock
from tactful.models.protocol import RANK_HEADS

SequenceEncoder: TypeAlias = Literal["tin", "transformer", "none"]

ENCODED: Final = ("user", "user_ids", "content", "sends", "answers")
INPUTS: Final = (*ENCODED, "candidate", "candidate_ids")
"""What `encode` reads, and what all of the model reads, in the order of their arguments: columns of `RankInputs`."""

_LENGTHS: Final = (CONTENT, SENDS, ANSWERS)
_COLUMNS: Final = (CONTENT_IDS, SEND_IDS, ANSWER_IDS)
_SHARED: Final = ("category", "type")
"""Columns whose vectors are the same in a sequence and in a candidate."""
_RARE_LOGIT: Final = -3.0
"""Where all heads begin: most of what they foretell is rare."""
_STD: Final = 0.02
"""Of the vectors of categories and types. Small: one that training never meets stays next to nothing."""


class Ranker(nn.Module):
    """Feature tokens of person and candidate side by side, and a head for each (channel, outcome).

    Tokens have the width d. E are tables; those of types and categories are shared by candidate and sequences.

        person      W₂ gelu(W₁ numbers) (two tokens), E[segment] + E[reach], E[hour] + E[weekday] of her clock
        candidate   E[type], E[category], facts (its numbers, match and recency)
        sequences   "tin": four tokens of the candidate, what it finds in what she read, got and answered
                    (`layers/interests.py`), asked with v = E[type] + E[category] + now;
                    "transformer": three tokens of the person, the mean of each sequence after a transformer block
        mixer       if asked for: blocks of a transformer over all tokens (`layers/mixer.py`), where hers do not heed
                    the candidate's
        trunk       h = gelu(A·candidate's tokens + B·her tokens + a), each normed and side by side
        logits      C h + c, one for each (channel, head)

    Nothing of the person depends on the candidate, so `encode` runs once a rank job and leaves one row of numbers, from
    which `score` goes on: entries of the sequences, `B·her tokens`, and keys and values of her tokens by block.

    The multiply-adds of `score` for one candidate with t = 7 tokens and u = 4 of the person (d = 32, a trunk of 64):
    interests 3·64·d + 7·d² = 13 k; trunk and heads 64·t·d + 64·30 = 16 k; about 30 k in all. A mixer of two blocks adds
    2·t·(8·d² + 2·(t + u)·d) = 124 k.

    Source: Pinterest, "NEP: Notification System and Relevance", 2024: three sequences, a transformer over them, a
    transformer mixer for the crossing of features, many heads on one trunk. TIN: see `layers/interests.py`.
    Deviations: the article gives neither sizes nor formulas, so all of them are ours, as is the mask of the mixer,
    which makes scoring cheap. It names the transformer for sequences, and mixes; by default this does neither, since
    neither earned its cost (`docs/explanation/ranker.md`).
    """

    def __init__(
        self,
        dim: int = 32,
        sequences: SequenceEncoder = "tin",
        mixer: bool = False,
        blocks: int = 2,
        attention_heads: int = 1,
        hidden: int = 64,
        dropout: float = 0.0,
        heads: Sequence[str] = RANK_HEADS,
    ) -> None:
        """Makes a model with random weights from torch's generator (`training.fit.seeded` gives them a seed).

        Args:
            dim: d, the width of a token.
            sequences: what reads the sequences; "none" is an ablation.
            mixer: True lets tokens heed each other before they are read; it costs four times the rest of `score`.
            blocks, attention_heads: of the mixer; the attention heads divide d.
            hidden: width of the trunk.
            dropout: 0..1, of the mixer's parts and the trunk, in training.
            heads: some of `RANK_HEADS`; a single one is a single-task model.

        Raises:
            InvalidModel: for an unknown head or encoder, or sizes that do not fit.
        """
        super().__init__()
        _refuse(dim, sequences, blocks, attention_heads, hidden, heads)
        self.heads, self.dim = tuple(heads), dim
        self.of_category, self.of_type = (_small(Table(CANDIDATE_IDS[name], dim)) for name in _SHARED)
        self.numbers = nn.Sequential(nn.Linear(len(USER), 2 * dim), nn.GELU(), nn.Linear(2 * dim, 2 * dim))
        self.person = nn.ModuleDict({name: nn.Embedding(size, dim) for name, size in USER_IDS.items()})
        self.facts = nn.Sequential(nn.Linear(len(CANDIDATE), dim), nn.GELU(), nn.Linear(dim, dim))
        self.buckets = nn.ModuleDict({name: nn.Embedding(CANDIDATE_IDS[name], dim) for name in ("match", "recency")})
        self.entries = nn.ModuleList(Entries(columns, _SHARED, dim) for columns in _COLUMNS if sequences != "none")
        self.readers = nn.ModuleList(
            TransformerBlock(dim, attention_heads, dropout) for _ in _COLUMNS if sequences == "transformer"
        )
        self.now = nn.Parameter(torch.zeros(dim))
        self.interests = Interests(dim, _LENGTHS, AGES) if sequences == "tin" else None
        self.mixer = nn.ModuleList(MixerBlock(dim, attention_heads, dropout) for _ in range(blocks if mixer else 0))
        hers, its = 4 + len(self.readers), 3 + (0 if self.interests is None else 1 + len(_LENGTHS))
        self.names = nn.Parameter(_STD * torch.randn(its, dim))
        self.norm_person, self.norm_candidate = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.of_person = nn.Linear(hers * dim, hidden)
        self.of_candidate = nn.Linear(its * dim, hidden, bias=False)
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(hidden, N_CHANNELS * len(self.heads))
        nn.init.constant_(self.out.bias, _RARE_LOGIT)
        entries = 0 if self.interests is None else sum(_LENGTHS)
        self.sizes = [entries * dim, entries, entries, len(self.mixer) * hers * 2 * dim, hidden]

    def forward(
        self,
        user: Float[Tensor, "n U"],
        user_ids: Int64[Tensor, "n 4"],
        content: Int64[Tensor, "n 32 3"],
        sends: Int64[Tensor, "n 16 4"],
        answers: Int64[Tensor, "n 16 4"],
        candidate: Float[Tensor, "n c C"],
        candidate_ids: Int64[Tensor, "n c 4"],
    ) -> Float[Tensor, "n c h heads"]:
        """Returns the logits of every head for every candidate and channel; its arguments are those of `tensors`."""
        return self.score(self.encode(user, user_ids, content, sends, answers), candidate, candidate_ids)

    def encode(
        self,
        user: Float[Tensor, "n U"],
        user_ids: Int64[Tensor, "n 4"],
        content: Int64[Tensor, "n 32 3"],
        sends: Int64[Tensor, "n 16 4"],
        answers: Int64[Tensor, "n 16 4"],
    ) -> Float[Tensor, "n state"]:
        """Returns what `score` must know of each person, as one row of numbers; `sizes` says what is in it."""
        sequences = (content, sends, answers)
        shared = dict(zip(_SHARED, (self.of_category, self.of_type), strict=True))
        read = [entries(ids, shared) for entries, ids in zip(self.entries, sequences, strict=False)]
        segment, hour, weekday, reach = (table(user_ids[:, f]) for f, table in enumerate(self.person.values()))
        tokens = [*self.numbers(user).chunk(2, dim=1), segment + reach, hour + weekday]
        for reader, (x, seen) in zip(self.readers, read, strict=False):
            tokens.append(pooled(uniform(seen), reader(x, x, seen[:, None, :])))
        hers, memory = torch.stack(tokens, dim=1), []
        for block in self.mixer:
            assert isinstance(block, MixerBlock)
            memory.append(block.remembered(hers).flatten(1))
            hers = block(hers)
        state = [*memory, self.of_person(self.norm_person(hers).flatten(1))]
        if self.interests is not None:
            seen = cat([s for _, s in read], dim=1)
            ages, categories = ([ids[:, :, f] for ids in sequences] for f in (-1, 0))
            state = [
                cat([x for x, _ in read], dim=1).flatten(1),
                *self.interests.remembered(ages, categories, seen),
                *state,
            ]
        return cat(state, dim=1)

    def score(
        self,
        state: Float[Tensor, "n state"],
        candidate: Float[Tensor, "n c C"],
        candidate_ids: Int64[Tensor, "n c 4"],
    ) -> Float[Tensor, "n c h heads"]:
        """Returns the logits of candidates whose person was encoded."""
        n, c = candidate.shape[:2]
        entries, bias, categories, memory, of_person = torch.split(state, self.sizes, dim=1)
        kind, category, match, recency = candidate_ids.unbind(2)
        what, about = self.of_type(kind), self.of_category(category)
        facts = self.facts(candidate) + self.buckets["match"](match) + self.buckets["recency"](recency)
        tokens = [what, about, facts]
        if self.interests is not None:
            x = entries.reshape(n, -1, self.dim)
            tokens += self.interests(what + about + self.now, category, x, bias, categories)
        its = (torch.stack(tokens, dim=2) + self.names).flatten(0, 1)
        for block, before in zip(self.mixer, memory.chunk(max(len(self.mixer), 1), dim=1), strict=False):
            its = block(its, before.reshape(n, 1, -1, 2 * self.dim).expand(-1, c, -1, -1).flatten(0, 1))
        trunk = self.of_candidate(self.norm_candidate(its).flatten(1)).view(n, c, -1) + of_person[:, None, :]
        logits: Tensor = self.out(self.dropout(gelu(trunk)))
        return logits.view(n, c, N_CHANNELS, len(self.heads))


def tensors(inputs: RankInputs) -> dict[str, Tensor]:
    """Returns the arguments of `Ranker.forward`; of n jobs, in the order of the inputs."""
    numbers = {name: torch.from_numpy(getattr(inputs, name)) for name in ("user", "candidate")}
    ids = {
        name: torch.from_numpy(getattr(inputs, name).astype(np.int64))
        for name in ("user_ids", "content", "sends", "answers", "candidate_ids")
    }
    every = numbers | ids
    return {name: every[name] for name in INPUTS}


def _small(table: Table) -> Table:
    nn.init.normal_(table.weight, std=_STD)
    nn.init.zeros_(table.weight[0])
    return table


def _refuse(dim: int, sequences: str, blocks: int, attention_heads: int, hidden: int, heads: Sequence[str]) -> None:
    if sequences not in get_args(SequenceEncoder):
        raise InvalidModel(f"got sequences={sequences!r}, expected one of {', '.join(get_args(SequenceEncoder))}")
    unknown = [head for head in heads if head not in RANK_HEADS]
    if unknown or not heads or len(set(heads)) < len(heads):
        raise InvalidModel(
            f"got the heads {', '.join(heads) or 'none'}, expected some of {', '.join(RANK_HEADS)}, each once"
        )
    if min(dim, blocks, attention_heads, hidden) < 1 or dim % attention_heads:
        raise InvalidModel(
            f"got dim {dim}, {blocks} blocks, {attention_heads} attention heads and a trunk of {hidden}, expected at "
            "least 1 of each, and attention heads that divide dim"
        )
