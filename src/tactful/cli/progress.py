"""The progress bars of the slow verbs: on stderr, so that a result on stdout stays alone."""

from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress


def bar(*, shown: bool) -> "Progress":
    """Returns a progress bar to be used with `with`; it disappears when its work is done."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not shown,
    )


class Stages:
    """Bars for one stage after the other, each with its rows a second; to be used with `with`.

    A stage of no rows has no bar: what works on it may draw its own.
    """

    def __init__(self, *, shown: bool) -> None:
        self._shown = shown
        self._stage = ""
        self._began = 0.0
        self._open: Progress | None = None

    def __enter__(self) -> "Stages":
        return self

    def __exit__(self, *error: object) -> None:
        self._close()

    def show(self, stage: str, done: int, rows: int) -> None:
        """Shows how many rows of a stage are done; a new name begins a new bar."""
        if not self._shown:
            return
        if stage != self._stage:
            self._close()
            self._stage, self._began = stage, perf_counter()
            self._open = _rates() if rows else None
            if self._open is not None:
                self._open.start()
                self._open.add_task(stage, rate="")
        if self._open is not None:
            seconds = perf_counter() - self._began
            rate = f"{done / seconds:,.0f} rows/s" if done and seconds > 0.0 else ""
            self._open.update(self._open.task_ids[0], completed=done, total=rows, rate=rate)

    def _close(self) -> None:
        if self._open is not None:
            self._open.stop()
        self._open = None


def _rates() -> "Progress":
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]}"),
        console=Console(stderr=True),
        transient=True,
    )
