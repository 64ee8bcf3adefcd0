"""Which constants are fitted, and which moment of a log tells of each: without it a constant keeps its default."""

from typing import Final, NamedTuple


class Told(NamedTuple):
    """How a log can tell of a constant."""

    moment: str
    """Without this one (`moments.py`) nothing tells of it."""
    most: float = float("inf")
    """Above this value the world makes no sense."""


DRAWN: Final = "drawn budgets"
"""What names of moments end with that count only people whose budgets were drawn: else volume follows activity."""

TOLD_BY: Final[dict[str, Told]] = {
    "visits": Told("own visits a day"),
    "visits_spread": Told("came by themselves at all", most=3.0),
    "habit_lift": Told("came again the next day, to once weeks later"),
    "leaving_loss": Told("own visits a day, all channels closed", most=0.95),
    "attention": Told("opens an e-mail", most=0.9),
    "attention_spread": Told("opens another e-mail, having opened one", most=2.0),
    "attention_slope": Told("opens by rare visitors, of all"),
    "push_attention": Told("clicks a push"),
    "email_lingers_hours": Told("hours until an e-mail is opened", most=48.0),
    "push_lingers_hours": Told("hours until a push is clicked", most=48.0),
    "click_share": Told("clicks an opened e-mail"),
    "already_seen": Told("clicks on e-mails by frequent visitors, of all"),
    "fatigue_dulls": Told("opens an e-mail after many messages, drawn budgets"),
    "fatigue_tires": Told("own visits a day, many messages, drawn budgets"),
    "leave_base": Told("leaves a message"),
    "leave_power": Told("leaves by rare visitors, of all"),
    "leave_fatigue": Told("leaves a message after many, drawn budgets"),
}
"""The others keep their defaults: relevance, interests, affinity and the candidates' rates, since a log's categories
are not the world's; the lives of habit and fatigue, which their effects stand for; the app's seven time zones; and the
switches of the variants."""
