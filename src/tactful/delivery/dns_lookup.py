"""Reads TXT records from the DNS, of this machine's servers or of one that is named."""

import dns.exception
import dns.resolver

from tactful.delivery.domain_records import Texts
from tactful.errors import InvalidSettings, LookupFailed

_PATIENCE_S = 5.0
"""For one name, all servers together."""


def texts(server: str = "", patience_s: float = _PATIENCE_S) -> Texts:
    """Returns a function that reads the TXT records of a name.

    Args:
        server: the address of a DNS server, `host` or `host:port`; "" for this machine's own.
        patience_s: how long one name may take.

    Raises:
        InvalidSettings: if `server` is no address.
    """
    try:
        asked = dns.resolver.Resolver(configure=not server)
        if server:
            host, _, port = server.rpartition(":") if server.count(":") == 1 else (server, "", "53")
            asked.nameservers, asked.port = [host], int(port)
    except dns.resolver.NoResolverConfiguration:
        return _nobody
    except (ValueError, dns.exception.DNSException) as error:
        raise InvalidSettings(f"got the DNS server {server!r}, expected an address such as 9.9.9.9") from error
    asked.lifetime = patience_s

    def look(name: str) -> tuple[str, ...]:
        try:
            answer = asked.resolve(name, "TXT", search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return ()
        except (dns.exception.DNSException, OSError) as error:
            raise LookupFailed(f"{type(error).__name__} for {name}") from error
        return tuple(b"".join(record.strings).decode("utf-8", "replace") for record in answer)

    return look


def _nobody(name: str) -> tuple[str, ...]:
    raise LookupFailed(f"this machine names no DNS server (for {name})")
