"""What all pages share: how a template becomes an answer, the headers that keep others out, and the style sheet."""

from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from tactful.api.endpoint import Endpoint
from tactful.api.service import Service

if TYPE_CHECKING:
    from tactful.api.dashboard.access import Visitor

_HERE: Final = Path(__file__).parent
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex",
    "X-Content-Type-Options": "nosniff",
}


def page(name: str, visitor: "Visitor | None", status: int = 200, **values: object) -> HTMLResponse:
    """Returns a page from its template.

    Args:
        name: of the template, without `.html`; its link in the frame is marked as the current one.
        visitor: whose page it is, None before she has entered.
    """
    text = _templates().get_template(f"{name}.html").render(name=name, visitor=visitor, **values)
    return HTMLResponse(text, status, HEADERS)


async def show_style(request: Request, service: Service) -> Response:
    """Answers with the style sheet."""
    return Response(_style(), headers={"Cache-Control": "max-age=300"}, media_type="text/css")


@lru_cache
def _templates() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["instant"] = _instant
    return made


@lru_cache
def _style() -> str:
    return (_HERE / "static" / "style.css").read_text()


def _instant(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"


ENDPOINTS: Final = (
    Endpoint("GET", "/dashboard/style.css", show_style, None, "The dashboard's style sheet.", shown=False),
)
