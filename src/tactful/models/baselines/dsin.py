"""DSIN, the deep session interest network: attention within sessions, a recurrent reader across them."""

from jaxtyping import Bool, Float, Int64
from torch import Tensor, arange, cat, nn, randn
from torch.nn.functional import one_hot

from tactful.models.layers.fields import FieldEmbedding
from tactful.models.layers.history import blanked, known, turned
from tactful.models.layers.pooling import attention, pooled
from tactful.models.layers.tower import Tower
from tactful.models.layers.transformer import TransformerBlock
from tactful.models.sequence import SequenceBatch, Shape, cross_entropy

SESSION = 10
"""Behaviours of a session where the data have no times; later places of a longer one share an encoding."""
_STD = 0.02
_WEEK_HOURS = 168


class DSIN(nn.Module):
    """Code ✓✓✗: sessions are alike inside and differ between; the target attends to what each was about.

        Q       = e + BE,  BE_{k,t,c} = w^K_k + w^T_t + w^C_c         bias encoding: session, place, component
        I_k     = mean_t block(Q_k)                                   self-attention within session k
        H_1..K  = Bi-LSTM(I_1..K)
        U^I     = Σ_k softmax_k(⟨W^I v_t, I_k⟩/√d) I_k,  U^H the same of H
        ŷ       = σ(g_MLP([U^I, U^H, v_t, context]))

    Source: Feng et al., "Deep Session Interest Network for Click-Through Rate Prediction", 2019, section 2, equations 2
    to 11; TIN, Tables 1 and 5.
    Deviations: the source begins a session after 30 minutes of quiet. A batch has hours, so one begins here where two
    behaviours are more than an hour of the week apart, counted by its hours; without times, sessions are blocks of 10
    behaviours from the newest on. Behaviours before the last `sessions` of them belong to the oldest. Both directions
    of the Bi-LSTM are averaged.
    """

    def __init__(
        self,
        shape: Shape,
        dim: int = 64,
        hidden: tuple[int, ...] = (80, 40),
        dropout: float = 0.0,
        sessions: int = 5,
        heads: int = 2,
    ) -> None:
        """Makes a model with random weights; the arguments are those of `TIN`, and how many sessions and heads."""
        super().__init__()
        self.items = FieldEmbedding(shape.items, dim)
        self.context = FieldEmbedding(shape.context, dim)
        self.sessions, self.timed = sessions, shape.gaps > 0
        width = self.items.width
        self.of_session = nn.Parameter(_STD * randn(sessions, 1))
        self.of_place = nn.Parameter(_STD * randn(SESSION, 1))
        self.of_component = nn.Parameter(_STD * randn(width))
        self.block = TransformerBlock(width, heads, dropout)
        self.forwards = nn.LSTM(width, width, batch_first=True)
        self.backwards = nn.LSTM(width, width, batch_first=True)
        self.ask_interest = nn.Linear(width, width, bias=False)
        self.ask_evolved = nn.Linear(width, width, bias=False)
        self.tower = Tower(3 * width + self.context.width, hidden, dropout)

    def forward(
        self,
        target: Int64[Tensor, "b F"],
        history: Int64[Tensor, "b L F"],
        length: Int64[Tensor, " b"],
        gap: Int64[Tensor, "b L"],
        clock: Int64[Tensor, "b 1+L"],
        context: Int64[Tensor, "b C"],
    ) -> Float[Tensor, " b"]:
        """Returns the logit of the response to each target."""
        seen = known(length, history.shape[1])
        e, v = self.items(blanked(history, seen)), self.items(target)
        session = self._session(clock[:, 1:])
        interests, had = self._interests(e, session, seen)
        evolved = self._evolved(interests, had.sum(dim=1))
        lately = pooled(attention(self.ask_interest(v), interests, had), interests)
        along = pooled(attention(self.ask_evolved(v), evolved, had), evolved)
        logit: Tensor = self.tower(cat([lately, along, v, self.context(context)], dim=1))
        return logit

    def loss(self, batch: SequenceBatch) -> Float[Tensor, ""]:
        """Returns the mean binary cross-entropy."""
        return cross_entropy(self, batch)

    def _session(self, clock: Int64[Tensor, "b L"]) -> Int64[Tensor, "b L"]:
        """The session of each column, the newest being 0."""
        if not self.timed:
            block = arange(clock.shape[1], device=clock.device) // SESSION
            return block.clamp(max=self.sessions - 1).expand(clock.shape)
        hours = (clock[:, :-1] - clock[:, 1:]) % _WEEK_HOURS
        begun = cat([hours.new_zeros(hours.shape[0], 1), (hours > 1).long()], dim=1)
        return begun.cumsum(dim=1).clamp(max=self.sessions - 1)

    def _interests(
        self, e: Float[Tensor, "b L d"], session: Int64[Tensor, "b L"], seen: Bool[Tensor, "b L"]
    ) -> tuple[Float[Tensor, "b S d"], Bool[Tensor, "b S"]]:
        """What each session was about, the newest first, and which sessions there were."""
        together = (session[:, :, None] == session[:, None, :]) & seen[:, None, :]
        column = arange(e.shape[1], device=e.device)
        place = (together & (column[None, :] < column[:, None])).sum(dim=2).clamp(max=SESSION - 1)
        x = e + self.of_session[session] + self.of_place[place] + self.of_component
        member = (one_hot(session, self.sessions) * seen[:, :, None]).to(e.dtype)
        size = member.sum(dim=1)
        total = member.transpose(1, 2) @ self.block(x, x, together)
        return total / size.clamp(min=1.0)[:, :, None], size > 0.0

    def _evolved(self, interests: Float[Tensor, "b S d"], sessions: Int64[Tensor, " b"]) -> Float[Tensor, "b S d"]:
        """The Bi-LSTM over sessions, newest first in and out; each direction begins at a session that there was."""
        backwards: Tensor = self.backwards(interests)[0]
        forwards: Tensor = turned(self.forwards(turned(interests, sessions))[0], sessions)
        return (forwards + backwards) / 2.0
