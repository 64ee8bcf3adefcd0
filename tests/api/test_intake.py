"""The way in: whoever spoils a group spoils it for nobody else; whoever hears of success is on the disk."""

import asyncio
from pathlib import Path

from ingest import EVENT, ask, posted, service_over
from tactful.api.intake import Intake
from tactful.events.letters import opened
from tactful.stores.sqlite import SqliteStore


def fails(store: SqliteStore) -> None:
    store.post([b"half a write"])
    raise ValueError("no")


def test_a_write_that_fails_takes_no_other_of_its_group_with_it(tmp_path: Path) -> None:
    intake = Intake(tmp_path / "app.db")

    async def run() -> list[object]:
        return await asyncio.gather(
            intake.post([b"a"]),
            intake.write(fails),
            intake.write(lambda store: store.save_meta("kept", b"yes")),
            intake.write(lambda store: 7),
            intake.post([b"b", b"c"]),
            return_exceptions=True,
        )

    found = asyncio.run(run())
    intake.close()
    assert [type(each) for each in found] == [type(None), ValueError, type(None), int, type(None)]
    store = SqliteStore(tmp_path / "app.db")
    assert store.load_meta("kept") == b"yes"
    assert [data for letter in store.take_posted(9) for data in opened(letter)] == [b"a", b"b", b"c"]
    store.close()


def test_a_client_that_goes_away_holds_up_nobody(tmp_path: Path) -> None:
    intake = Intake(tmp_path / "app.db")

    async def run() -> None:
        gone = asyncio.create_task(intake.post([b"a"]))
        await asyncio.sleep(0)
        gone.cancel()
        await intake.post([b"b"])

    asyncio.run(run())
    intake.close()
    store = SqliteStore(tmp_path / "app.db")
    assert [data for letter in store.take_posted(9) for data in opened(letter)][-1] == b"b"
    store.close()


def test_when_the_disk_is_full_nothing_is_acknowledged_and_the_client_is_told_to_come_again(tmp_path: Path) -> None:
    service = service_over(tmp_path / "app.db")
    asyncio.run(service.intake.write(lambda store: store._db.execute("PRAGMA max_page_count = 1").close()))
    long = {**EVENT, "group_key": "x" * 100_000}
    for headers in ({}, {"Idempotency-Key": "a"}):
        answer = ask(service, "POST", "/v1/events", json=long, headers=headers)
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:tactful:problem:store")
        assert answer.headers["Retry-After"] == "5"
    assert posted(service) == []
    service.close()
