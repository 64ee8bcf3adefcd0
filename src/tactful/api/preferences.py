"""What a person allows, as it holds now, and what she chose: `GET` and `PUT /v1/users/{id}/preferences`.

The app may say for her what she chose in the app. What she ended herself (unsubscribed, reported as spam) and an
address that bounced stay closed all the same: only she can open them again, on her own page.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tactful import draws
from tactful.api.endpoint import Endpoint, answer
from tactful.api.problems import Problem
from tactful.api.query import parameters
from tactful.api.rows import LONGEST_ID, Taken, Told, take
from tactful.api.service import Service
from tactful.clock import to_us
from tactful.errors import InvalidRecord
from tactful.events.records import CHANNELS, Channel, Preferences, QuietHours, User, decode
from tactful.events.registry import Registry
from tactful.runtime import choices
from tactful.stores.sqlite import SqliteStore

_ALWAYS_US: Final = 1 << 62

Wish = Annotated[int, msgspec.Meta(ge=0, le=50)]


class Choice(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a person chose. What is left out stays as it was; "none" takes quiet hours or the weekly wish back."""

    channels: dict[Channel, bool] = {}
    types: dict[str, bool] = {}
    quiet_hours: QuietHours | Literal["none"] | None = None
    weekly_wish: Wish | Literal["none"] | None = None


class ChannelNow(msgspec.Struct, frozen=True):
    """`on`: she agreed. `address`: there is where to reach her. `closed`: she ended it, or the address bounced."""

    on: bool
    address: bool
    closed: bool


class PreferencesNow(msgspec.Struct, frozen=True):
    """What a person allows as the engine knows it: a choice shows when the engine has taken it."""

    user_id: str
    locale: str
    channels: dict[Channel, ChannelNow]
    types: dict[str, bool]
    quiet_hours: QuietHours | None
    weekly_wish: int | None


def preferences_now(store: SqliteStore, registry: Registry, user_id: str) -> PreferencesNow | None:
    """Returns what a person allows; None if no profile of her is on record. Types that pass everything are left out."""
    key = draws.key(user_id)
    found = (decode(line.data) for line in reversed(store.inputs_of(key, 0, _ALWAYS_US)))
    user = next((one for one in found if isinstance(one, User)), None)
    if user is None:
        return None
    user = choices.laid_over(user, choices.chosen(store, user_id))
    return PreferencesNow(
        user_id=user_id,
        locale=user.locale,
        channels={
            name: ChannelNow(name in user.opt_in, name in user.addresses, store.suppressed(key, code))
            for code, name in enumerate(CHANNELS)
        },
        types={name: name not in user.type_opt_out for name in optional(registry)},
        quiet_hours=user.quiet_hours,
        weekly_wish=user.weekly_wish,
    )


def optional(registry: Registry) -> list[str]:
    """Returns the types that a person may switch off: all but critical ones and those that are gone."""
    return [one.name for one in registry.types if not one.critical and one.name not in registry.retired]


def record_of(user_id: str, choice: Choice, now: datetime) -> Preferences:
    """Returns what the engine is told of a choice."""
    said = {name: getattr(choice, name) for name in Choice.__struct_fields__}
    name = f"{draws.key(user_id):016x}:{to_us(now)}:{draws.key(msgspec.json.encode(choice)):016x}"
    return Preferences(preferences_id=name, user_id=user_id, at=now, **said)


async def show(request: Request, service: Service) -> Response:
    """Answers with what a person allows."""
    parameters(request, ())
    user_id, registry = request.path_params["user_id"], service.registry
    found = await service.ask(lambda store: preferences_now(store, registry, user_id))
    if found is None:
        raise Problem(404, "unknown-user", f"got user {user_id!r}, of whom no profile is on record; check the id")
    return answer(found, headers={"Cache-Control": "no-store"})


async def put(request: Request, service: Service) -> Response:
    """Takes what a person chose in the app."""
    user_id = request.path_params["user_id"]
    if len(user_id) > LONGEST_ID:
        raise Problem(422, "invalid", f"got a user_id of {len(user_id)} characters, expected {LONGEST_ID} at most")
    await service.types_changed()

    def read(data: bytes, now: datetime) -> Told:
        choice = _CHOICE.decode(data)
        _known(choice.types, service.registry)
        record = record_of(user_id, choice, now)
        return Told(record, record.preferences_id, generated=True)

    return await take(request, service, read)


def _known(types: Mapping[str, bool], registry: Registry) -> None:
    strange = sorted(types.keys() - set(optional(registry)))
    if strange:
        raise InvalidRecord(
            f"got the type {strange[0]!r}, expected one that may be switched off: {', '.join(optional(registry))}"
        )


_CHOICE: Final = msgspec.json.Decoder(Choice)

ENDPOINTS: Final = (
    Endpoint(
        "GET", "/v1/users/{user_id}/preferences", show, "read", "Gives what a person allows.",
        answers={200: PreferencesNow, 404: Problem},
    ),
    Endpoint(
        "PUT", "/v1/users/{user_id}/preferences", put, "ingest",
        "Takes what a person chose in the app; what is left out stays. No import of her profile undoes it.",
        Choice, {202: Taken, 422: Problem},
    ),
)  # fmt: skip
