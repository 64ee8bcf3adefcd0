"""How the service is doing, sampled about once a second, so that no request pays for it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tactful.clock import MINUTE_US, SECOND_US
from tactful.runtime import erasing
from tactful.runtime.settings import Api
from tactful.stores.protocols import ApiKey
from tactful.stores.sqlite import SqliteStore

if TYPE_CHECKING:
    from tactful.api.service import Service

DAY_S: Final = 86_400
_TYPES_EVERY: Final = 60
_SWEEP_EVERY: Final = 10
_SWEPT_AT_ONCE: Final = 20_000
"""Expired answers forgotten in one transaction: a few hundredths of a second."""


@dataclass
class Pulse:
    """What was seen last.

    Attributes:
        beats: how often was looked.
        waiting: letters that the engine has not taken.
        decided_us: the instant up to which everything is decided; None before an engine has run.
        anybody_erased: whether there are people of whom nothing may come in again.
        fault: why the store could not be written to, "" if it could.
    """

    beats: int = 0
    waiting: int = 0
    decided_us: int | None = None
    anybody_erased: bool = False
    fault: str = ""

    def lag_s(self, now_us: int) -> float:
        """Returns how long ago the instant is up to which everything is decided; 0 before an engine has run."""
        return 0.0 if self.decided_us is None else max(0, now_us - self.decided_us) / SECOND_US

    def behind(self, limits: Api, now_us: int) -> str:
        """Returns why no more events are taken, "" if they are."""
        if self.waiting > limits.behind_letters:
            return f"got {self.waiting} letters waiting for the engine, expected {limits.behind_letters} at most"
        lag_s, most_s = self.lag_s(now_us), limits.behind_minutes * MINUTE_US / SECOND_US
        return f"the engine is {lag_s:.0f} s behind, expected {most_s:.0f} s at most" if lag_s > most_s else ""


async def beat(service: "Service") -> None:
    """Looks once: mailbox, engine, erasures, keys, now and then event types; and forgets answers that are a day old."""
    pulse = service.pulse
    pulse.waiting, pulse.decided_us, pulse.anybody_erased, keys = await service.ask(_look)
    service.keys.replace(keys)
    if pulse.beats % _TYPES_EVERY == _TYPES_EVERY - 1:
        await service.reload_types()
    now_us = service.clock.now_us()
    sweeps = pulse.beats % _SWEEP_EVERY == 0
    try:
        await service.intake.write(lambda store: _touch(store, now_us, sweeps))
        pulse.fault = ""
    except Exception as error:
        pulse.fault = str(error)
    pulse.beats += 1


def _look(store: SqliteStore) -> tuple[int, int | None, bool, list[ApiKey]]:
    committed = store.load_meta("committed")
    erased = erasing.totals(store).people > 0
    return store.posted(), int(committed) if committed else None, erased, store.api_keys()


def _touch(store: SqliteStore, now_us: int, sweeps: bool) -> None:
    """Shows that the store can be written to: the transaction is opened and closed."""
    if sweeps:
        store.forget_answers(now_us - DAY_S * SECOND_US, _SWEPT_AT_ONCE)
