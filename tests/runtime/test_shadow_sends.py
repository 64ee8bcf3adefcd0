"""The other sender's log: read by a mapping, in order, each row once; what does not fit is refused with its reason."""

from pathlib import Path

import pytest

from tactful.clock import from_us
from tactful.errors import InvalidMapping, UnreadableInput
from tactful.runtime.shadowing.mapping import SendsMapping, load_sends_mapping
from tactful.runtime.shadowing.sends import read_sends

TYPES = ("recommendation", "win_back")
MAPPING = """
user = "who"
time = { column = "when" }
type = { column = "what", values = { rec = "recommendation" }, ignore = ["receipt"] }
channel = { column = "how", values = { mail = "email" } }
candidate = "event"
known = { column = "since" }
clicked = "clicked"
unsubscribed = "left"
[users]
opt_in = ["email"]
addresses = "user_id"
"""
LOG = """\
who,when,what,how,event,since,clicked,left
bob,2026-03-02T09:10:00Z,win_back,push,e2,2026-03-02T12:00:00Z,no,0
ann,2026-03-02T09:00:00Z,rec,mail,e1,2026-03-01T20:00:00Z,2026-03-02T09:05:00Z,
ann,2026-03-02T09:00:00Z,rec,mail,e1,2026-03-01T20:00:00Z,2026-03-02T09:05:00Z,
ann,2026-03-02T10:00:00Z,receipt,mail,e3,2026-03-02T10:00:00Z,,
ann,2026-03-02T11:00:00Z,newsletter,mail,e4,2026-03-02T11:00:00Z,,
ann,2026-03-02T11:00:00Z,rec,pigeon,e5,2026-03-02T11:00:00Z,,
ann,yesterday,rec,mail,e6,2026-03-02T11:00:00Z,,
"""


def mapping(tmp_path: Path, text: str = MAPPING) -> SendsMapping:
    file = tmp_path / "mapping.toml"
    file.write_text(text)
    return load_sends_mapping(file)


def test_rows_become_messages_by_time_each_once(tmp_path: Path) -> None:
    log, rejects = tmp_path / "sends.csv", tmp_path / "rejects.ndjson"
    log.write_text(LOG)
    found = read_sends(log, mapping(tmp_path), TYPES, rejects)
    first, second = found.messages
    assert (first.user_id, first.type, first.channel, first.candidate_id) == ("ann", "recommendation", "email", "e1")
    assert (first.clicked, first.unsubscribed) == (True, False)
    assert (second.clicked, second.unsubscribed) == (False, False)
    assert from_us(first.known_us).isoformat() == "2026-03-01T20:00:00+00:00"
    assert second.known_us == second.at_us, "nothing was known after it was told"
    said = found.report
    assert (said.rows, said.taken, said.duplicates, said.ignored, said.rejected) == (7, 2, 1, 1, 3)
    assert len(rejects.read_text().splitlines()) == 3
    assert any(reason.startswith("type: ") for reason in said.reasons)
    assert any(reason.startswith("channel: ") for reason in said.reasons)


def test_without_ids_the_same_row_is_the_same_message_in_every_reading(tmp_path: Path) -> None:
    log = tmp_path / "sends.csv"
    log.write_text(LOG)
    text = MAPPING.replace('candidate = "event"\n', "").replace('column = "since"', 'before = "12h"')
    one, two = (read_sends(log, mapping(tmp_path, text), TYPES) for _ in range(2))
    assert one.messages == two.messages
    assert len({each.candidate_id for each in one.messages}) == 2
    assert all(each.at_us - each.known_us == 12 * 3600 * 1_000_000 for each in one.messages)


def test_a_log_of_which_no_row_fits_says_why(tmp_path: Path) -> None:
    log = tmp_path / "sends.csv"
    log.write_text(LOG)
    with pytest.raises(UnreadableInput, match=r"none of 7 rows can be taken .*no event type of yours"):
        read_sends(log, mapping(tmp_path), ("new_follower",))


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (("candidate =", "candidat ="), "candidat"),
        (('how", values = { mail = "email" }', 'how", values = { mail = "pigeon" }'), "pigeon"),
        (('column = "since"', 'column = "since", before = "1h"'), "known: got column and before"),
        (('column = "since"', 'before = "soon"'), "known.before"),
        (('{ column = "how", values = { mail = "email" } }', "{ }"), "channel: got both or neither"),
    ],
)
def test_a_mistaken_mapping_is_refused_before_a_row_is_read(
    tmp_path: Path, change: tuple[str, str], fault: str
) -> None:
    with pytest.raises(InvalidMapping, match=fault):
        mapping(tmp_path, MAPPING.replace(*change))
