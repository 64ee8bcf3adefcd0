"""Servers on 127.0.0.1 that play a provider: they keep what was asked and answer as told, over HTTP/1.1 or HTTP/2."""

import datetime
import ipaddress
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any

import h2.config
import h2.connection
import h2.events
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass
class Asked:
    """One request; the names of headers are in small letters."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Say:
    """One answer.

    `cut` ends the connection instead of answering; `hang` keeps silent until the peer is closed; `drip` sends a byte of
    the body each so many seconds until then (HTTP/1.1).
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    hang: bool = False
    drip: float = 0.0


class Peer:
    """What both servers share. `says` are the next answers, in order; then `otherwise` answers."""

    def __init__(self, otherwise: Callable[[Asked], Say] = lambda asked: Say(), says: list[Say] | None = None) -> None:
        self.asked: list[Asked] = []
        self.connections = 0
        self._otherwise = otherwise
        self._says = deque(says or [])
        self._closing = threading.Event()

    def answer(self, asked: Asked) -> Say:
        self.asked.append(asked)
        say = self._says.popleft() if self._says else self._otherwise(asked)
        if say.hang:
            self._closing.wait(20)
        return say


class Http1Peer(Peer):
    """HTTP/1.1, with TLS or without; a context manager."""

    def __init__(self, *given: Any, tls: bool = False, **named: Any) -> None:
        super().__init__(*given, **named)
        peer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                super().setup()
                peer.connections += 1

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                say = peer.answer(Asked(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                if say.cut or say.hang:
                    self.close_connection = True
                    return
                self.send_response(say.status)
                for name, value in {"Content-Length": str(len(say.body)), **say.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                while say.drip and not peer._closing.wait(say.drip):
                    self.wfile.write(b".")
                self.wfile.write(say.body)

            def log_message(self, *_: Any) -> None:
                return

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: Any) -> None:
                return  # the caller went away

        self._server = Server(("127.0.0.1", 0), Handler)
        if tls:
            self._server.socket = server_tls().wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "Http1Peer":
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: TracebackType | type[BaseException] | BaseException | None) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()


class Http2Peer(Peer):
    """HTTP/2 over TLS, as Apple and Google speak it; a context manager."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._tls = server_tls()
        self._tls.set_alpn_protocols(["h2"])
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> "Http2Peer":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: TracebackType | type[BaseException] | BaseException | None) -> None:
        self._closing.set()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                plain, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        with suppress(OSError, EOFError), self._tls.wrap_socket(plain, server_side=True) as stream:
            told = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
            told.initiate_connection()
            stream.sendall(told.data_to_send())
            open_requests: dict[int, Asked] = {}
            while data := stream.recv(65_536):
                for event in told.receive_data(data):
                    if not self._handle(event, told, open_requests):
                        return
                stream.sendall(told.data_to_send())

    def _handle(self, event: Any, told: h2.connection.H2Connection, waiting: dict[int, Asked]) -> bool:
        """Takes one event of the protocol; False ends the connection."""
        match event:
            case h2.events.RequestReceived():
                headers = dict(event.headers)
                waiting[event.stream_id] = Asked(headers[":path"], headers, b"")
            case h2.events.DataReceived():
                waiting[event.stream_id].body += event.data
                told.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case h2.events.StreamEnded():
                say = self.answer(waiting.pop(event.stream_id))
                if say.cut or say.hang:
                    return False
                head = {":status": str(say.status), **{name.lower(): value for name, value in say.headers.items()}}
                told.send_headers(event.stream_id, list(head.items()), end_stream=not say.body)
                if say.body:
                    told.send_data(event.stream_id, say.body, end_stream=True)
        return True


@cache
def _certificate() -> tuple[bytes, bytes]:
    """A key and a certificate for 127.0.0.1, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "peer")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.datetime(2020, 1, 1))
        .not_valid_after(datetime.datetime(2120, 1, 1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    hidden = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return hidden, made.public_bytes(pem)


def server_tls() -> ssl.SSLContext:
    """What a peer speaks TLS with."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with TemporaryDirectory() as folder:
        for file, text in zip(("key.pem", "cert.pem"), _certificate(), strict=True):
            (Path(folder) / file).write_bytes(text)
        tls.load_cert_chain(Path(folder) / "cert.pem", Path(folder) / "key.pem")
    return tls


def trusting() -> ssl.SSLContext:
    """What a channel speaks TLS with, to trust these peers."""
    return ssl.create_default_context(cadata=_certificate()[1].decode())
