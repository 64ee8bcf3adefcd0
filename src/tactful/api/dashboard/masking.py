"""Addresses as the pages show them: enough to tell two apart, too little to write to one."""

import re
from collections.abc import Collection
from typing import Final

_EMAIL: Final = re.compile(r"[^\s<>()\[\]\",;:@]+@[\w.-]+")
_SHOWN: Final = 4
"""Last characters of an address that is no e-mail address."""


def masked(address: str) -> str:
    """Returns an address without what makes it one: of e-mail the first letter and the domain, else the end.

    >>> masked("ann@example.com"), masked("c0ffee-0123456789"), masked("short")
    ('a…@example.com', '…6789', '…')
    """
    name, at, domain = address.rpartition("@")
    if at and name and " " not in address and not address.startswith("{"):
        return f"{name[0]}…@{domain}"
    return f"…{address[-_SHOWN:]}" if len(address) >= 4 * _SHOWN and address[-_SHOWN:].isalnum() else "…"


def masked_in(text: str, addresses: Collection[str] = ()) -> str:
    """Returns a text, such as a provider's words, in which known addresses and all e-mail addresses are masked.

    >>> masked_in("550 no <ann@example.com> here; token c0ffee-0123456789", ["c0ffee-0123456789"])
    '550 no <a…@example.com> here; token …6789'
    """
    for address in sorted(filter(None, addresses), key=len, reverse=True):
        text = text.replace(address, masked(address))
    return _EMAIL.sub(lambda found: masked(found[0]), text)
