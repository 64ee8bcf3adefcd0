"""Jobs over partitions: nothing half stands under its name, one process at a time, receipts say of what it was made."""

from pathlib import Path

import pytest

from tactful.errors import CannotExport
from tactful.stores.partitions import PartitionedJob, whole


def a_job(folder: Path, **settings: object) -> PartitionedJob:
    return PartitionedJob(folder, "count", settings)


def test_a_file_stands_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b.txt"

    def break_off() -> None:
        with whole(path) as partial:
            partial.write_text("half")
            raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        break_off()
    assert not path.exists()
    with whole(path) as partial:
        partial.write_text("whole")
    assert [found.name for found in path.parent.iterdir()] == ["b.txt"]


def test_a_folder_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    for name in ("old", "new"):
        with whole(tmp_path / "day") as partial:
            partial.mkdir()
            (partial / name).write_text(name)
    assert [path.name for path in (tmp_path / "day").iterdir()] == ["new"]


def test_an_output_stands_for_its_settings_and_inputs_only(tmp_path: Path) -> None:
    source = tmp_path / "in.txt"
    source.write_text("one")
    with a_job(tmp_path / "out", size=3) as job:
        key = job.key(job.print_of(source))
        (job.folder / "made.txt").write_text("1")
        job.note("made.txt", key, rows=1)
        assert job.told("made.txt", key) == {"rows": 1}
        source.write_text("two!")
        assert job.told("made.txt", job.key(job.print_of(source))) is None
    with a_job(tmp_path / "out", size=4) as job:
        source.write_text("one")
        assert job.told("made.txt", job.key(job.print_of(source))) is None
    with a_job(tmp_path / "out", size=3) as job:
        assert job.told("made.txt", key) == {"rows": 1}
        (job.folder / "made.txt").unlink()
        assert job.told("made.txt", key) is None


def test_a_folder_has_one_job_and_one_process_at_a_time(tmp_path: Path) -> None:
    with a_job(tmp_path / "out"), pytest.raises(CannotExport, match="another process"):
        a_job(tmp_path / "out")
    with pytest.raises(CannotExport, match="no manifest of another"):
        PartitionedJob(tmp_path / "out", "another", {})
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(CannotExport, match="empty or new"):
        a_job(tmp_path / "mine")
