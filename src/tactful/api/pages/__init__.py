"""Pages for people: small HTML that works without JavaScript, in their language. One template a page, words in TOML.

A token in the address opens each of them, so they send no referrer, are kept by no cache, and load nothing.
"""

import base64
import hashlib
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

_HERE: Final = Path(__file__).parent
_FIRST: Final = "en"
_PAGES: Final = Environment(
    loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)


def page(request: Request, name: str, locale: str = "", status: int = 200, **values: object) -> HTMLResponse:
    """Returns a page.

    Args:
        name: of the template, without `.html`; `words` of its section in the language's TOML file are in it.
        locale: the person's own, if known; else what the browser asks for counts.
    """
    language = language_of(locale or request.headers.get("accept-language", ""))
    words = _words(language)
    text = _PAGES.get_template(f"{name}.html").render(
        language=language, words=words[name], all_words=words, style=_style()[0], **values
    )
    return HTMLResponse(text, status, _headers())


def language_of(asked: str) -> str:
    """Returns the language to speak: the first of those asked for (a locale, or `Accept-Language`) that is there.

    >>> language_of("de-AT, pt-BR;q=0.7, en;q=0.3"), language_of("")
    ('pt', 'en')
    """
    known = {file.stem for file in _HERE.glob("*.toml")}
    for part in asked[:200].split(","):
        language = part.split(";")[0].strip().replace("_", "-").split("-")[0].lower()
        if language in known:
            return language
    return _FIRST


@lru_cache
def _words(language: str) -> Mapping[str, Any]:
    """The texts by page; whatever a language lacks is said in English."""
    own, first = ({} if name is None else tomllib.loads((_HERE / f"{name}.toml").read_text())
                  for name in (language, None if language == _FIRST else _FIRST))  # fmt: skip
    return {section: {**first.get(section, {}), **own.get(section, {})} for section in {**first, **own}}


@lru_cache
def _style() -> tuple[str, str]:
    """The style sheet, and the hash by which alone the browser accepts it."""
    text = (_HERE / "style.css").read_text()
    return text, base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _headers() -> dict[str, str]:
    return {
        "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_style()[1]}'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
        "X-Robots-Tag": "noindex",
        "X-Content-Type-Options": "nosniff",
    }
