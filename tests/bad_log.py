"""A log with a user of very many candidates, and the same as a job's input with all that can be wrong with one."""

import shutil
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from shards import everything
from stage import PAYLOADS, person, told
from streams import START
from tactful.clock import DAY_US, HOUR_US, from_us, to_us
from tactful.events.records import Input
from tactful.runtime.flink import rows
from tactful.runtime.flink.reading import named
from tactful.stores.protocols import LoggedInput

FIRST = to_us(START)
END = FIRST + 12 * HOUR_US
FAT = "the-fat-one"
HOURS_BEHIND = 3
"""So much later come the files of one source, an hour in each, than those of the other."""
OF_LAST_YEAR = 20


def log(users: int, candidates: int) -> list[tuple[int, Input]]:
    """Returns twelve hours of all kinds of inputs; in the seventh a single user gets very many candidates."""
    at_us = FIRST + 6 * HOUR_US
    fat: list[tuple[int, Input]] = [(FIRST, person(FAT, "push", "email"))]
    payload = PAYLOADS["recommendation"]
    fat += [
        (at_us + i, told(f"fat-{i}", "recommendation", FAT, from_us(at_us + i), payload=payload))
        for i in range(candidates)
    ]
    return sorted([*(pair for pair in everything(5, users, 0.4) if pair[0] <= END), *fat], key=lambda pair: pair[0])


def spoiled(folder: Path, to: Path) -> Path:
    """Writes a job's input anew: from two sources of which one is hours behind, with what is no input among it."""
    shutil.copytree(folder, to)
    lines = (to / "inputs" / "manifest.tsv").read_text().splitlines()
    taken = [row for line in lines for row in rows.read(folder / "inputs" / named(line).name)]
    good = [row for row in taken if isinstance(row, LoggedInput)]
    files: dict[tuple[int, int], list[LoggedInput]] = defaultdict(list)
    for row in good:
        source = row.user_key >> 7 & 1
        files[row.log_ts_us // HOUR_US + source * HOURS_BEHIND, source].append(row)
    manifest = []
    for number, (_, part) in enumerate(sorted(files.items())):
        name = f"part-{number:08d}.ndjson"
        rows.write(to / "inputs" / name, part)
        manifest.append(f"{number}\t{part[0].log_ts_us}\t{part[-1].log_ts_us}\t{len(part)}\t{name}\n")
    manifest.append(f"{len(files)}\t{END}\t{END}\t1\tlost.ndjson\n")
    (to / "inputs" / "manifest.tsv").write_text("".join(manifest))
    _poison(to / "inputs" / "part-00000000.ndjson", [*of_last_year(good), good[0]._replace(offset=1 << 40)])
    return to


def of_last_year(good: list[LoggedInput]) -> list[LoggedInput]:
    """Returns inputs from a clock that stands a year ago: of some users, and one for everybody."""
    some = [row for row in good if row.user_key][:OF_LAST_YEAR] + [row for row in good if not row.user_key][:1]
    return [row._replace(offset=row.offset + (1 << 40), log_ts_us=row.log_ts_us - 365 * DAY_US) for row in some]


POISON: dict[str, Callable[[bytes], bytes]] = {
    "is no accepted input": lambda line: b"\xff{not json",
    "expected one of `tactful flink export`": lambda line: line[: len(line) // 2],
    "schema 9, expected 1 or earlier": lambda line: line.replace(b'"schema_version":1', b'"schema_version":9', 1),
    "changed after it was accepted": lambda line: line.replace(b'"user_id":"user-', b'"user_id":"someone-', 1),
}
"""Lines that cannot be read, by what is said of them."""


def _poison(file: Path, strange: list[LoggedInput]) -> None:
    """Puts poison between the lines of a file; the last of the strange inputs is the line that is spoiled."""
    *late, model = strange
    lines = file.read_bytes().splitlines()
    bad = [spoil(rows.line_of(model)) for spoil in POISON.values()]
    file.write_bytes(b"\n".join([*lines[:5], *bad, *lines[5:], *map(rows.line_of, late)]) + b"\n")
