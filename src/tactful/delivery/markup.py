"""What may not stand in a finished e-mail, whoever wrote it: links that run code, and attributes that do.

Values are escaped when a text is filled; this is the second look, at what came of it: an address that is a script needs
no character that is escaped, and an attribute without quotes ends at a blank.
"""

import re
from html.parser import HTMLParser
from typing import Final

_ADDRESSES: Final = frozenset({"href", "src", "action", "formaction", "background", "poster", "xlink:href", "srcset"})
_HARMFUL: Final = frozenset({"javascript", "vbscript", "data", "file", "blob"})
_SCHEME: Final = re.compile(r"([a-z][a-z0-9+.-]*):")
_IGNORED: Final = re.compile(r"[\x00-\x20\x7f-\x9f\u200b-\u200f\u2028-\u202f\ufeff]")


def harmful(url: str) -> bool:
    """Returns whether an address would run or show something of its own instead of leading somewhere.

    >>> harmful("java\\tscript:alert(1)"), harmful("https://app.example/"), harmful("myapp://post/1")
    (True, False, False)
    """
    scheme = _SCHEME.match(_IGNORED.sub("", url).lower())
    return scheme is not None and scheme[1] in _HARMFUL


def harm_in(body: str) -> str | None:
    """Returns what is harmful in an HTML text, None if nothing is."""
    looker = _Looker()
    looker.feed(body)
    looker.close()
    return looker.found


class _Looker(HTMLParser):
    """Looks at every attribute of every tag."""

    def __init__(self) -> None:
        super().__init__()
        self.found: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name.startswith("on"):
                self.found = self.found or f"<{tag}> has the attribute {name[:20]}, which runs code; take it out"
            elif name in _ADDRESSES and value and harmful(value):
                self.found = self.found or f"<{tag}> has an address in {name} that runs code or is no link; use https"
