"""What a person chose herself, laid over what the app says of her: an import can neither forget nor undo it.

The log holds profiles with the choices in them already, so that states and replays know of profiles only.
"""

import msgspec

from tactful import draws
from tactful.clock import to_us
from tactful.events.addresses import print_of
from tactful.events.records import Channel, Preferences, QuietHours, User, decode
from tactful.stores.protocols import Choices


def chosen(store: Choices, user_id: str) -> Preferences | None:
    """Returns what a person chose last, None if she never did."""
    data = store.preferences_of(draws.key(user_id))
    if data is None:
        return None
    found = decode(data)
    assert isinstance(found, Preferences)
    return found


def merged(known: Preferences | None, other: Preferences) -> Preferences:
    """Returns what holds after both: what the later one by `at` (of a tie, the other one) does not name stays.

    >>> from datetime import UTC, datetime
    >>> one, two = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    >>> first = Preferences(preferences_id="1", user_id="ann", at=one, types={"win_back": False}, weekly_wish=2)
    >>> second = Preferences(preferences_id="2", user_id="ann", at=two, types={"comment_digest": False})
    >>> both = merged(second, first)
    >>> both == merged(first, second), both.types, both.weekly_wish
    (True, {'win_back': False, 'comment_digest': False}, 2)
    """
    if known is None:
        return other
    old, new = (known, other) if to_us(known.at) <= to_us(other.at) else (other, known)
    return msgspec.structs.replace(
        new,
        channels={**old.channels, **new.channels},
        types={**old.types, **new.types},
        addresses={**old.addresses, **new.addresses},
        dead={**old.dead, **new.dead},
        quiet_hours=old.quiet_hours if new.quiet_hours is None else new.quiet_hours,
        weekly_wish=old.weekly_wish if new.weekly_wish is None else new.weekly_wish,
    )


def laid_over(user: User, choice: Preferences | None) -> User:
    """Returns a profile with her choices in place of what it says; laid over twice, they change nothing more.

    >>> from datetime import UTC, datetime
    >>> ann = User(user_id="ann", opt_in=("email", "push"), type_opt_out=("win_back",))
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> choice = Preferences(preferences_id="p", user_id="ann", at=at, channels={"email": False}, weekly_wish=2)
    >>> both = laid_over(ann, choice)
    >>> both.opt_in, both.type_opt_out, both.weekly_wish
    (('push',), ('win_back',), 2)
    """
    if choice is None:
        return user
    return msgspec.structs.replace(
        user,
        addresses=_addresses({**user.addresses, **choice.addresses}, choice.dead),
        opt_in=_opt_in(user.opt_in, choice.channels),
        type_opt_out=_opt_out(user.type_opt_out, choice.types),
        quiet_hours=_quiet(user.quiet_hours, choice.quiet_hours),
        weekly_wish=_wish(user.weekly_wish, choice.weekly_wish),
    )


def _addresses(told: dict[Channel, str], dead: dict[Channel, str]) -> dict[Channel, str]:
    return {name: one for name, one in told.items() if one and print_of(one) != dead.get(name)}


def _opt_in(given: tuple[Channel, ...], choice: dict[Channel, bool]) -> tuple[Channel, ...]:
    kept = [channel for channel in given if choice.get(channel, True)]
    return (*kept, *(channel for channel, on in choice.items() if on and channel not in given))


def _opt_out(given: tuple[str, ...], choice: dict[str, bool]) -> tuple[str, ...]:
    kept = [name for name in given if not choice.get(name, False)]
    return (*kept, *(name for name, on in choice.items() if not on and name not in given))


def _quiet(given: QuietHours | None, choice: QuietHours | str | None) -> QuietHours | None:
    if choice is None:
        return given
    return choice if isinstance(choice, QuietHours) else None


def _wish(given: int | None, choice: int | str | None) -> int | None:
    if choice is None:
        return given
    return choice if isinstance(choice, int) else None
