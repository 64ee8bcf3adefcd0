"""What the DNS must say of a sending domain, and what is told where it does not."""

import base64
import socket
from functools import cache

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tactful.delivery.dns_lookup import texts
from tactful.delivery.domain_records import dkim, dmarc, findings, spf
from tactful.errors import InvalidSettings


class Zone(dict[str, tuple[str, ...]]):
    """A DNS made of a dict; a name with no records has none."""

    def __call__(self, name: str) -> tuple[str, ...]:
        return self.get(name, ())


@cache
def published(bits: int) -> str:
    key = rsa.generate_private_key(65537, bits).public_key()
    return (
        "v=DKIM1; k=rsa; p="
        + base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
    )


@pytest.mark.parametrize(
    ("records", "standing"),
    [
        (("v=spf1 include:_spf.example.net -all",), "good"),
        (("google-site-verification=1", "v=spf1 mx ~all"), "good"),
        (("v=spf1 redirect=_spf.example.net",), "good"),
        (("v=spf1 mx ?all",), "weak"),
        (("v=spf1 +all",), "bad"),
        (("v=spf1 -all", "v=spf1 mx -all"), "bad"),
        (("v=spf1 " + "include:x.example " * 11 + "-all",), "bad"),
        (("v=spf10 -all",), "bad"),
        ((), "bad"),
    ],
)
def test_spf(records: tuple[str, ...], standing: str) -> None:
    found = spf("example.com", Zone({"example.com": records}))
    assert found.standing == standing
    assert bool(found.advice) == (standing != "good")


@pytest.mark.parametrize(
    ("record", "standing"),
    [
        (published(2048), "good"),
        (published(1024), "weak"),
        ("v=DKIM1; k=ed25519; p=" + base64.b64encode(b"k" * 32).decode(), "good"),
        ("v=DKIM1; p=", "bad"),
        ("v=DKIM1; p=AAAA", "bad"),
        ("v=DKIM1; p=***", "bad"),
        ("some text", "bad"),
    ],
    ids=["2048", "1024", "ed25519", "withdrawn", "no key", "no base64", "no record"],
)
def test_dkim(record: str, standing: str) -> None:
    found = dkim("example.com", "s1", Zone({"s1._domainkey.example.com": (record,)}))
    assert found.standing == standing
    assert bool(found.advice) == (standing != "good")


def test_without_a_selector_nobody_can_tell_of_dkim() -> None:
    assert dkim("example.com", "", Zone()).standing == "unknown"


@pytest.mark.parametrize(
    ("zone", "standing"),
    [
        ({"_dmarc.mail.example.com": ("v=DMARC1; p=reject",)}, "good"),
        ({"_dmarc.example.com": ("v=DMARC1; p=quarantine; rua=mailto:a@example.com",)}, "good"),
        ({"_dmarc.example.com": ("v=DMARC1; p=reject; sp=none",)}, "weak"),
        ({"_dmarc.mail.example.com": ("v=DMARC1; p=none",)}, "weak"),
        ({"_dmarc.mail.example.com": ("v=DMARC1; p=none", "v=DMARC1; p=none")}, "bad"),
        ({"_dmarc.mail.example.com": ("v=DMARC1",)}, "bad"),
        ({}, "bad"),
    ],
    ids=range(7),
)
def test_dmarc(zone: dict[str, tuple[str, ...]], standing: str) -> None:
    found = dmarc("mail.example.com", Zone(zone))
    assert found.standing == standing
    assert bool(found.advice) == (standing != "good")


def test_a_dns_that_does_not_answer_is_no_verdict() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        look = texts(f"127.0.0.1:{silent.getsockname()[1]}", patience_s=0.1)
        found = findings("example.com", "example.com", "s1", look)
    assert [each.standing for each in found] == ["unknown"] * 3
    assert all("lookup failed" in each.found and each.advice for each in found)


def test_a_server_that_is_no_address_is_refused() -> None:
    for wrong in ("nonsense", "127.0.0.1:x", "1.2.3"):
        with pytest.raises(InvalidSettings, match="DNS server"):
            texts(wrong)
