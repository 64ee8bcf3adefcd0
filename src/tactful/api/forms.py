"""What a page's form says: small, URL-encoded, without files."""

from urllib.parse import parse_qs

from starlette.requests import Request

from tactful.api.problems import Problem

_MOST_BYTES = 32 * 1024


async def form_of(request: Request) -> dict[str, list[str]]:
    """Returns the values of a form by field; nothing for a body of another kind.

    Raises:
        Problem: 413, for more than 32 KiB; 400, for what no form of ours says.
    """
    body = await limited_body(request, _MOST_BYTES)
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return {}
    try:
        return parse_qs(body.decode(), keep_blank_values=True, max_num_fields=500)
    except ValueError as error:
        raise Problem(
            400, "no-form", f"got a body that is no form ({error}); send what the page's form sends"
        ) from None


async def limited_body(request: Request, most_bytes: int) -> bytes:
    """Returns the body; reads no more of it than is allowed.

    Raises:
        Problem: 413.
    """
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > most_bytes:
            raise Problem(413, "too-large", f"got more than {most_bytes} bytes, expected fewer; send less at a time")
    return bytes(body)
