"""Private networks stay out of reach, whatever a name says and however often it changes what it says."""

import socket
from typing import Any

import httpcore
import pytest

from tactful.delivery.guard import GuardedBackend, is_public, public_address
from tactful.errors import PrivateAddress

PUBLIC, PRIVATE = "93.184.215.14", "10.0.0.7"


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("224.0.0.1", "255.255.255.255", "198.51.100.1", "::1", "::", "fe80::1", "fc00::1", "ff02::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::1"),
    ],
)
def test_an_address_that_is_not_public_is_known_as_such(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", [PUBLIC, "2606:2800:21f:cb07::1", "::ffff:93.184.215.14", "64:ff9b::5db8:d70e"])
def test_a_public_address_is_known_as_such(address: str) -> None:
    assert is_public(address)


class Resolver:
    """Stands in for the machine's: gives the next answer for each question, and notes the questions."""

    def __init__(self, *answers: tuple[str, ...]) -> None:
        self.asked: list[str] = []
        self._answers = list(answers)

    def __call__(self, host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        self.asked.append(host)
        if not self._answers:
            raise OSError("no further answer")
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        return [(*kind, (address, port)) for address in self._answers.pop(0)]


def test_a_name_with_one_private_address_among_public_ones_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", Resolver((PUBLIC, PRIVATE)))
    with pytest.raises(PrivateAddress, match="allow_private"):
        public_address("hooks.example.com", 443)


def test_the_connection_goes_to_the_address_that_was_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    resolver = Resolver((PUBLIC,))
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    with pytest.raises(httpcore.ConnectError):
        GuardedBackend().connect_tcp("hooks.example.com", 443, timeout=0.1)
    assert resolver.asked == ["hooks.example.com", PUBLIC]  # the name is not asked for again


def test_a_name_that_is_not_known_is_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", Resolver())
    with pytest.raises(httpcore.ConnectError):
        GuardedBackend().connect_tcp("hooks.example.com", 443)
