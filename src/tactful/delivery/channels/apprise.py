"""Sends through any service that Apprise knows. The address is an Apprise URL, such as `slack://...`.

Apprise opens its own connections, so the guard against private networks cannot stand in their way: what may be called
is limited by the URL's scheme instead. Schemes that call any host (`json`, `xml`, `form`) are for a URL of the
operator's own, never for addresses that users register.
"""

from collections.abc import Mapping, Sequence
from functools import cache

import apprise

from tactful.clock import Clock
from tactful.delivery import settings
from tactful.delivery.credentials import secret
from tactful.delivery.protocol import Delivered, Failed, Limits, Message, Outcome
from tactful.errors import InvalidSettings


class AppriseChannel:
    """Sends title and body; HTML is handed over as HTML.

    Apprise says yes or no, and not why. A no is final, for after one that came of a slow answer a repeat could arrive
    twice: it is a dead letter, which a person may send again.

    Args:
        schemes: which kinds of URL may be called.
        url: where everything goes; "" takes the message's address.
        timeout_s: the longest wait for a connection, and for an answer.

    Raises:
        InvalidSettings: for a scheme that Apprise does not know, or a `url` of another one.
    """

    limits = Limits()
    honours_idempotency = False

    def __init__(self, schemes: Sequence[str], url: str = "", timeout_s: float = 10.0) -> None:
        if unknown := set(schemes) - _known():
            raise InvalidSettings(
                f"got schemes {sorted(unknown)}, which Apprise does not know; see its list of services"
            )
        self._schemes = frozenset(schemes)
        self._url = url
        self._timeout_s = timeout_s
        if url and self._service(url) is None:
            raise InvalidSettings(
                f"got a URL that is none of the schemes {sorted(schemes)}, or that Apprise cannot read"
            )

    def send(self, message: Message, idempotency_key: str) -> Outcome:
        """Hands one message over."""
        service = self._service(self._url or message.address)
        if service is None:
            return Failed("the address is no Apprise URL of a scheme that may be called")
        is_html = message.channel == "email"
        form = apprise.NotifyFormat.HTML if is_html else apprise.NotifyFormat.TEXT
        body = message.body if is_html or not message.link else f"{message.body}\n{message.link}"
        sent = service.notify(body=body, title=message.title or message.subject, body_format=form)
        return Delivered() if sent else Failed("Apprise could not send it")

    def _service(self, url: str) -> apprise.NotifyBase | None:
        if url.partition("://")[0].lower() not in self._schemes or not url.isprintable():
            return None
        service = apprise.Apprise.instantiate(url)
        if service is not None:
            # After the URL was read, for it may name times of its own.
            service.socket_connect_timeout = service.socket_read_timeout = self._timeout_s
        return service


@cache
def _known() -> frozenset[str]:
    """The schemes that Apprise can call; to list them it loads all its services."""
    return frozenset(scheme for service in apprise.Apprise().details()["schemas"] for scheme in _schemes_of(service))


def _schemes_of(service: Mapping[str, object]) -> set[str]:
    found: set[str] = set()
    for key in ("protocols", "secure_protocols"):
        names = service.get(key)
        if isinstance(names, list | tuple | set | frozenset):
            found.update(map(str, names))
    return found


def from_settings(given: settings.Apprise, env: Mapping[str, str], clock: Clock) -> AppriseChannel:
    """Returns the channel of a settings table.

    Raises:
        MissingCredential: if a variable is named for the URL and not set.
        InvalidSettings: for a scheme or a URL that Apprise does not know.
    """
    url = secret(env, given.url_env, "an Apprise URL") if given.url_env else ""
    return AppriseChannel(given.schemes, url, given.timeout_s)
