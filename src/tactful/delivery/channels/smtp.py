"""Hands e-mail to a mail server, over connections that it keeps.

It uses `smtplib` of the standard library: a sender's threads wait for answers anyway, and its single commands tell
before which of them a connection broke. Until the text is under way nothing can have arrived, and the message is tried
again; from then on, until the server's answer, nobody knows.

Source: RFC 5321 (SMTP), RFC 3463 (enhanced status codes).
"""

import re
import smtplib
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Literal, TypeAlias

from tactful.clock import Clock, WallClock, from_us
from tactful.delivery import settings
from tactful.delivery.credentials import secret
from tactful.delivery.mail import compose, letterhead, mailbox
from tactful.delivery.protocol import Delivered, Failed, Limits, Message, Outcome, RetryAfter, Unreachable
from tactful.errors import InvalidSettings

Security: TypeAlias = Literal["starttls", "tls", "none"]
_Stage: TypeAlias = Literal["sender", "recipient", "text"]

_BROKE = (OSError, smtplib.SMTPException)
_ENHANCED = re.compile(rb"([245])\.(\d{1,3})\.(\d{1,3})\b")
_DEAD = frozenset({b"5.1.1", b"5.1.2", b"5.1.3", b"5.1.6", b"5.1.10", b"5.2.1"})
"""Mailbox or domain unknown, malformed, moved, without mail, or shut."""
_DEAD_UNSAID = frozenset({550, 551, 553})
"""Without an enhanced code, at the recipient: no such mailbox here."""
_CLOSING = 421


