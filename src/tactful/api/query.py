"""What stands behind the question mark of an address, parsed once; a parameter that nobody knows is refused."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime

from starlette.requests import Request

from tactful.api.problems import Problem


def parameters(request: Request, known: Collection[str]) -> Mapping[str, str]:
    """Returns the parameters of a request, each given once.

    Raises:
        Problem: 422 for one that is unknown (a mistyped filter would filter nothing) or given twice.
    """
    given = request.query_params.multi_items()
    names = [name for name, _ in given]
    for name in names:
        if name not in known:
            raise refused(name, "no parameter of this address", f"one of {', '.join(known)}")
        if names.count(name) > 1:
            raise refused(name, "it twice", "it once")
    return dict(given)


def instant(given: Mapping[str, str], name: str) -> datetime | None:
    """Returns a parameter that is an instant; None where it is left out.

    Raises:
        Problem: 422 if it is no ISO 8601 with an offset.
    """
    text = given.get(name)
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is not None:
            return at.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise refused(name, repr(text), "an instant in ISO 8601 with an offset, such as 2026-03-01T18:00:00Z")


def whole(given: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    """Returns a parameter that is a whole number within bounds.

    Raises:
        Problem: 422 otherwise.
    """
    text = given.get(name)
    if text is None:
        return default
    if text.isascii() and text.isdigit() and len(text) <= len(str(most)) and least <= int(text) <= most:
        return int(text)
    raise refused(name, repr(text), f"a whole number from {least} to {most}")


def choice(given: Mapping[str, str], name: str, words: Collection[str]) -> str | None:
    """Returns a parameter that is one of some words; None where it is left out.

    Raises:
        Problem: 422 if it is another one.
    """
    text = given.get(name)
    if text is not None and text not in words:
        raise refused(name, repr(text), f"one of {', '.join(words)}")
    return text


def refused(name: str, got: str, expected: str) -> Problem:
    """Returns the problem of a parameter."""
    return Problem(422, "invalid-query", f"parameter {name}: got {got}, expected {expected}", {"parameter": name})
