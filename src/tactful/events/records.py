"""The frozen records that move between rooms and rest in stores: what each field means, and nothing else.

Times are aware UTC datetimes; identifiers are opaque strings; every stored record carries `schema_version`.
`Input` is what the input log accepts; `Decision` and `SlotPlan` are what the engine writes.
Stored bytes become records again with `decode`.
"""

from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias

import msgspec

SCHEMA_VERSION = 1

Instant = Annotated[datetime, msgspec.Meta(tz=True)]
"""An aware datetime; a naive one is refused when a record is parsed."""

Channel: TypeAlias = Literal["email", "push", "web_push", "in_app", "webhook"]
CHANNELS: tuple[Channel, ...] = ("email", "push", "web_push", "in_app", "webhook")

EngagementKind: TypeAlias = Literal[
    "session",
    "receipt",
    "view",
    "effective_view",
    "open",
    "click",
    "dismiss",
    "unsubscribe",
    "disable",
    "uninstall",
    "bounce",
    "complaint",
    "conversion",
    "failure",
]
KINDS: tuple[EngagementKind, ...] = (
    "session",
    "receipt",
    "view",
    "effective_view",
    "open",
    "click",
    "dismiss",
    "unsubscribe",
    "disable",
    "uninstall",
    "bounce",
    "complaint",
    "conversion",
    "failure",
)
ACTIVE_KINDS: frozenset[EngagementKind] = frozenset(
    {"session", "view", "effective_view", "open", "click", "conversion"}
)
"""Kinds that show the person in the app on that day."""

Action: TypeAlias = Literal["send", "hold", "drop"]

Identifier = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


