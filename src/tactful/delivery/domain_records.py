"""Whether a domain may send e-mail: what SPF, DKIM and DMARC say of it, and what to do where they are wanting.

Large mailbox providers refuse bulk senders without all three. Pure: it reads DNS through a function that it is given.

Source: RFC 7208 (SPF), RFC 6376 and RFC 8301 (DKIM), RFC 7489 (DMARC).
"""

import re
from collections.abc import Callable
from typing import Literal, TypeAlias

import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from tactful.delivery.signed_tokens import decoded
from tactful.errors import LookupFailed

Standing: TypeAlias = Literal["good", "weak", "bad", "unknown"]
Texts: TypeAlias = Callable[[str], tuple[str, ...]]
"""Returns the TXT records of a name, none if there are none; raises `LookupFailed` if nobody can say."""

_SPF_LOOKUPS = 10
_ASKS = re.compile(r"[+?~-]?(include:|a([:/]|$)|mx([:/]|$)|ptr|exists:)|redirect=")
_WEAK_RSA_BITS, _BAD_RSA_BITS = 2048, 1024


class Finding(msgspec.Struct, frozen=True):
    """What was found of one thing; `advice` is what to do about it, "" for nothing."""

    what: str
    standing: Standing
    found: str
    advice: str = ""


def findings(domain: str, bounces: str, selector: str, texts: Texts) -> list[Finding]:
    """Returns what stands in the DNS about a sending domain.

    Args:
        domain: that of the address in From.
        bounces: that of the return path: whose SPF counts.
        selector: under which name the DKIM key is published; "" if nobody said.
        texts: reads TXT records.
    """
    parts: tuple[tuple[str, Callable[[], Finding]], ...] = (
        ("SPF", lambda: spf(bounces, texts)),
        ("DKIM", lambda: dkim(domain, selector, texts)),
        ("DMARC", lambda: dmarc(domain, texts)),
    )
    found: list[Finding] = []
    for record, look in parts:
        try:
            found.append(look())
        except LookupFailed as error:
            advice = "look again where the DNS can be reached, or name a server with --dns"
            found.append(Finding(record, "unknown", f"the lookup failed: {error}", advice))
    return found


def spf(domain: str, texts: Texts) -> Finding:
    """Returns whether a domain says which machines may send for it."""
    records = [text for text in texts(domain) if text.lower().split(" ")[0] == "v=spf1"]
    if len(records) != 1:
        advice = f"publish one TXT record at {domain} such as 'v=spf1 include:<your mail provider> -all'"
        return Finding("SPF", "bad", f"{len(records) or 'no'} SPF records at {domain}", advice)
    terms = records[0].lower().split()[1:]
    if "+all" in terms or "all" in terms:
        return Finding("SPF", "bad", "it lets everybody send for the domain", "end the record with -all or ~all")
    if sum(bool(_ASKS.match(term)) for term in terms) > _SPF_LOOKUPS:
        return Finding("SPF", "bad", f"it needs more than {_SPF_LOOKUPS} lookups", "take out what no longer sends")
    if not any(term in ("-all", "~all") or term.startswith("redirect=") for term in terms):
        return Finding("SPF", "weak", "it says nothing of other machines", "end the record with -all or ~all")
    return Finding("SPF", "good", records[0])


def dkim(domain: str, selector: str, texts: Texts) -> Finding:
    """Returns whether the key that a domain publishes can check signatures."""
    if not selector:
        advice = "set dkim_selector in [channels.email]: your mail provider shows it, such as 's1'"
        return Finding("DKIM", "unknown", "nobody said which selector", advice)
    name = f"{selector}._domainkey.{domain}"
    records = [tags for text in texts(name) if "p" in (tags := _tags(text))]
    if len(records) != 1:
        advice = f"publish the key that your mail provider shows as one TXT or CNAME record at {name}"
        return Finding("DKIM", "bad", f"{len(records) or 'no'} keys at {name}", advice)
    key = "".join(records[0]["p"].split())
    if not key:
        return Finding("DKIM", "bad", "the key was withdrawn", "sign with another selector, and set dkim_selector")
    return _key_strength(records[0].get("k", "rsa"), key)


def _key_strength(kind: str, key: str) -> Finding:
    """Of Ed25519 keys and of RSA keys by their length; a provider checks no shorter one than 1,024 bits."""
    again = "have your mail provider make a key of 2,048 bits, and publish that"
    try:
        raw = decoded(key)
        public = load_der_public_key(raw) if kind == "rsa" else None
    except ValueError:
        return Finding("DKIM", "bad", "the key cannot be read", again)
    if not isinstance(public, RSAPublicKey):
        good = kind == "ed25519" and len(raw) == 32
        return Finding("DKIM", "good" if good else "bad", f"a key of kind {kind}", "" if good else again)
    if public.key_size < _WEAK_RSA_BITS:
        standing: Standing = "bad" if public.key_size < _BAD_RSA_BITS else "weak"
        return Finding("DKIM", standing, f"an RSA key of {public.key_size} bits", again)
    return Finding("DKIM", "good", f"an RSA key of {public.key_size} bits")


def dmarc(domain: str, texts: Texts) -> Finding:
    """Returns what a domain, or the nearest one above it, wants done with mail that fails SPF and DKIM."""
    labels = domain.split(".")
    for start in range(max(len(labels) - 1, 1)):
        name = "_dmarc." + ".".join(labels[start:])
        records = [tags for text in texts(name) if (tags := _tags(text)).get("v") == "DMARC1"]
        if records:
            return _policy(name, records, inherited=start > 0)
    advice = f"publish a TXT record at _dmarc.{domain} such as 'v=DMARC1; p=none; rua=mailto:dmarc@{domain}'"
    return Finding("DMARC", "bad", f"no DMARC record at _dmarc.{domain} or above", advice)


def _policy(name: str, records: list[dict[str, str]], inherited: bool) -> Finding:
    if len(records) > 1:
        return Finding("DMARC", "bad", f"{len(records)} records at {name}", "leave one")
    tags = records[0]
    policy = (tags.get("sp") if inherited else None) or tags.get("p", "")
    if policy in ("quarantine", "reject"):
        return Finding("DMARC", "good", f"p={policy} at {name}")
    if policy == "none":
        advice = "when its reports show that all your mail passes, raise it to p=quarantine, then p=reject"
        return Finding("DMARC", "weak", f"p=none at {name}: it watches and protects nobody", advice)
    return Finding("DMARC", "bad", f"got p={policy!r} at {name}", "set p=none, p=quarantine or p=reject")


def _tags(text: str) -> dict[str, str]:
    """The `name=value` pairs of a record of DKIM or DMARC."""
    pairs = (part.partition("=") for part in text.split(";"))
    return {name.strip().lower(): value.strip() for name, sign, value in pairs if sign}
