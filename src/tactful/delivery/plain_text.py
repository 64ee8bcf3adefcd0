"""The plain text of an HTML body, for the part of an e-mail that programs without HTML show."""

import re
from html.parser import HTMLParser
from typing import Final

_BREAKS: Final = frozenset(
    {"p", "div", "br", "tr", "table", "ul", "ol", "li", "blockquote", "hr", "section", "article"}
) | {f"h{level}" for level in range(1, 7)}
_SILENT: Final = frozenset({"style", "script", "head", "title", "template"})


def plain_text(html: str) -> str:
    """Returns what a body says, a paragraph a line, each link followed by where it leads.

    >>> plain_text('<p>New comments: <b>3</b></p><p><a href="https://app.example/p">Read &amp; answer</a></p>')
    'New comments: 3\\n\\nRead & answer (https://app.example/p)'
    """
    reader = _Reader()
    reader.feed(html)
    reader.close()
    lines = (" ".join(line.split()) for line in "".join(reader.parts).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._silent = 0
        self._link = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in _SILENT
        if tag == "a":
            self._link = dict(attrs).get("href") or ""
        elif tag in _BREAKS:
            self.parts.append("\n- " if tag == "li" else "\n")

    def handle_endtag(self, tag: str) -> None:
        self._silent = max(0, self._silent - (tag in _SILENT))
        if tag == "a" and self._link:
            self.parts.append(f" ({self._link})")
            self._link = ""
        elif tag in _BREAKS and tag != "li":
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(re.sub(r"\s+", " ", data))
