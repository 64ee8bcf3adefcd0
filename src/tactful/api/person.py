"""One person's own data: all of it as JSON, and its erasure."""

from datetime import datetime
from typing import Final, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tactful import draws
from tactful.api.decisions import ALWAYS_US, known, unknown_user
from tactful.api.endpoint import Endpoint, answer
from tactful.api.problems import Problem
from tactful.api.query import parameters
from tactful.api.service import Service
from tactful.api.timeline import Entry, entries
from tactful.clock import from_us
from tactful.delivery import outbox
from tactful.delivery.outbox import OutboxMessage
from tactful.events.records import CHANNELS, Channel, Identifier, Instant, Preferences, User, decode
from tactful.runtime import erasing
from tactful.runtime.settings import Settings
from tactful.runtime.shadowing.sent import Sent, sent_of
from tactful.stores.protocols import Store

_LONGEST: Final = 255


class Dossier(msgspec.Struct, frozen=True):
    """Everything on record of a person.

    `profile` is the latest one, `closed` the channels on which nothing may reach her, `entries` all that came in and
    was decided, the latest first, `messages` what was sent or is to be, `shadow_sends` what another sender told us that
    it sent her.
    """

    user_id: str
    as_of: Instant
    profile: User | None
    preferences: Preferences | None
    closed: tuple[Channel, ...]
    entries: tuple[Entry, ...]
    messages: tuple[OutboxMessage, ...]
    shadow_sends: tuple[Sent, ...] = ()


class Erasure(msgspec.Struct, frozen=True):
    """How far an erasure is: `asked` (nothing is sent any more, the data is still there) or `erased`, since when."""

    user_id: Identifier
    state: Literal["asked", "erased"]
    since: Instant


async def export(request: Request, service: Service) -> Response:
    """Answers with everything on record of a person."""
    parameters(request, ())
    user_id, now = request.path_params["user_id"], from_us(service.clock.now_us())
    headers = {"Content-Disposition": 'attachment; filename="person.json"', "Cache-Control": "no-store"}
    found = await service.ask(lambda store: dossier(store, service.settings, user_id, now))
    return answer(found, headers=headers)


async def erase(request: Request, service: Service) -> Response:
    """Asks for an erasure: 202 until the engine has done it, then 200."""
    parameters(request, ())
    user_id = request.path_params["user_id"]
    if len(user_id) > _LONGEST:
        raise Problem(422, "invalid", f"got a user_id of {len(user_id)} characters, expected {_LONGEST} at most")
    now_us = service.clock.now_us()
    found = await service.intake.write(lambda store: _asked(store, user_id, now_us))
    return answer(found, 200 if found.state == "erased" else 202)


async def show_erasure(request: Request, service: Service) -> Response:
    """Answers how far an erasure is."""
    parameters(request, ())
    user_id = request.path_params["user_id"]
    found = await service.ask(lambda store: _state(store, user_id))
    if found is None:
        raise Problem(404, "no-erasure", "nobody asked for this erasure; ask with DELETE /v1/users/{user_id}")
    return answer(found)


def dossier(store: Store, settings: Settings, user_id: str, now: datetime) -> Dossier:
    """Returns everything on record of a person.

    Raises:
        Problem: 404 if that is nothing.
    """
    if not known(store, user_id):
        raise unknown_user(user_id)
    key = draws.key(user_id)
    profiles = [r for i in store.inputs_of(key, 0, ALWAYS_US) if isinstance(r := decode(i.data), User)]
    told = store.preferences_of(key)
    preferences = decode(told) if told else None
    messages = (store.outbox_of(row.decision_key) for row in store.decisions_of(key, 0, ALWAYS_US))
    return Dossier(
        user_id=user_id,
        as_of=now,
        profile=profiles[-1] if profiles else None,
        preferences=preferences if isinstance(preferences, Preferences) else None,
        closed=tuple(channel for code, channel in enumerate(CHANNELS) if store.suppressed(key, code)),
        entries=tuple(entries(store, settings, user_id, 0, ALWAYS_US)),
        messages=tuple(outbox.decode(entry.row.message) for entry in messages if entry),
        shadow_sends=tuple(sent_of(row) for row in store.shadow_sends_of(key)),
    )


def _asked(store: Store, user_id: str, now_us: int) -> Erasure:
    """Part of the open transaction."""
    since = erasing.erased_at(store, user_id)
    if since is not None:
        return Erasure(user_id, "erased", since)
    return Erasure(user_id, "asked", erasing.ask(store, user_id, now_us))


def _state(store: Store, user_id: str) -> Erasure | None:
    since = erasing.erased_at(store, user_id)
    if since is not None:
        return Erasure(user_id, "erased", since)
    return next(
        (Erasure(user_id, "asked", from_us(w.asked_us)) for w in erasing.asked(store) if w.user_id == user_id), None
    )


ENDPOINTS: Final = (
    Endpoint(
        "GET", "/v1/users/{user_id}/export", export, "admin", "Gives everything on record of a person.",
        answers={200: Dossier, 404: Problem},
    ),
    Endpoint(
        "DELETE", "/v1/users/{user_id}", erase, "admin",
        "Erases a person: nothing is sent from now on, and the engine takes out all of her data; ask again until 200.",
        answers={200: Erasure, 202: Erasure, 422: Problem},
    ),
    Endpoint(
        "GET", "/v1/users/{user_id}/erasure", show_erasure, "admin", "Says how far an erasure is.",
        answers={200: Erasure, 404: Problem},
    ),
)  # fmt: skip
"""What this file adds to the service."""
