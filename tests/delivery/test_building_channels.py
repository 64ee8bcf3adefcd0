"""From settings to channels: nobody is reached by accident, and what is missing is told before anything is sent."""

import subprocess
import sys
from pathlib import Path

import pytest

from tactful.delivery.channels import build, close
from tactful.delivery.channels.console import ConsoleChannel
from tactful.delivery.channels.file import FileChannel
from tactful.delivery.channels.webhook import WebhookChannel
from tactful.delivery.settings import Channels, File, Inbox, Smtp, Webhook, WebPush
from tactful.errors import InvalidSettings, MissingCredential, MissingExtra
from tactful.events.records import CHANNELS

HOOK = Webhook(url="https://hooks.example.com/", secrets_env="HOOK")
ENV = {"HOOK": "whsec_" + "QUJD" * 8}


def test_without_settings_everything_is_printed() -> None:
    channels = build(Channels(), {})
    assert set(channels) == set(CHANNELS)
    assert {type(each) for each in channels.values()} == {ConsoleChannel}


def test_tables_that_say_the_same_share_one_channel(tmp_path: Path) -> None:
    file = File(path=str(tmp_path / "out.ndjson"))
    channels = build(Channels(email=HOOK, push=HOOK, web_push=file, in_app=file), ENV)
    assert isinstance(channels["email"], WebhookChannel)
    assert channels["email"] is channels["push"]
    assert isinstance(channels["web_push"], FileChannel)
    assert channels["web_push"] is channels["in_app"]
    close(channels)


def test_an_error_names_the_table_that_it_stands_in() -> None:
    with pytest.raises(MissingCredential, match=r"^\[channels.push\]: .*HOOK is not set"):
        build(Channels(push=HOOK), {})
    with pytest.raises(InvalidSettings, match=r"^\[channels.email\]: got sender"):
        build(Channels(email=Smtp(host="mail.example.com", sender="nobody")), {})
    with pytest.raises(InvalidSettings, match=r"^\[channels.in_app\]"):
        build(Channels(in_app=Inbox()), {})


def test_a_package_that_is_missing_is_told_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "tactful.delivery.channels.web_push", raising=False)
    monkeypatch.setitem(sys.modules, "http_ece", None)
    table = WebPush(private_key_env="KEY", contact="mailto:ops@example.com")
    with pytest.raises(MissingExtra, match=r"http_ece; pip install 'tactful\[channels\]'"):
        build(Channels(web_push=table), {"KEY": "x"})


def test_sending_needs_none_of_the_packages_of_the_extras() -> None:
    look = (
        "import sys, tactful.delivery.send, tactful.delivery.channels, tactful.runtime.settings\n"
        "print([m for m in ('httpcore', 'cryptography', 'http_ece', 'apprise', 'dns') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
