"""Every number that shapes behaviour in the default world, with its unit and why it has that value.

Five of them (`attention`, `click_share`, `leave_base`, and for eight weeks `fatigue_tires` and `leave_power`) are set
so that the calibration of `recipes/world_calibration.py` holds; the others are judgements. `draw_constants` spreads
all but the switches of the variants.
"""

from typing import NamedTuple

import numpy as np


class Constants(NamedTuple):
    """The world in numbers, a NamedTuple because compiled loops read it."""

    # Visits of one's own.
    visits: float = 0.045
    """Visits a day of the median user at no habit: most registered people of an app come less than weekly."""
    visits_spread: float = 1.3
    """Standard deviation of log visits: a few people come several times a day and make most of the visits."""
    habit_gain: float = 0.15
    """Share of the missing habit that one session adds; habit lies in 0..1."""
    habit_days: float = 10.0
    """Mean life of habit, days: a fortnight away undoes most of it."""
    habit_lift: float = 1.0
    """At full habit a person comes (1 + this) times as often."""
    # What closing every channel does to visits of one's own.
    leaving_loss: float = 0.5
    """Share of visits lost by a rare visitor: nothing reminds her, but she may still come."""
    leaving_visits: float = 0.5
    """Visits a day at which that loss is halved: who comes anyway comes without messages too."""
    # Interests.
    favourite_relevance: float = 0.6
    """Relevance of the first of three favourite categories."""
    favourite_falls: float = 0.7
    """Relevance of each next favourite relative to the one before."""
    other_relevance: float = 0.12
    """Relevance of any other category."""
    recent_relevance: float = 0.3
    """Added relevance of the category viewed last, at the moment of viewing."""
    recent_days: float = 2.0
    """Mean life of recent interest, days."""
    affinity_top: float = 1.1
    """Relevance scales with affinity for the app, which rises to this value along a logistic curve in log visits:
    the app knows little of strangers, and what it has to say concerns them less."""
    affinity_middle: float = 1.0
    """Logit of the median user's share of that value (0.73)."""
    affinity_slope: float = 1.1
    """Slope of that curve in log visits."""
    social_power: float = 0.3
    """Social candidates grow as visits to this power, between a third and twice the median's."""
    drift_per_week: float = 0.05
    """Chance that a favourite is replaced in a week: half of them change in three months."""
    plain_relevance: float = 0.45
    """Relevance of messages without a category (a new follower)."""
    # Answers to messages.
    attention: float = 0.08
    """Chance that the median user opens an e-mail at no fatigue; calibrated to a 9 % open rate."""
    attention_spread: float = 0.4
    """Standard deviation of log attention among people who visit alike."""
    attention_slope: float = 1.2
    """Attention rises from 0 to twice the median's along a logistic curve of this slope in log visits: strangers
    ignore messages, and beyond some interest in the app nobody can look at them more closely."""
    push_attention: float = 0.7
    """Attention to a push relative to an e-mail: seen by more people, acted on by fewer."""
    email_lingers_hours: float = 8.0
    """Mean time until an unopened e-mail has sunk out of sight, hours."""
    push_lingers_hours: float = 1.5
    """The same for a push, hours."""
    click_share: float = 0.86
    """Clicks per open at ordinary relevance and quality; calibrated to 2.6 % of views for half the mail."""
    already_seen: float = 0.5
    """Loss of log clicks per own visit a day: who comes often has seen it in the app."""
    # Too many messages.
    fatigue_days: float = 7.0
    """Mean life of the fatigue that one message leaves, days; at k a week fatigue settles near k."""
    fatigue_dulls: float = 0.06
    """Loss of log attention per message still weighing on the user."""
    fatigue_tires: float = 0.016
    """Loss of log visits per message still weighing: nagging spoils the app itself a little."""
    leave_base: float = 0.00029
    """Chance that a fully relevant message to an unfatigued median user closes its channel; calibrated."""
    leave_fatigue: float = 0.1
    """Growth of the log of that chance per message still weighing."""
    leave_irrelevance: float = 4.0
    """A wholly irrelevant message is (1 + this) times as likely to close its channel."""
    leave_power: float = 1.15
    """The chance falls as visits to this power: strangers leave first."""
    leave_quiet: float = 2.0
    """A push within quiet hours is this many times as likely to close the channel."""
    # Off in the default world; on in the variants that contradict our assumptions.
    moved_share: float = 0.0
    """1: a click only brings forward a visit of the coming day."""
    burnout_per_send: float = 0.0
    """Burnout that one message adds; it lowers log visits by as much and fades over months."""
    burnout_days: float = 90.0
    """Mean life of burnout, days."""
    newcomers: float = 0.0
    """Share of the people who sign up only in the world's first four weeks."""
    newcomer_leaves: float = 4.0
    """How many times as easily a message makes them leave: who has just come owes the app nothing."""
    flat_hours: float = 0.0
    """1: nobody has hours of her own; every hour of every day is like another."""


