"""`PUT /v1/users/{id}`: a person's profile, whole."""

from datetime import datetime
from functools import partial
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tactful.api.endpoint import Endpoint
from tactful.api.problems import Problem
from tactful.api.rows import LONGEST_ID, Taken, Told, take
from tactful.api.service import Service
from tactful.errors import InvalidRecord
from tactful.events.records import Channel, Identifier, Instant, QuietHours, User
from tactful.runtime import erasing


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A person who can be reached: where, in which zone and language, and what she allowed.

    What is left out is taken back: a profile replaces the one before. A channel needs an address and an opt-in.
    """

    user_id: Identifier | None = None
    timezone: str = "UTC"
    locale: str = "en"
    signup_at: Instant | None = None
    addresses: dict[Channel, str] = {}
    opt_in: tuple[Channel, ...] = ()
    type_opt_out: tuple[str, ...] = ()
    quiet_hours: QuietHours | None = None
    attributes: dict[str, float | str] = {}


_PROFILE: Final = msgspec.json.Decoder(Profile)


async def put_user(request: Request, service: Service) -> Response:
    """Takes a profile; the same one again changes nothing.

    Raises:
        Problem: 410 for a person who was erased; the engine would refuse her, too, but nobody would hear of it.
    """
    user_id = request.path_params["user_id"]
    if len(user_id) > LONGEST_ID:
        raise Problem(422, "invalid", f"got a user_id of {len(user_id)} characters, expected {LONGEST_ID} at most")

    if service.pulse.anybody_erased and await service.ask(partial(erasing.erased_at, user_id=user_id)) is not None:
        why = "got a profile of a person who was erased, expected nothing of her; who signs up again needs a new id"
        raise Problem(410, "erased", why)

    def read(data: bytes, now: datetime) -> Told:
        told = _PROFILE.decode(data)
        if told.user_id not in (None, user_id):
            raise InvalidRecord("got another user_id in the body than in the path, expected the same, or none")
        return Told(User(**msgspec.structs.asdict(told) | {"user_id": user_id}), user_id)

    return await take(request, service, read)


ENDPOINTS: Final = (
    Endpoint(
        "PUT",
        "/v1/users/{user_id}",
        put_user,
        "ingest",
        "Takes a person's profile, which replaces the one before.",
        Profile,
        {202: Taken, 410: Problem},
    ),
)
