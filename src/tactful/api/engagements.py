"""`POST /v1/engagements`: what people did, in the app or with a message, one or a batch."""

from datetime import datetime
from typing import Annotated, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tactful.api.endpoint import Endpoint
from tactful.api.rows import Taken, Told, new_id, take
from tactful.api.service import Service
from tactful.events.records import Channel, Engagement, EngagementKind, Identifier, Instant


class Act(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a person did. `decision_id` names the message that it was done with, if any.

    With an `engagement_id` of your own it may be sent again without harm. `at` is now by default. `value` is seconds
    watched for views, money for conversions.
    """

    user_id: Identifier
    kind: EngagementKind
    engagement_id: Identifier | None = None
    at: Instant | None = None
    decision_id: str | None = None
    item: str = ""
    category: Annotated[int, msgspec.Meta(ge=-1, le=2**31 - 1)] = -1
    channel: Channel | None = None
    value: float = 0.0


_ACT: Final = msgspec.json.Decoder(Act)


def read_act(data: bytes, now: datetime) -> Told:
    """Returns what one row says."""
    told = _ACT.decode(data)
    engagement_id = told.engagement_id or new_id()
    record = Engagement(
        engagement_id=engagement_id,
        user_id=told.user_id,
        kind=told.kind,
        at=told.at or now,
        decision_id=told.decision_id,
        item=told.item,
        category=told.category,
        channel=told.channel,
        value=told.value,
    )
    return Told(record, engagement_id, told.engagement_id is None)


async def post_engagements(request: Request, service: Service) -> Response:
    """Takes one engagement, or a batch."""
    return await take(request, service, read_act)


ENDPOINTS: Final = (
    Endpoint(
        "POST",
        "/v1/engagements",
        post_engagements,
        "ingest",
        "Takes what a person did, or NDJSON with one engagement a line.",
        Act,
        {202: Taken},
    ),
)
