"""What the simulated people did, as a log such as an app keeps, with the mapping that `tactful import` reads it by."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tactful.events.records import Engagement

_COLUMNS: Final = ("id", "user", "time", "kind", "item", "category", "channel", "value")
_MAPPING: Final = """\
# Which column of log.csv is what; docs/how-to/import-your-logs.md has every key.
id = "id"
user = "user"
time = { column = "time" }
kind = { column = "kind" }
item = "item"
category = "category"
channel = { column = "channel" }
value = "value"

[users]
opt_in = ["email"]
addresses = "user_id"
"""


def write_log(engagements: Iterable[Engagement], folder: Path) -> tuple[Path, Path]:
    """Writes `log.csv` and `mapping.toml` into a folder and returns both paths; older ones are replaced."""
    log, mapping = folder / "log.csv", folder / "mapping.toml"
    with log.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(_COLUMNS)
        rows.writerows(_row(engagement) for engagement in engagements)
    mapping.write_text(_MAPPING, encoding="utf-8")
    return log, mapping


def _row(act: Engagement) -> tuple[str | int | float, ...]:
    category = act.category if act.category >= 0 else ""
    value = act.value or ""
    return act.engagement_id, act.user_id, act.at.isoformat(), act.kind, act.item, category, act.channel or "", value
