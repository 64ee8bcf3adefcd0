"""Errors as problem documents. Source: RFC 9457."""

from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """Raised by a handler to end a request: becomes a problem document.

    `detail` says what was got, what was expected, and what to do; `kind` is a stable word for machines (the end of the
    document's `type`). `more` are further members, `headers` such as `Retry-After`.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        more: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.kind, self.detail = status, kind, detail
        self.more, self.headers = dict(more or {}), dict(headers or {})

    def response(self) -> Response:
        """Returns the document as an answer."""
        document = {
            "type": f"urn:tactful:problem:{self.kind}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            **self.more,
        }
        return Response(msgspec.json.encode(document), self.status, self.headers, MEDIA_TYPE)


def too_many(kind: str, detail: str, wait_s: float, headers: Mapping[str, str] | None = None) -> Problem:
    """Returns the problem of somebody who should come again in so many seconds."""
    wait = str(max(1, round(wait_s + 0.5)))
    return Problem(429, kind, detail, headers={"Retry-After": wait, **(headers or {})})
