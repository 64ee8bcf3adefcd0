"""The report for a terminal of 100 columns: plain text, one function a picture.

Not here: the table of arms (`table.py`) and charts with axes (`charts.py`).
"""

from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int

from tactful.cli.report.story import Story
from tactful.clock import DAY_US, from_us

_SHADES: Final = " ▁▂▃▄▅▆▇█"
_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"
_BAR: Final = 56
_DAYS_SHOWN: Final = 14
_BUDGETS_SHOWN: Final = 15


def volume_by_day(story: Story) -> str:
    """Returns a bar of messages sent for each of the last fourteen days, with a mark at the day's target."""
    first = max(0, story.n_days - _DAYS_SHOWN)
    target, sent = story.volume.target[first:], story.volume.sent[first:]
    most = max(float(target.max()), float(sent.max()), 1.0)
    lines = [f"{'day':<12}{'target':>8}{'sent':>8}{'sent/target':>13}  (bar: sent, |: target)"]
    for i, (aim, got) in enumerate(zip(target.tolist(), sent.tolist(), strict=True)):
        day = from_us(story.start_us + (first + i) * DAY_US).strftime("%a %d %b")
        share = f"{got / aim:.2f}" if aim > 0 else "-"
        mark = round(aim / most * _BAR) if aim > 0 else None
        lines.append(f"{day:<12}{aim:>8,.0f}{got:>8,}{share:>13}  {bar(got / most, _BAR, mark)}")
    if target.sum() > 0:
        total, told = float(target.sum()), int(sent[target > 0].sum())
        lines.append(f"{'together':<12}{total:>8,.0f}{told:>8,}{told / total:>13.2f}")
    return "\n".join(lines)


def budgets(budget: Int[np.ndarray, " n"]) -> str:
    """Returns a histogram of weekly budgets: how many people may be told 0, 1, 2 ... times a week."""
    top = min(int(budget.max()), _BUDGETS_SHOWN)
    counts = np.bincount(np.minimum(budget, top), minlength=top + 1)
    lines = [f"{'a week':<12}{'people':>8}"]
    for k, people in enumerate(counts.tolist()):
        name = f"{k} or more" if k == _BUDGETS_SHOWN and (budget > k).any() else str(k)
        lines.append(f"{name:<12}{people:>8,}  {bar(people / counts.max(), _BAR)}")
    return "\n".join(lines)


def slot_line(
    slots: Float[np.ndarray, " K"],
    jobs: Bool[np.ndarray, " K"],
    told: Int[np.ndarray, " K"],
    quiet: Bool[np.ndarray, " K"],
) -> str:
    """Returns one person's day: expected activity by slot, and below it what the engine did in each.

    S a message was sent, J messages were to be ranked and none was sent, z quiet hours, · nothing.

    >>> hour = np.arange(24)
    >>> print(slot_line((hour + 1) / 300, hour == 8, (hour == 9) * 1, hour < 8))
    hour      00 01 02 03 04 05 06 07 08 09 10 11 12 13 14 15 16 17 18 19 20 21 22 23
    activity  ▁▁ ▁▁ ▁▁ ▂▂ ▂▂ ▂▂ ▃▃ ▃▃ ▃▃ ▄▄ ▄▄ ▄▄ ▅▅ ▅▅ ▅▅ ▆▆ ▆▆ ▆▆ ▇▇ ▇▇ ▇▇ ██ ██ ██
    done       z  z  z  z  z  z  z  z  J  S  ·  ·  ·  ·  ·  ·  ·  ·  ·  ·  ·  ·  ·  ·
    """
    top = max(float(slots.max()), 1e-12)
    shades = [_SHADES[int(np.ceil(p / top * 8 - 1e-9))] * 2 for p in slots.tolist()]
    marks = np.select([told > 0, jobs, quiet], ["S", "J", "z"], default="·").tolist()
    rows = (
        ("hour", [f"{s:02d}" for s in range(len(slots))]),
        ("activity", shades),
        ("done", [f" {m}" for m in marks]),
    )
    return "\n".join(f"{name:<10}" + " ".join(cells) for name, cells in rows)


def bar(share: float, width: int, mark: int | None = None) -> str:
    """Returns a bar filling a share (0..1) of `width` characters, with `|` at the column `mark`.

    >>> bar(0.5, 4), bar(0.25, 4, mark=3), bar(0.01, 4)
    ('██', '█  |', '▏')
    """
    eighths = round(min(max(share, 0.0), 1.0) * width * 8)
    if share > 0.0:
        eighths = max(eighths, 1)
    drawn = "█" * (eighths // 8) + (_EIGHTHS[eighths % 8] if eighths % 8 else "")
    if mark is None:
        return drawn
    cells = list(drawn.ljust(mark + 1))
    cells[mark] = "|"
    return "".join(cells)