class SmtpChannel:
    """Sends HTML with a text of the same content; the Message-ID names the decision.

    A 4xx is tried again, a 5xx is final, one that says that the mailbox is unknown ends the address. A login or a TLS
    handshake that is refused is tried again, too: that is for the operator to mend, not the message's fault.

    Args:
        host: the mail server.
        port: where it listens.
        sender: what stands in From.
        security: how the connection is kept from others' eyes; `starttls` never goes on without.
        login: name and password; None for no login.
        reply_to: where answers go; "" for the sender.
        return_path: where bounces go; "" for the sender's address.
        timeout_s: the longest wait for one answer of the server.
        clock: dates the mails.
        tls: whom to trust; by default whom the machine trusts.

    Raises:
        InvalidSettings: for a sender, `reply_to` or `return_path` that is no address.
    """

    limits = Limits()
    honours_idempotency = False

    def __init__(
        self,
        host: str,
        port: int,
        sender: str,
        security: Security = "starttls",
        login: tuple[str, str] | None = None,
        reply_to: str = "",
        return_path: str = "",
        timeout_s: float = 10.0,
        clock: Clock | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._server = (host, port)
        self._head = letterhead(sender, reply_to)
        self._return_path = return_path or self._head.sender.addr_spec
        if mailbox(self._return_path) is None:
            raise InvalidSettings(
                f"got return_path = {return_path!r}, expected an address such as 'bounces@example.com'"
            )
        self._security = security
        self._login = login
        self._timeout_s = timeout_s
        self._clock = clock or WallClock()
        self._tls = tls or ssl.create_default_context()
        self._idle: list[smtplib.SMTP] = []
        self._lock = threading.Lock()

    def send(self, message: Message, idempotency_key: str) -> Outcome:
        """Hands one mail over."""
        to = mailbox(message.address)
        if to is None:
            return Unreachable("the address is no e-mail address")
        try:
            mail = compose(message, to, idempotency_key, self._head, from_us(self._clock.now_us()))
        except ValueError:
            return Failed("the message cannot be written as an e-mail")
        try:
            client = self._connected()
        except _BROKE as error:
            return RetryAfter(detail=f"no connection: {type(error).__name__}")
        try:
            outcome, is_open = _hand_over(client, self._return_path, to, mail)
        except BaseException:
            client.close()
            raise
        if is_open:
            with self._lock:
                self._idle.append(client)
        else:
            client.close()
        return outcome

    def close(self) -> None:
        """Says goodbye on every connection that is kept."""
        with self._lock:
            idle, self._idle = self._idle, []
        for client in idle:
            with suppress(*_BROKE):
                client.quit()
            client.close()

    def _connected(self) -> smtplib.SMTP:
        """A connection that answers: one that was kept, else a new one."""
        while True:
            with self._lock:
                client = self._idle.pop() if self._idle else None
            if client is None:
                return self._connect()
            with suppress(*_BROKE):
                if client.rset()[0] == 250:
                    return client
            client.close()

    def _connect(self) -> smtplib.SMTP:
        # The name that we greet with is told, for to find it out smtplib would ask the DNS about this machine.
        ours = self._head.sender.domain
        host, port = self._server
        if self._security == "tls":
            client: smtplib.SMTP = smtplib.SMTP_SSL(host, port, ours, timeout=self._timeout_s, context=self._tls)
        else:
            client = smtplib.SMTP(host, port, ours, timeout=self._timeout_s)
        try:
            if self._security == "starttls":
                client.starttls(context=self._tls)
            client.ehlo_or_helo_if_needed()
            if self._login is not None:
                client.login(*self._login)
        except BaseException:
            client.close()
            raise
        return client


def _hand_over(client: smtplib.SMTP, return_path: str, to: str, mail: bytes) -> tuple[Outcome, bool]:
    """What the server made of a mail, and whether the connection may be used again.

    Raises:
        OSError | smtplib.SMTPException: if it broke off when the text was under way.
    """
    stage: _Stage = "sender"
    try:
        code, said = client.docmd("MAIL", f"FROM:<{return_path}>")
        if code == 250:
            stage = "recipient"
            code, said = client.docmd("RCPT", f"TO:<{to}>")
        if stage == "recipient" and code in (250, 251):
            stage = "text"
            code, said = client.docmd("DATA")
    except _BROKE as error:
        return RetryAfter(detail=f"broke off at the {stage}: {type(error).__name__}"), False
    if stage == "text" and code == 354:
        client.send(_stuffed(mail))
        code, said = client.getreply()
        if code == 250:
            return Delivered(said.decode("ascii", "replace")[:200]), True
    return _refusal(stage, code, said), code != _CLOSING


def _refusal(stage: _Stage, code: int, said: bytes) -> Outcome:
    found = _ENHANCED.match(said)
    enhanced = found[0] if found else b""
    detail = f"{stage}: {code} {enhanced.decode()}".rstrip()
    if 400 <= code < 500:
        return RetryAfter(detail=detail)
    dead = enhanced in _DEAD if enhanced else stage == "recipient" and code in _DEAD_UNSAID
    return Unreachable(detail) if dead and stage != "sender" else Failed(detail)


def _stuffed(mail: bytes) -> bytes:
    """A text that ends where it ends: a line that begins with a dot gets another one."""
    body = re.sub(rb"(?m)^\.", b"..", mail)
    return body + (b"" if body.endswith(b"\r\n") else b"\r\n") + b".\r\n"


def from_settings(given: settings.Smtp, env: Mapping[str, str], clock: Clock) -> SmtpChannel:
    """Returns the channel of a settings table.

    Raises:
        MissingCredential: if there is a `username` and its password is not set.
        InvalidSettings: for an address that is none, or a password that would go in the clear.
    """
    login = None
    if given.username:
        if given.security == "none":
            raise InvalidSettings(
                'got a username with security = "none": its password would go in the clear; '
                'expected "starttls" or "tls"'
            )
        login = (given.username, secret(env, given.password_env, f"the password of {given.username}"))
    return SmtpChannel(
        given.host,
        given.port,
        given.sender,
        given.security,
        login,
        given.reply_to,
        given.return_path,
        given.timeout_s,
        clock,
    )
