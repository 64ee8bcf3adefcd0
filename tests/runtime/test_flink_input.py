"""A job's input: what a store accepted comes out byte for byte, a later export continues, and poison has a reason."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from flink_jobs import permuted
from shards import embedded, everything
from stage import App
from streams import BUSY, START
from tactful.clock import HOUR_US, to_us
from tactful.errors import CannotExport, UnreadableInput
from tactful.runtime.control import EPOCH_US
from tactful.runtime.flink import bundle, rows
from tactful.runtime.flink.reading import EVERYBODY, HELLO, REFUSED, Letters, Prices, Reader, known_until_ms
from tactful.runtime.flink.rows import Rejected
from tactful.runtime.shard import group_of
from tactful.stores.memory import MemoryStore
from tactful.stores.protocols import LoggedInput

END = to_us(START) + 34 * HOUR_US


@pytest.fixture(scope="module")
def app() -> App:
    return embedded(everything(2, 12, 1.3), BUSY, END)


def lines_of(app: App) -> list[LoggedInput]:
    return list(app.store.read(-1, 1 << 30))


def read_back(folder: Path) -> list[LoggedInput | Rejected]:
    names = [line.split("\t")[4] for line in (folder / "inputs" / "manifest.tsv").read_text().splitlines()]
    return [row for name in names for row in rows.read(folder / "inputs" / name)]


@pytest.mark.parametrize("form", ["ndjson", "parquet"])
def test_every_kind_of_input_comes_out_as_it_was_accepted(app: App, tmp_path: Path, form: bundle.Format) -> None:
    told = bundle.export(app.store, tmp_path, BUSY, form, rows_a_file=50)
    assert read_back(tmp_path) == lines_of(app)
    assert told.files == -(-len(lines_of(app)) // 50)
    assert bundle.settings_of(bundle.load(tmp_path)) == BUSY


def test_a_later_export_writes_what_is_new_and_announces_it(app: App, tmp_path: Path) -> None:
    young = MemoryStore()
    lines = lines_of(app)
    young.append(lines[:60])
    assert bundle.export(young, tmp_path, BUSY).files == 1
    young.append(lines[60:90])
    assert bundle.export(young, tmp_path, BUSY).files == 2
    assert read_back(tmp_path) == lines[:90]
    announced = [path.read_text() for path in sorted((tmp_path / "announced").glob("*.tsv"))]
    assert "".join(announced) == (tmp_path / "inputs" / "manifest.tsv").read_text()


def test_a_store_without_inputs_is_not_exported(tmp_path: Path) -> None:
    with pytest.raises(CannotExport, match="accept some"):
        bundle.export(MemoryStore(), tmp_path, BUSY)


def test_what_a_later_version_exported_is_refused(app: App, tmp_path: Path) -> None:
    told = bundle.export(app.store, tmp_path, BUSY)
    later = msgspec.structs.replace(told, schema_version=bundle.SCHEMA + 1)
    (tmp_path / "job.json").write_bytes(msgspec.json.encode(later))
    with pytest.raises(UnreadableInput, match="upgrade"):
        bundle.load(tmp_path)
    with pytest.raises(UnreadableInput, match="tactful flink export"):
        bundle.load(tmp_path / "nothing")


def _garbage(_: bytes) -> bytes:
    return b"\xff{not json"


def _of_a_later_version(line: bytes) -> bytes:
    return line.replace(b'"schema_version":1', b'"schema_version":9', 1)


def _with_a_new_field(line: bytes) -> bytes:
    return line.replace(b'"record":{', b'"record":{"mood":"good",', 1)


def _changed(line: bytes) -> bytes:
    return line.replace(b'"user_id":"user-', b'"user_id":"someone-', 1)


@pytest.mark.parametrize(
    ("poisoned", "reason"),
    [
        (_garbage, "no accepted input"),
        (_of_a_later_version, "schema 9, expected 1 or earlier"),
        (_with_a_new_field, "mood"),
        (_changed, "changed after it was accepted"),
    ],
)
def test_a_poisoned_line_is_told_with_its_reason_and_the_others_are_taken(
    app: App, tmp_path: Path, poisoned: Callable[[bytes], bytes], reason: str
) -> None:
    lines = [rows.line_of(row) for row in lines_of(app)[:20]]
    file = tmp_path / "part.ndjson"
    file.write_bytes(b"\n".join([*lines[:9], poisoned(lines[9]), *lines[10:]]) + b"\n")
    found = list(rows.read(file))
    (bad,) = [each for each in found if isinstance(each, Rejected)]
    assert reason in bad.reason
    assert bad.source == f"{file}:10"
    assert len(found) == len(lines)


def test_a_file_that_is_not_there_or_no_parquet_is_told(tmp_path: Path) -> None:
    (tmp_path / "part.parquet").write_bytes(b"PAR1")
    for name in ("part.parquet", "none.ndjson"):
        (bad,) = rows.read(tmp_path / name)
        assert isinstance(bad, Rejected)
        assert "cannot be read" in bad.reason


def test_a_file_is_dealt_to_groups_by_epoch_and_every_group_hears_of_it(app: App, tmp_path: Path) -> None:
    bundle.export(app.store, tmp_path, BUSY, rows_a_file=1 << 20)
    reader = Reader(str(tmp_path / "inputs"), 4)
    parts = list(reader.flat_map((tmp_path / "inputs" / "manifest.tsv").read_text().strip()))
    assert [part.group for part in parts if part.epoch == HELLO] == [0, 1, 2, 3]
    dealt = [(part, row) for part in parts if part.epoch != HELLO for row in rows.unpacked(part.data) if row.data]
    assert sorted(row for _, row in dealt) == lines_of(app)
    for part, row in dealt:
        assert part.epoch == row.log_ts_us // EPOCH_US
        (group,) = group_of(np.array([row.user_key], dtype=np.uint64), 4).tolist()
        assert part.group == (group if row.user_key else EVERYBODY)


def test_rows_in_another_order_are_the_same_rows(app: App, tmp_path: Path) -> None:
    bundle.export(app.store, tmp_path / "in", BUSY, rows_a_file=40)
    found = read_back(permuted(tmp_path / "in", tmp_path / "other"))
    assert found != lines_of(app)
    assert sorted(row for row in found if isinstance(row, LoggedInput)) == lines_of(app)


def test_letters_of_a_topic_are_parts_or_have_a_reason(app: App) -> None:
    row = lines_of(app)[0]
    (part,) = Letters(2).flat_map(rows.line_of(row).decode())
    assert rows.unpacked(part.data) == [row]
    (bad,) = Letters(2).flat_map("nothing")
    assert bad.group == REFUSED


def test_prices_come_from_the_control_folder_and_say_how_far_they_reach(app: App, tmp_path: Path) -> None:
    bundle.export(app.store, tmp_path, BUSY)
    files = sorted((tmp_path / "controls").glob("prices-*"))
    known = [row for row in app.store.controls() if row.key == "thresholds"]
    assert len(files) == len(known)
    for file, row in zip(files, known, strict=True):
        (part,) = Prices().flat_map(file.read_text().strip())
        assert (part.epoch, part.data) == (row.effective_us // EPOCH_US, row.data)
        assert known_until_ms(file.read_text()) == (row.effective_us + EPOCH_US) // 1_000
    bundle.begin_prices(tmp_path, END)
    assert list(Prices().flat_map((tmp_path / "begins.ndjson").read_text())) == []
    with pytest.raises(UnreadableInput, match="remove the file"):
        list(Prices().flat_map("{"))
