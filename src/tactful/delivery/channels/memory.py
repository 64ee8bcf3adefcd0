"""Keeps messages in a list: the double for tests and simulations, which can also misbehave on request."""

import threading
from collections.abc import Iterable

from tactful.delivery.protocol import Delivered, Limits, Message, Outcome


class MemoryChannel:
    """A provider made of a dict: `arrived` maps each idempotency key to its message, in order of arrival.

    Args:
        script: what the next sends do, in order, before the channel starts to deliver: return an outcome, or
            raise an exception (a connection that broke, after which nobody knows).
        honours_idempotency: what it promises; without the promise a repeated key is counted in `repeats`.
        limits: the longest message it claims to take.
    """

    def __init__(
        self,
        script: Iterable[Outcome | Exception] = (),
        honours_idempotency: bool = True,
        limits: Limits = Limits(),  # noqa: B008 (frozen)
    ) -> None:
        self.arrived: dict[str, Message] = {}
        self.repeats: list[str] = []
        self.limits = limits
        self.honours_idempotency = honours_idempotency
        self._script = list(script)
        self._lock = threading.Lock()

    def send(self, message: Message, idempotency_key: str) -> Outcome:
        """Does what the script says next; when it is over, delivers."""
        with self._lock:
            step: Outcome | Exception = self._script.pop(0) if self._script else Delivered(idempotency_key)
            if isinstance(step, Exception):
                raise step
            if isinstance(step, Delivered):
                self._arrive(message, idempotency_key)
            return step

    def _arrive(self, message: Message, idempotency_key: str) -> None:
        if idempotency_key not in self.arrived:
            self.arrived[idempotency_key] = message
        elif not self.honours_idempotency:
            self.repeats.append(idempotency_key)
