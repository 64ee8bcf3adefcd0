"""What every store refuses, in the same words."""

from collections.abc import Sequence

from tactful.errors import StoreError
from tactful.stores.protocols import LoggedInput


def check_order(inputs: Sequence[LoggedInput], last: tuple[int, int]) -> None:
    """Checks that inputs may follow the last (offset, instant) of a log.

    Raises:
        StoreError: if the offsets do not rise by one from above the last, or an instant falls.
    """
    last_offset, last_ts_us = last
    first = inputs[0].offset
    if first <= last_offset or [i.offset for i in inputs] != list(range(first, first + len(inputs))):
        raise StoreError(
            f"got {len(inputs)} inputs with offsets {first} .. {inputs[-1].offset}, expected consecutive "
            f"ones above {last_offset}; take the next offset from last()"
        )
    instants = [last_ts_us, *(i.log_ts_us for i in inputs)]
    if instants != sorted(instants):
        raise StoreError(
            f"got an instant below its predecessor's, expected none to fall, from {last_ts_us} on; "
            "stamp inputs with max(last log_ts, clock)"
        )


def no_open_attempt(decision_key: int, attempt_no: int) -> StoreError:
    """Returns the error for a result that belongs to no attempt in doubt."""
    return StoreError(
        f"got a result for attempt {attempt_no} of decision {decision_key}, expected one that was begun and "
        "has no result; see outbox_of for what is known of it"
    )


def version_differs(name: str, version: str) -> StoreError:
    """Returns the error for other data under a version that is taken."""
    return StoreError(
        f"got other data for {name} {version}, expected what that version holds already; put it under a new version"
    )


def known_api_key(key_id: str) -> StoreError:
    """Returns the error for an API key whose id is taken."""
    return StoreError(f"got the API key {key_id}, which is there already; expected a new id: make another key")


def nested_transaction() -> StoreError:
    """Returns the error for a transaction inside a transaction."""
    return StoreError("got a transaction inside a transaction, expected one at a time; write inside the open one")
