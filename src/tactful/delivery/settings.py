"""What carries each channel, as it stands in the settings file: `[channels.<name>]`, one struct a provider.

A table names its provider with `through`; without a table a channel is the console, with which nobody is reached.
No secret stands here, for settings are written into the store: a secret is named by the environment variable that
holds it (`password_env`), which is read when the channel is made.
"""

from typing import Annotated, Literal

import msgspec

from tactful.delivery.breaker import BreakerPolicy
from tactful.delivery.pacing import Pace, WarmUp
from tactful.events.records import CHANNELS, Channel

Seconds = Annotated[float, msgspec.Meta(gt=0.0, le=300.0)]
Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]


class _Provider(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="through"):
    """What every provider's table has: `through`, which names it."""


class Console(_Provider, frozen=True, kw_only=True, tag="console"):
    """Prints messages instead of sending them: the default of every channel."""


class File(_Provider, frozen=True, kw_only=True, tag="file"):
    """Appends messages to an NDJSON file, for another program to send.

    Attributes:
        path: the file; channels may share one.
    """

    path: str


class Smtp(_Provider, frozen=True, kw_only=True, tag="smtp"):
    """Hands e-mail to a mail server.

    Attributes:
        host: the mail server.
        port: 587, where mail is submitted.
        security: `starttls` (the default) refuses to go on in the clear; `tls` speaks TLS from the first byte (port
            465); `none` is for a relay on the same machine.
        username: whom to log in as; "" for no login.
        password_env: the environment variable that holds the password.
        sender: what stands in From, such as `"Example <news@mail.example.com>"`.
        reply_to: where answers go; "" for the sender.
        return_path: where bounces go; "" for the sender's address.
        dkim_selector: under which name the domain publishes its DKIM key; only `tactful doctor` reads it.
        timeout_s: how long one answer of the server may take; 10, for a provider that needs longer is ill, and a
            message that waits holds up a sending thread.
    """

    host: str
    port: Port = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str = ""
    password_env: str = ""
    sender: str
    reply_to: str = ""
    return_path: str = ""
    dkim_selector: str = ""
    timeout_s: Seconds = 10.0


class WebPush(_Provider, frozen=True, kw_only=True, tag="web_push"):
    """Encrypts for a browser's subscription and posts to its push service. The address is the subscription's JSON.

    Attributes:
        private_key_env: the environment variable that holds the VAPID private key: 32 bytes in URL-safe base64.
        contact: whom a push service may write to: `"mailto:ops@example.com"` or an https address.
        urgency: `normal` lets a phone that saves power take it; `high` wakes it up; `low` waits for it.
        allow_private: whether a subscription may point into a private network. Off: subscriptions come from browsers,
            and one that names an inner host would have us call it.
        timeout_s: how long a call may take; 10.
    """

    private_key_env: str
    contact: str
    urgency: Literal["very-low", "low", "normal", "high"] = "normal"
    allow_private: bool = False
    timeout_s: Seconds = 10.0


class Fcm(_Provider, frozen=True, kw_only=True, tag="fcm"):
    """Firebase Cloud Messaging, HTTP v1. The address is a registration token.

    Attributes:
        credentials_env: the environment variable that holds the path of the service account's key file.
        project: the project's id; "" takes the one of the key file.
        timeout_s: how long a call may take; 10.
    """

    credentials_env: str = "GOOGLE_APPLICATION_CREDENTIALS"
    project: str = ""
    timeout_s: Seconds = 10.0


class Apns(_Provider, frozen=True, kw_only=True, tag="apns"):
    """Apple Push Notification service. The address is a device token.

    Attributes:
        key_env: the environment variable that holds the path of the `.p8` key file.
        key_id: the key's id, ten characters.
        team_id: the team's id, ten characters.
        topic: the app's bundle id.
        sandbox: whether device tokens come from a development build.
        timeout_s: how long a call may take; 10.
    """

    key_env: str
    key_id: str
    team_id: str
    topic: str
    sandbox: bool = False
    timeout_s: Seconds = 10.0


