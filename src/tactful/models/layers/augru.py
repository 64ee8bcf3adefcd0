"""AUGRU: a gated recurrent unit whose update gate listens to attention."""

from jaxtyping import Float
from torch import Tensor, nn


class AUGRU(nn.Module):
    """Follows an interest through a sequence, and moves by as much as each element matters.

        r_i  = σ(W_r x_i + U_r h_{i−1} + b_r)
        u_i  = α_i · σ(W_u x_i + U_u h_{i−1} + b_u)
        h̃_i  = tanh(W x_i + r_i ∘ (U h_{i−1}) + b)
        h_i  = (1 − u_i) ∘ h_{i−1} + u_i ∘ h̃_i,  h_0 = 0

    Source: Zhou et al., "Deep Interest Evolution Network", 2019, equations 8 to 10.
    """

    def __init__(self, width: int) -> None:
        """Takes the width d of elements and state."""
        super().__init__()
        self.of_element = nn.Linear(width, 3 * width)
        self.of_state = nn.Linear(width, 3 * width, bias=False)

    def forward(self, x: Float[Tensor, "b L d"], weight: Float[Tensor, "b L"]) -> Float[Tensor, "b d"]:
        """Returns the state after the last element; one of weight 0, such as padding, leaves it as it was."""
        state = x.new_zeros(x.shape[0], x.shape[2])
        for i, element in enumerate(self.of_element(x).unbind(dim=1)):  # one gradient for all, not one of all a column
            reset, update, new = element.chunk(3, dim=1)
            reset_too, update_too, new_too = self.of_state(state).chunk(3, dim=1)
            moved = (new + (reset + reset_too).sigmoid() * new_too).tanh()
            gate = weight[:, i, None] * (update + update_too).sigmoid()
            state = state + gate * (moved - state)
        return state
