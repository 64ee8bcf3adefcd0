"""Keeps calls out of private networks: an address that somebody registered must not have us call an inner host.

The name is resolved once, every address that it has is judged, and the connection goes to an address that was
judged: a name that changes its answer in between gains nothing. TLS still asks for the name's certificate.
"""

import ipaddress
import socket
from collections.abc import Iterable

import httpcore

from tactful.errors import PrivateAddress

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
SocketOption = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]


def is_public(address: str) -> bool:
    """Returns whether an IP address lies in the open internet, looking through IPv6 addresses that wrap IPv4 ones.

    >>> [is_public(each) for each in ("93.184.215.14", "10.0.0.7", "169.254.169.254", "::1", "::ffff:127.0.0.1")]
    [True, False, False, False, False]
    """
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def public_address(host: str, port: int) -> str:
    """Returns an address of a host, all of whose addresses are public.

    Raises:
        PrivateAddress: if one of them is not.
        OSError: if the name cannot be resolved.
    """
    found = [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    if not all(map(is_public, found)):
        raise PrivateAddress(
            "the address leads into a private network; expected a public one. "
            "If that host is yours, set allow_private for this channel"
        )
    return found[0]


class GuardedBackend(httpcore.NetworkBackend):
    """Opens connections to public addresses alone."""

    def __init__(self) -> None:
        self._open = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore.NetworkStream:
        """Resolves, judges, and connects to what was judged."""
        try:
            address = public_address(host, port)
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        return self._open.connect_tcp(address, port, timeout, local_address, socket_options)
