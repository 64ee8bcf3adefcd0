"""`tactful doctor`: finds what is missing before the first message leaves, and says what to do."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dns.message
import dns.rrset
import msgspec
import pytest
from typer.testing import CliRunner

from tactful.cli.app import app

TXT = {
    "mail.example.com.": "v=spf1 include:_spf.example.net -all",
    "_dmarc.example.com.": "v=DMARC1; p=none",
    "s1._domainkey.mail.example.com.": "v=DKIM1; p=",
}
SETTINGS = """
[api]
public_url = "https://notify.example.com"

[channels.email]
through = "smtp"
host = "smtp.example.net"
username = "app"
password_env = "DOCTOR_PASSWORD"
sender = "Example <news@mail.example.com>"
dkim_selector = "s1"

[channels.push]
through = "file"
path = "/no such folder/out.ndjson"
"""


@pytest.fixture
def dns_server() -> Iterator[str]:
    """A DNS server that knows `TXT`, on 127.0.0.1 over UDP."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))

    def answer() -> None:
        while True:
            data, sender = sock.recvfrom(4096)
            if not data:
                return
            asked = dns.message.from_wire(data)
            name = asked.question[0].name
            told = dns.message.make_response(asked)
            if str(name) in TXT:
                told.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", f'"{TXT[str(name)]}"'))
            sock.sendto(told.to_wire(), sender)

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    port = sock.getsockname()[1]
    yield f"127.0.0.1:{port}"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
        last.sendto(b"", ("127.0.0.1", port))
    thread.join(5)
    sock.close()


def examined(*args: str) -> tuple[int, dict[str, Any]]:
    done = CliRunner().invoke(app, ["doctor", *args, "--json"])
    return done.exit_code, {each["what"]: each for each in msgspec.json.decode(done.stdout)}


def test_everything_that_is_missing_is_found_with_what_to_do(
    tmp_path: Path, app_db: Path, dns_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DOCTOR_PASSWORD", raising=False)
    monkeypatch.delenv("TACTFUL_SECRET", raising=False)
    file = tmp_path / "settings.toml"
    file.write_text(SETTINGS)
    code, found = examined("--settings", str(file), "--store", str(app_db), "--dns", dns_server)
    assert code == 1
    assert {what: each["standing"] for what, each in found.items()} == {
        "settings": "good",
        "event types": "good",
        "store": "good",
        "channel email": "bad",
        "channel push": "bad",
        "channel web_push": "good",
        "channel in_app": "good",
        "channel webhook": "good",
        "unsubscribe": "bad",
        "SPF": "good",
        "DKIM": "bad",
        "DMARC": "weak",
    }
    assert "DOCTOR_PASSWORD is not set" in found["channel email"]["found"]
    assert all(each["advice"] for each in found.values() if each["standing"] != "good")


def test_with_secrets_in_place_nothing_is_bad_and_no_secret_is_shown(
    tmp_path: Path, app_db: Path, dns_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCTOR_PASSWORD", "very-secret")
    monkeypatch.setenv("TACTFUL_SECRET", "very-secret-0123456789")
    file = tmp_path / "settings.toml"
    file.write_text(SETTINGS.replace("/no such folder", str(tmp_path)).replace('dkim_selector = "s1"', ""))
    args = ["doctor", "--settings", str(file), "--store", str(app_db), "--dns", dns_server]
    done = CliRunner().invoke(app, args)
    assert done.exit_code == 0, done.output
    assert "very-secret" not in done.output
    assert "dkim_selector" in done.output


def test_settings_that_cannot_be_read_end_the_examination(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("[channels.email]\nthrough = 'pigeon'\n")
    code, found = examined("--settings", str(file))
    assert code == 1
    assert list(found) == ["settings"]
    assert "pigeon" in found["settings"]["found"]


def test_without_anything_set_up_nobody_is_reached(tmp_path: Path) -> None:
    code, found = examined("--store", str(tmp_path / "none.db"))
    assert code == 0
    assert found["channel email"]["found"] == "printed: nobody is reached"
    assert found["store"]["standing"] == "unknown"
    assert not (tmp_path / "none.db").exists()