class TypeConstants(NamedTuple):
    """How often a type of candidate comes up, how long it lives, and how people take it."""

    name: str
    per_day: float
    """Candidates a user and day."""
    social: bool
    """Comes up in proportion to how connected the user is."""
    lifetime_days: float
    match: float
    """Chance that its category is one of the user's favourites; negative: it has no category."""
    appeal: float
    """Attention relative to an ordinary message."""


TYPES: tuple[TypeConstants, ...] = (
    TypeConstants("comment_digest", 0.25, True, 1.0, 0.8, 1.2),
    TypeConstants("new_content_from_followed", 0.40, True, 2.0, 0.7, 1.1),
    TypeConstants("new_follower", 0.15, True, 1.0, -1.0, 1.1),
    TypeConstants("recommendation", 0.60, False, 2.0, 0.5, 0.9),
    TypeConstants("security_alert", 0.0005, False, 1.0, -1.0, 2.0),
    TypeConstants("win_back", 0.07, False, 7.0, 0.3, 0.8),
)
"""By name, as the event registry orders them: about one and a half candidates a user and day; a security alert
once in five years."""

ARCHETYPES: tuple[tuple[tuple[tuple[float, float, float], ...], ...], ...] = (
    (((7.5, 1.0, 1.0), (18.0, 1.5, 0.8)), ((10.0, 2.5, 1.0),)),  # commuter
    (((12.5, 1.0, 1.0), (20.0, 2.0, 0.5)), ((13.0, 3.0, 1.0),)),  # lunch break
    (((20.5, 1.8, 1.0),), ((20.0, 2.5, 1.0), (11.0, 2.0, 0.4))),  # evening
    (((23.0, 1.8, 1.0),), ((0.0, 2.2, 1.0), (15.0, 2.0, 0.4))),  # night owl
    (((10.0, 2.0, 1.0), (15.0, 2.0, 1.0)), ((11.0, 3.0, 0.3),)),  # at the desk
    (((20.0, 2.0, 0.3),), ((10.5, 2.0, 1.0), (17.0, 3.0, 1.0))),  # weekend
)
"""Peaks of a person's day as (local hour, width in hours, weight), for work days and for rest days."""
LEAST_RATE = 0.15
"""Nobody is wholly absent at any hour: share of an average hour that is always there."""

N_CATEGORIES = 20
N_FAVOURITES = 3
ITEMS_PER_CATEGORY = 1_000
MOST_VIEWS = 4
"""A session has one to so many views, equally likely."""
LONGEST_VIEW_SECONDS = 60.0
SHARE_FAVOURITE, SHARE_RECENT = 0.55, 0.25
"""Shares of own views in favourite categories and, at full recent interest, in the one viewed last; the rest is
whatever is popular."""
POPULARITY = (1.0 / np.arange(1, N_CATEGORIES + 1)) / np.sum(1.0 / np.arange(1, N_CATEGORIES + 1))
"""Share of each category in what the app offers to everyone (Zipf's law)."""

MOVES_VISITS = Constants(moved_share=1.0, leaving_loss=0.0, fatigue_tires=0.0)
"""A variant that contradicts us: messages do nothing beyond moving visits that would have come anyway."""

PAYS_LATER = Constants(burnout_per_send=0.004)
"""A variant that contradicts us: less volume costs activity now and gains it back after months."""

STEEP_FATIGUE = Constants(fatigue_dulls=0.12, fatigue_tires=0.032, leave_fatigue=0.2)
"""A variant in which every message tires twice as much, in all that tiredness does."""

WEAK_FATIGUE = Constants(fatigue_dulls=0.03, fatigue_tires=0.008, leave_fatigue=0.05)
"""A variant in which it tires half as much."""

FLAT_HOURS = Constants(flat_hours=1.0)
"""A variant in which nobody has hours of her own: every hour of a day is as good as another."""

NEWCOMERS = Constants(newcomers=0.25)
"""A variant in which a quarter of the people are new, and messages drive those away sooner."""

_FIXED = ("moved_share", "burnout_per_send", "burnout_days", "newcomers", "newcomer_leaves", "flat_hours")
_SPREAD = 0.2


def draw_constants(seed: int) -> Constants:
    """Returns one draw from the prior over worlds: every constant times exp(0.2 z), z standard normal.

    The switches of the variants stay off. A drawn world keeps the signs of the default one but not its
    calibration: a policy must not rely on the published rates holding to the digit.

    >>> draw_constants(1) == draw_constants(1), draw_constants(1) == draw_constants(2)
    (True, False)
    """
    z = np.random.default_rng(seed).standard_normal(len(Constants._fields))
    default = Constants()._asdict()
    drawn = {name: value * float(np.exp(_SPREAD * x)) for (name, value), x in zip(default.items(), z, strict=True)}
    return Constants(**(drawn | {name: default[name] for name in _FIXED}))
