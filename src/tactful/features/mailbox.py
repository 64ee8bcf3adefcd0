"""Who runs a person's mailbox: five groups, since complaints and blocks are theirs to give, each by its own measure.

Only the group is kept in a state, never the address. Domains of companies whose mail one of the large providers runs
are not told apart from others: that would take a look-up for every address.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

Mailbox: TypeAlias = Literal["other", "gmail", "outlook", "yahoo", "apple"]
MAILBOXES: tuple[Mailbox, ...] = ("other", "gmail", "outlook", "yahoo", "apple")
"""`other` comes first: it is also everybody's group on channels that have no mailbox."""

_DOMAINS: Final[Mapping[str, Mailbox]] = MappingProxyType(
    {
        "gmail.com": "gmail",
        "googlemail.com": "gmail",
        "msn.com": "outlook",
        "ymail.com": "yahoo",
        "rocketmail.com": "yahoo",
        "aol.com": "yahoo",
        "icloud.com": "apple",
        "me.com": "apple",
        "mac.com": "apple",
    }
)
_BRANDS: Final[Mapping[str, Mailbox]] = MappingProxyType(
    {"outlook": "outlook", "hotmail": "outlook", "live": "outlook", "yahoo": "yahoo"}
)
"""Names under many countries: hotmail.fr, yahoo.co.jp."""
_COUNTRY: Final = 2
"""Letters of a country's domain."""


def mailbox_of(address: str) -> int:
    """Returns the group of an e-mail address, an index into `MAILBOXES`; 0 for any that is not known.

    >>> [MAILBOXES[mailbox_of(a)] for a in ("Ann@Gmail.com", "bob@yahoo.co.jp", "c@hotmail.fr", "d@live.example.org")]
    ['gmail', 'yahoo', 'outlook', 'other']
    """
    domain = address.rpartition("@")[2].strip().rstrip(".").lower()
    name, _, end = domain.partition(".")
    found: Mailbox = _DOMAINS.get(domain, "other")
    if name in _BRANDS and all(part in ("com", "co") or len(part) == _COUNTRY for part in end.split(".")):
        found = _BRANDS[name]
    return MAILBOXES.index(found)
