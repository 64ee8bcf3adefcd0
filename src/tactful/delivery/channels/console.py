"""Prints messages instead of sending them: the default, with which nobody can be reached."""

import sys
from io import TextIOBase

from tactful.delivery.protocol import Delivered, Limits, Message, Outcome, RetryAfter


class ConsoleChannel:
    """Writes each message to a stream, standard output by default.

    The address is left out: what stands on a terminal ends up in bug reports. A terminal forgets what it has
    shown, so no idempotency is promised.
    """

    limits = Limits()
    honours_idempotency = False

    def __init__(self, stream: TextIOBase | None = None) -> None:
        self._stream = stream

    def send(self, message: Message, idempotency_key: str) -> Outcome:
        """Prints the message; a closed or full stream may be open again later."""
        # Standard output is looked up at each send, for it may be redirected in between.
        stream = self._stream or sys.stdout
        headline = message.subject or message.title
        try:
            # in one piece, for several threads may print at once
            stream.write(
                f"[{message.channel}] {message.type} ({message.locale}) {idempotency_key}\n"
                f"  {headline}\n  {message.body}\n"
            )
            stream.flush()
        except (OSError, ValueError) as error:  # ValueError: I/O on a closed file
            return RetryAfter(detail=type(error).__name__)
        return Delivered()