class Webhook(_Provider, frozen=True, kw_only=True, tag="webhook"):
    """Posts each message as signed JSON (Standard Webhooks), so that another platform sends it.

    Attributes:
        url: where every message goes; "" posts to the user's own address, which is then a URL.
        secrets_env: the environment variable that holds the signing secret, `whsec_...`. Several, parted by spaces,
            all sign: so that a receiver can change over to a new one.
        receiver_deduplicates: whether the receiver drops a `webhook-id` that it has seen, as the standard asks; then a
            call that broke off is repeated. Off: a person decides.
        allow_private: whether the URL may lead into a private network, and may be http. Off: a URL that somebody
            registered could name an inner host.
        timeout_s: how long a call may take; 10.
    """

    url: str = ""
    secrets_env: str
    receiver_deduplicates: bool = True
    allow_private: bool = False
    timeout_s: Seconds = 10.0


class Apprise(_Provider, frozen=True, kw_only=True, tag="apprise"):
    """Any of the services that Apprise knows (extra `apprise`).

    Attributes:
        schemes: which kinds of Apprise URL may be called, such as `["slack", "tgrams"]`; no other is, for some of them
            reach inner hosts or the machine itself.
        url_env: the environment variable that holds the URL to which every message goes; "" takes the user's own
            address for it.
        timeout_s: how long a call may take; 10.
    """

    schemes: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    url_env: str = ""
    timeout_s: Seconds = 10.0


class Inbox(_Provider, frozen=True, kw_only=True, tag="inbox"):
    """Keeps messages in the store, where the app reads them over HTTP (`GET /v1/users/{id}/inbox`)."""


class Channels(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What carries each channel: a table `[channels.<name>]` with `through` and what that provider needs.

    Attributes:
        email: e-mail; a body is HTML.
        push: to apps on phones.
        web_push: to browsers.
        in_app: inside the app.
        webhook: to a platform of yours.
    """

    email: Console | File | Smtp | Webhook | Apprise = Console()
    push: Console | File | Fcm | Apns | Webhook | Apprise = Console()
    web_push: Console | File | WebPush | Webhook = Console()
    in_app: Console | File | Inbox | Webhook = Console()
    webhook: Console | File | Webhook | Apprise = Console()


class Revalidate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A last question to the app before each send: does the message still hold? `[delivery.revalidate]`.

    Attributes:
        url: where decision and candidate are posted, signed as a webhook is; 2xx: it goes out; 409 or 410: it is
            withdrawn for good. "" asks nobody.
        secrets_env: the environment variable that holds the signing secret, `whsec_...`; several are parted by spaces.
        silence: what any other answer, or none, means: `hold` (the default) asks again in half a minute, until the
            message expires, for who sets a question wants it answered; `go` sends.
        timeout_s: how long an answer may take; 2, for it is added to every send.
    """

    url: str = ""
    secrets_env: str = ""
    silence: Literal["hold", "go"] = "hold"
    timeout_s: Seconds = 2.0


class Delivery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How messages leave: how fast on each channel, and when a provider is left alone.

    Attributes:
        threads: by channel, how many calls its provider gets at once, such as `{email = 4}`; 8 where nothing is said.
            Each channel has threads of its own, so that a slow provider holds up no other.
        per_second: by channel, calls a second at most, with bursts of one second's worth, such as `{email = 14.0}`; no
            limit where nothing is said.
        batch: messages of a channel begun together, and with them what a crash leaves to be repeated where keys are
            honoured; 64. Elsewhere no more are begun than there are threads.
    """

    threads: dict[Channel, Annotated[int, msgspec.Meta(ge=1, le=256)]] = {}
    per_second: dict[Channel, Annotated[float, msgspec.Meta(gt=0.0)]] = {}
    batch: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 64
    breaker: BreakerPolicy = BreakerPolicy()
    warm_up: WarmUp = WarmUp()
    revalidate: Revalidate = Revalidate()

    def pace(self) -> dict[Channel, Pace]:
        """Returns the pace of every channel."""
        plain = Pace()
        return {
            name: Pace(self.threads.get(name, plain.threads), self.per_second.get(name, plain.per_second))
            for name in CHANNELS
        }
