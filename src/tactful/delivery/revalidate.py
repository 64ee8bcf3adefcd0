"""A last question to the app, right before a message goes out: does it still hold?

Asked after the attempt is on record and before the provider is called, from the thread that will call it. It is signed
as our webhooks are (Standard Webhooks), so that the app can tell who asks.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

import msgspec

from tactful.clock import SECOND_US, Clock
from tactful.delivery import settings
from tactful.delivery.attempt import Stopped
from tactful.delivery.calls import Answer, Caller
from tactful.delivery.channels.webhook import sign, signing_key
from tactful.delivery.credentials import secret
from tactful.delivery.outbox import OutboxMessage

_LOG: Final = logging.getLogger(__name__)
_WITHDRAWN: Final = (409, 410)
ASKED_AGAIN: Final = timedelta(seconds=30)
"""After this a message whose question found no answer is looked at again."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """The body of the post: what is about to be sent, to whom, and where."""

    decision_id: str
    candidate_id: str
    user_id: str
    type: str
    channel: str


class Revalidator:
    """Asks one URL. May be used from several threads at once.

    Args:
        url: takes the post.
        secrets: `whsec_` and base64 of 24 to 64 bytes, at least one.
        hold: whether a message waits when there is no answer; else it goes out.
        clock: stamps the questions.

    Raises:
        MissingCredential: for a secret that is none.
    """

    def __init__(
        self,
        url: str,
        secrets: Sequence[str],
        clock: Clock,
        hold: bool = True,
        timeout_s: float = 2.0,
    ) -> None:
        self._url, self._hold, self._clock = url, hold, clock
        self._keys = [signing_key(each) for each in secrets]
        self._caller = Caller(timeout_s)  # not guarded: only the operator names the URL, often an inner one

    def __call__(self, waiting: OutboxMessage) -> Stopped | None:
        """Returns why a message does not go out, None if it does."""
        body = msgspec.json.encode(
            Question(
                decision_id=waiting.decision_id,
                candidate_id=waiting.candidate_id,
                user_id=waiting.user_id,
                type=waiting.type,
                channel=waiting.channel,
            )
        )
        said = self._asked(waiting.decision_id, body)
        if said in _WITHDRAWN:
            return Stopped("withdrawn", f"the app said {said}")
        if isinstance(said, int) and 200 <= said < 300:
            return None
        detail = f"asked whether it still holds, the app said {said}"
        return Stopped("held", detail, ASKED_AGAIN) if self._hold else None

    def close(self) -> None:
        """Ends the connections."""
        self._caller.close()

    def _asked(self, key: str, body: bytes) -> int | str:
        """The status that came back, or why there is none."""
        try:
            answer = self._caller.post(self._url, self._headers(key, body), body)
        except Exception as error:  # nothing is lost by a question that broke off
            _LOG.warning("the app could not be asked whether a message still holds: %s", type(error).__name__)
            return f"nothing ({type(error).__name__})"
        return answer.status if isinstance(answer, Answer) else f"nothing ({answer.detail})"

    def _headers(self, key: str, body: bytes) -> dict[str, str]:
        second = self._clock.now_us() // SECOND_US
        return {
            "content-type": "application/json",
            "user-agent": "tactful",
            "webhook-id": key,
            "webhook-timestamp": str(second),
            "webhook-signature": " ".join(sign(each, key, second, body) for each in self._keys),
        }


def from_settings(given: settings.Revalidate, env: Mapping[str, str], clock: Clock) -> Revalidator:
    """Returns what asks the URL of the settings.

    Raises:
        MissingCredential: if the secret is not set, or is none.
    """
    secrets = secret(env, given.secrets_env, "the signing secret, whsec_...").split()
    return Revalidator(given.url, secrets, clock, given.silence == "hold", given.timeout_s)
