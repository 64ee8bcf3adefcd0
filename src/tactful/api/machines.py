"""Who opened a message or followed its link: a person, or a machine on her behalf or against spam.

Mail providers fetch images before anybody looks (Apple's Mail Privacy Protection, Gmail's and Yahoo's proxies), and
security products follow links before delivery. What is told apart here is told by what the machine says of itself, by
how soon it comes, and by following another link of the message at once. A machine that looks like a browser and waits
is taken for a person: an open proves little, so what types count as a success is the click unless they say otherwise.
"""

import re
from collections import OrderedDict
from typing import Final

from starlette.requests import Request

from tactful.clock import SECOND_US

SOON_S: Final = 5
"""Nobody gets, reads and clicks a message this soon after it was handed over; scanners at the door do."""
AT_ONCE_S: Final = 2
"""Nobody follows two links of one message within so little."""
_REMEMBERED: Final = 10_000
"""Messages whose last click is kept in mind."""

_AGENTS: Final = re.compile(
    r"GoogleImageProxy|YahooMailProxy|Barracuda|Mimecast|Proofpoint|Symantec|MessageLabs|BitDefender|Sophos|"
    r"TrendMicro|FireEye|ZScaler|SafeLinks|BingPreview|facebookexternalhit|WhatsApp|SkypeUriPreview|HeadlessChrome|"
    r"bot\b|crawl|spider|preview|scanner|curl/|wget/|python-|Go-http-client|Java/|okhttp|libwww|node-fetch|axios",
    re.IGNORECASE,
)
_APPLE_PRIVACY: Final = "Mozilla/5.0"
"""All that Apple's proxy says of itself; a browser says more."""


def machine(request: Request, now_us: int, handed_over_us: int | None) -> str | None:
    """Returns how a request is told to be a machine's, None if it may be a person's.

    Args:
        request: for a link or an image of a message.
        now_us: when it came.
        handed_over_us: when the message was handed to its provider, None if that is not known.
    """
    if request.method == "HEAD":
        return "HEAD request"
    purposes = (request.headers.get(name, "") for name in ("purpose", "sec-purpose", "x-purpose", "x-moz"))
    if any("prefetch" in purpose or "preview" in purpose for purpose in map(str.lower, purposes)):
        return "prefetch"
    agent = request.headers.get("user-agent", "").strip()
    if agent in ("", _APPLE_PRIVACY):
        return "user agent says nothing"
    named = _AGENTS.search(agent)
    if named:
        return f"user agent: {named[0]}"
    if handed_over_us is not None and now_us < handed_over_us + SOON_S * SECOND_US:
        return f"within {SOON_S} s of the send"
    return None


class Bursts:
    """Remembers which link of a message was followed last, of the latest messages."""

    def __init__(self) -> None:
        self._last: OrderedDict[str, tuple[str, int]] = OrderedDict()

    def another(self, decision_id: str, url: str, now_us: int) -> bool:
        """Returns whether another link of the message was followed within two seconds; remembers this one."""
        last_url, last_us = self._last.pop(decision_id, (url, now_us))
        self._last[decision_id] = (url, now_us)
        if len(self._last) > _REMEMBERED:
            self._last.popitem(last=False)
        return last_url != url and now_us - last_us < AT_ONCE_S * SECOND_US
