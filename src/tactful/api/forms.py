"""What a page's form says: small, URL-encoded, without files."""

from urllib.parse import parse_qs

from starlette.requests import Request

from tactful.api.endpoint import body_of, header
from tactful.api.problems import Problem

_MOST_BYTES = 32 * 1024


async def form_of(request: Request) -> dict[str, list[str]]:
    """Returns the values of a form by field; nothing for a body of another kind.

    Raises:
        Problem: 413, for more than 32 KiB; 400, for what no form of ours says.
    """
    if not header(request, b"content-type").startswith("application/x-www-form-urlencoded"):
        return {}
    body = await body_of(request)
    if len(body) > _MOST_BYTES:
        raise Problem(413, "too-large", f"got a form of {len(body)} bytes, expected {_MOST_BYTES} at most")
    try:
        return parse_qs(body.decode(), keep_blank_values=True, max_num_fields=500)
    except ValueError as error:
        raise Problem(400, "no-form", f"got a body that is no form ({error}); send what the page sends") from None
