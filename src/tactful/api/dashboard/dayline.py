"""The hours of a person's day as SVG: what each is worth to her plan, which are shut, and where a job runs."""

from html import escape
from typing import Final

from markupsafe import Markup

from tactful.runtime.explaining_hours import Hours

_STEP: Final = 26
_BAR: Final = 20
_MARKS, _HEIGHT, _HOURS = 20, 48, 18
"""Heights, from above: the letters, the bars, the hours below them."""


def day(hours: Hours) -> Markup:
    """Returns a bar an hour, the highest that of most worth; S above an hour with a planned send, J with a job only.

    A shut hour is hollow.
    """
    most = max([hour.worth for hour in hours.hours if hour.state == "open"] + [1e-12])
    width, height, drawn = len(hours.hours) * _STEP, _MARKS + _HEIGHT + _HOURS, []
    for hour in hours.hours:
        x, is_open = hour.slot * _STEP, hour.state == "open"
        tall = max(2.0, round(min(1.0, hour.worth / most) * _HEIGHT, 1)) if is_open else _HEIGHT / 3
        kind = ("bar" if hour.job else "open") if is_open else "shut"
        drawn.append(
            f'<rect class="{kind}" x="{x + 3}" y="{_MARKS + _HEIGHT - tall}" width="{_BAR}" height="{tall}"/>'
            f'<text x="{x + 3 + _BAR / 2}" y="{height - 4}">{hour.slot:02d}</text>'
        )
        if mark := "S" if hour.sends else "J" if hour.job else "":
            y = _MARKS + _HEIGHT - tall - 6
            drawn.append(f'<text class="job" x="{x + 3 + _BAR / 2}" y="{y}">{mark}</text>')
    return Markup(
        f'<svg class="day" role="img" aria-label="{escape(_words(hours))}" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}">{"".join(drawn)}</svg>'
    )


def _words(hours: Hours) -> str:
    sends = [f"{hour.slot:02d}:00" for hour in hours.hours if hour.sends]
    jobs = [f"{hour.slot:02d}:00" for hour in hours.hours if hour.job and not hour.sends]
    told = f"planned sends at {', '.join(sends) or 'no hour'}; other jobs at {', '.join(jobs) or 'no hour'}"
    return f"the hours of the day: {told}"