class QuietHours(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A daily window in the user's own zone in which only critical messages go out; it may cross midnight."""

    start_minute: Annotated[int, msgspec.Meta(ge=0, lt=1440)]
    end_minute: Annotated[int, msgspec.Meta(ge=0, lt=1440)]


class _Stored(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="record", gc=False):
    """What every stored record has. Frozen records form no cycles, so the garbage collector need not look at them."""

    schema_version: int = SCHEMA_VERSION


class User(_Stored, frozen=True, kw_only=True, tag="user"):
    """A person who can be reached: where, in which zone and language, and what she allowed.

    `opt_in` lists the channels she agreed to; a channel needs both an address and an opt-in.
    `type_opt_out` lists event types she switched off. `weekly_wish` is the most messages a week that she asked for,
    None if she never said. `attributes` are for models, never for rights. What she chose herself (`Preferences`) stands
    over what a profile says.
    """

    user_id: Identifier
    timezone: str = "UTC"
    locale: str = "en"
    signup_at: Instant | None = None
    addresses: dict[Channel, str] = {}
    opt_in: tuple[Channel, ...] = ()
    type_opt_out: tuple[str, ...] = ()
    quiet_hours: QuietHours | None = None
    weekly_wish: Annotated[int, msgspec.Meta(ge=0, le=50)] | None = None
    attributes: dict[str, float | str] = {}


class Preferences(_Stored, frozen=True, kw_only=True, tag="preferences"):
    """What a person chose herself, and where her device says that it is; it holds whatever a later import says.

    Channels and types are on or off. An address of "" is none any more. Of `quiet_hours` and `weekly_wish`, "none"
    takes back what was there. What is not named stays as she chose it before, or follows her profile if she never did;
    of two choices the later by `at` holds. `dead` has for each channel the print (`draws.key` as 16 hex digits) of an
    address that a provider said is gone: wherever that address comes from, it is none any more.
    """

    preferences_id: Identifier
    user_id: Identifier
    at: Instant
    channels: dict[Channel, bool] = {}
    types: dict[str, bool] = {}
    addresses: dict[Channel, str] = {}
    dead: dict[Channel, str] = {}
    quiet_hours: QuietHours | Literal["none"] | None = None
    weekly_wish: Annotated[int, msgspec.Meta(ge=0, le=50)] | Literal["none"] | None = None


class Item(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One piece of content inside a candidate. `quality` is a prior in 0..1, 0.5 when unknown."""

    item_id: str
    category: int = -1
    quality: float = 0.5


class Candidate(_Stored, frozen=True, kw_only=True, tag="candidate"):
    """An event a user could be told about. `candidate_id` is the idempotency key.

    `expires_at` defaults to `created_at` plus the type's lifetime. `group_key` names what it aggregates with
    (the post whose comments are digested); `cancel_key` lets one cancel withdraw many.
    """

    candidate_id: Identifier
    user_id: Identifier
    type: str
    created_at: Instant
    expires_at: Instant | None = None
    payload: dict[str, Any] = {}
    items: tuple[Item, ...] = ()
    group_key: str = ""
    cancel_key: str = ""
    source: str = "api"


class Engagement(_Stored, frozen=True, kw_only=True, tag="engagement"):
    """What a person did: in the app, or with a message (then `decision_id` names the decision).

    `value` is seconds watched for views, money for conversions. `category` is -1 when unknown. A `failure` says that
    a message reached nobody: its `at` is the instant of the decision, its `channel` the one that was tried. Delivery
    reports it; the send is taken back and the day planned anew.
    """

    engagement_id: Identifier
    user_id: Identifier
    kind: EngagementKind
    at: Instant
    decision_id: str | None = None
    item: str = ""
    category: int = -1
    channel: Channel | None = None
    value: float = 0.0


class MachineTouch(_Stored, frozen=True, kw_only=True, tag="machine_touch"):
    """A machine opened a message or followed its link: a mail provider's proxy, a security scanner, a prefetch.

    It is on record for reports, and is no engagement: no feature counts it, no model learns from it. `why` says how it
    was told from a person.
    """

    touch_id: Identifier
    user_id: Identifier
    kind: Literal["open", "click"]
    at: Instant
    decision_id: str
    channel: Channel | None = None
    why: str


class Cancel(_Stored, frozen=True, kw_only=True, tag="cancel"):
    """Withdraws a candidate by id, or all earlier candidates with a cancel key (comment deleted, cart bought)."""

    cancel_id: Identifier
    user_id: Identifier
    candidate_id: str = ""
    cancel_key: str = ""
    at: Instant


class BudgetAssignment(_Stored, frozen=True, kw_only=True, tag="budget"):
    """A user's weekly budget for a period, and how it came about: allocated by a model, or drawn at random.

    `probability` is the chance of this k under the random draw (1 when allocated). One that the engine drew also
    says what was known of the user at that instant, which the volume models learn from: her `segment` (an index into
    `features.segments.SEGMENTS`, -1 if nobody noted it), and her `features` in the order named by `feature_schema`.
    """

    assignment_id: Identifier
    user_id: Identifier
    period: int
    k: Annotated[int, msgspec.Meta(ge=0, le=255)]
    randomised: bool = False
    probability: float = 1.0
    model_version: str = ""
    at: Instant
    segment: int = -1
    features: tuple[float, ...] = ()
    feature_schema: str = ""


class BudgetPlan(_Stored, frozen=True, kw_only=True, tag="budget_plan"):
    """Weekly budgets of many users at once, as an allocation gives them: one part of a plan.

    Each part takes effect by itself, from the next day's plan of each of its users on, and until she gets another
    budget; those whose budget is drawn at random keep that. Of a `BudgetAssignment` and a plan the later one holds.
    `events.budget_plan` makes parts and reads them.

    `users` are keys (`draws.key` of the user id) as little-endian unsigned 64-bit integers, `budgets` a byte for each.
    `period` is the week for which it was allocated, counted from 1970. `price` is the value that one more message a
    week has at this plan's total. Parts are numbered from 0.
    """

    plan_id: Identifier
    period: int
    model_version: str = ""
    price: float = 0.0
    part: Annotated[int, msgspec.Meta(ge=0)] = 0
    parts: Annotated[int, msgspec.Meta(ge=1)] = 1
    users: bytes
    budgets: bytes
    at: Instant


class Suppression(_Stored, frozen=True, kw_only=True, tag="suppression"):
    """No message may reach the user on a channel (or on any, when `channel` is None), until it is lifted."""

    suppression_id: Identifier
    user_id: Identifier
    channel: Channel | None = None
    reason: str = ""
    lifted: bool = False
    at: Instant


class Control(_Stored, frozen=True, kw_only=True, tag="control"):
    """One version of one control (thresholds, kill switch, channel shares, model) and when it takes effect.

    Written every epoch even if unchanged; a decision names the version it used. User "" : it is global.
    """

    version: int
    effective_at: Instant
    key: str
    value: Any


class Catalogue(_Stored, frozen=True, kw_only=True, tag="catalogue"):
    """A versioned snapshot of content known before `at`: what the daily generator may draw from.

    `popular` maps a category to its items in falling popularity; `follows` a user to the authors followed.
    """

    version: Identifier
    at: Instant
    popular: dict[int, tuple[Item, ...]] = {}
    new_items: tuple[Item, ...] = ()
    follows: dict[str, tuple[str, ...]] = {}


UserInput: TypeAlias = (
    User | Preferences | Candidate | Engagement | MachineTouch | Cancel | BudgetAssignment | Suppression
)
"""Inputs that belong to one user."""
Input: TypeAlias = UserInput | BudgetPlan | Control | Catalogue
"""Everything the input log accepts."""


class Reason(msgspec.Struct, frozen=True, gc=False):
    """Why: a code, the number that was met, and the limit it met (`gap_minutes` 35 against 120)."""

    code: str
    number: float
    limit: float


class Option(msgspec.Struct, frozen=True, gc=False):
    """One feasible (candidate, channel): head scores in the order of `Decision.heads`, utility and threshold."""

    candidate_id: str
    channel: Channel
    scores: tuple[float, ...]
    utility: float
    threshold: float


class Decision(_Stored, frozen=True, kw_only=True, tag="decision"):
    """What was decided for a user at an instant, why, and with which probability.

    `decision_id` is a hash of (user, at, candidate, channel): also the idempotency key towards providers.
    `action_probability` is the chance of this action given the exploration bucket; `bucket_probability` that of
    the bucket. `feasible` are the options that rights, caps, gaps and quiet hours left, with their scores.
    `turn` counts the decisions of one user at one instant, from 0; drops carry the turn of their job.
    `snapshot` is what a ranker read of the job (`features.ranking_snapshot`) if it was logged in full, and
    `snapshot_place` the place of `candidate_id` in it, -1 for none. `log_probability` is the chance of being logged in
    full, given what was decided: 1 in exploration buckets, 0 for drops.
    """

    decision_id: str
    user_id: str
    at: Instant
    action: Action
    channel: Channel | None = None
    candidate_id: str | None = None
    type: str | None = None
    reasons: tuple[Reason, ...] = ()
    heads: tuple[str, ...] = ()
    scores: tuple[float, ...] = ()
    utility: float | None = None
    threshold: float | None = None
    feasible: tuple[Option, ...] = ()
    bucket: str = "production"
    bucket_probability: float = 1.0
    action_probability: float = 1.0
    slot_probability: float = 1.0
    arm: str = "default"
    segment: str = ""
    slot: int = -1
    turn: int = 0
    budget_left: float = 0.0
    features: dict[str, float] = {}
    model_version: str = ""
    policy_version: str = ""
    control_version: int = 0
    snapshot: bytes = b""
    snapshot_place: int = -1
    log_probability: float = 0.0


class SlotPlan(_Stored, frozen=True, kw_only=True, tag="slot_plan"):
    """A user's plan for one local day: predicted slots, quota, job slots and planned sends, with probabilities.

    `slot_probs` say where her activity falls, `slot_weights` what a send in the slot was worth to the plan; they are
    left out where they are the same.
    """

    user_id: str
    at: Instant
    day: int
    quota: int
    slot_probs: tuple[float, ...]
    jobs: tuple[int, ...]
    sends: tuple[int, ...]
    inclusion: tuple[float, ...]
    randomised: bool = False
    segment: str = ""
    model_version: str = ""
    slot_weights: tuple[float, ...] = ()


Record: TypeAlias = Input | Decision | SlotPlan

_ENCODER = msgspec.msgpack.Encoder()
_DECODER: msgspec.msgpack.Decoder[Record] = msgspec.msgpack.Decoder(
    User
    | Preferences
    | Candidate
    | Engagement
    | MachineTouch
    | Cancel
    | BudgetAssignment
    | BudgetPlan
    | Suppression
    | Control
    | Catalogue
    | Decision
    | SlotPlan
)


def encode(record: Record) -> bytes:
    """Returns a record as msgpack, tagged with its kind."""
    return _ENCODER.encode(record)


def decode(data: bytes) -> Record:
    """Returns the record that `encode` wrote.

    >>> decode(encode(Cancel(cancel_id="x", user_id="u", candidate_id="c",
    ...     at=datetime.fromisoformat("2026-01-01T00:00:00+00:00")))).user_id
    'u'
    """
    return _DECODER.decode(data)
