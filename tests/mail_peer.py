"""A mail server on 127.0.0.1 (aiosmtpd) that keeps what it took, and answers or breaks off as told."""

import asyncio
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from types import TracebackType
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


@dataclass
class Took:
    """One mail, with the envelope that it came in."""

    sender: str
    recipients: list[str]
    raw: bytes

    @property
    def mail(self) -> EmailMessage:
        found = message_from_bytes(self.raw, policy=policy.default)
        assert isinstance(found, EmailMessage)
        return found


class MailPeer:
    """Answers "250 OK" unless told otherwise; a context manager.

    Args:
        mail, rcpt, data: what to answer at each step.
        cut: break off in the middle of the `text`, or at its `end`, before an answer.
        slow: never answer at the text's end.
        login: who may send, and only after TLS.
    """

    def __init__(
        self,
        mail: str = "250 OK",
        rcpt: str = "250 OK",
        data: str = "250 2.0.0 queued as 4711",
        cut: str = "",
        slow: bool = False,
        login: tuple[str, str] | None = None,
        tls: Any = None,
    ) -> None:
        self.took: list[Took] = []
        self.sessions: list[Session] = []
        self._says = {"mail": mail, "rcpt": rcpt, "data": data}
        self._cut, self._slow, self._login = cut, slow, login
        peer = self

        class Spoken(SMTP):
            async def smtp_DATA(self, arg: str) -> None:
                if peer._cut == "text":
                    await self.push("354 go on")
                    self.transport.abort()
                    return
                await super().smtp_DATA(arg)

        class Server(Controller):
            def factory(self) -> SMTP:
                return Spoken(self.handler, **self.SMTP_kwargs)

            def _trigger_server(self) -> None:
                self.port = self.server.sockets[0].getsockname()[1]
                super()._trigger_server()

        secured = {"tls_context": tls, "require_starttls": True} if tls else {}
        checked = {"authenticator": self._authenticate, "auth_required": True} if login else {}
        self._server = Server(self, "127.0.0.1", 0, **secured, **checked)

    @property
    def port(self) -> int:
        return self._server.port

    def stop(self) -> None:
        """Goes away; what was begun breaks off."""
        if not self._server.loop.is_closed():
            self._server.stop()

    def __enter__(self) -> "MailPeer":
        self._server.start()
        return self

    def __exit__(self, *_: TracebackType | type[BaseException] | BaseException | None) -> None:
        self.stop()

    def _authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, given: Any) -> AuthResult:
        assert self._login is not None
        right = isinstance(given, LoginPassword) and (given.login.decode(), given.password.decode()) == self._login
        return AuthResult(success=right, handled=right)

    async def handle_MAIL(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        self.sessions.append(session)
        envelope.mail_from = address
        return self._says["mail"]

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        if self._says["rcpt"].startswith("2"):
            envelope.rcpt_tos.append(address)
        return self._says["rcpt"]

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self._cut == "end":
            server.transport.abort()
        if self._slow:
            await asyncio.Event().wait()
        if self._says["data"].startswith("2"):
            self.took.append(Took(envelope.mail_from, list(envelope.rcpt_tos), envelope.original_content))
        return self._says["data"]
