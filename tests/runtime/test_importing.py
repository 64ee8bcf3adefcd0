"""Importing logs: what fits is taken, in order and once; what does not is set aside with its line and reason."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tactful.errors import InvalidMapping, UnknownTimeZone, UnreadableInput
from tactful.events.records import Engagement, User
from tactful.runtime.importing import Log, Mapping, Progress, load_mapping, read_log
from tactful.runtime.importing.chunk import BLOCK_BYTES

BASIC = """
user = "who"
time = {column = "ts", unit = "s"}
kind = {column = "what", values = {watched = "view"}, ignore = ["heartbeat"]}
item = "article"
"""
T0 = 1_506_816_000  # 2017-10-01 00:00 UTC


def mapping(tmp_path: Path, text: str = BASIC) -> Mapping:
    path = tmp_path / "mapping.toml"
    path.write_text(text, encoding="utf-8")
    return load_mapping(path)


def read(tmp_path: Path, content: str | bytes, text: str = BASIC, name: str = "log.csv") -> Log:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_log(path, mapping(tmp_path, text), tmp_path / "rejects.ndjson")


def rejects(tmp_path: Path) -> list[tuple[int, str]]:
    lines = (tmp_path / "rejects.ndjson").read_text(encoding="utf-8").splitlines()
    return [(each["line"], each["reason"]) for each in map(json.loads, lines)]


def engagements(log: Log) -> list[Engagement]:
    return [each for batch in log for each in batch.engagements]


def csv(*rows: str) -> str:
    return "\n".join(["who,ts,what,article", *rows]) + "\n"


def test_rows_come_out_sorted_by_time_and_id_whatever_the_order_in_the_file(tmp_path: Path) -> None:
    rows = [f"u{i % 3},{T0 + (i * 7) % 5},click,a{i}" for i in range(40)]
    forward = engagements(read(tmp_path, csv(*rows)))
    backward = engagements(read(tmp_path, csv(*reversed(rows))))
    keys = [(each.at, each.engagement_id) for each in forward]
    assert keys == sorted(keys)
    assert forward == backward
    assert len(set(keys)) == 40


def test_the_same_row_has_the_same_id_in_every_import_and_format(tmp_path: Path) -> None:
    from_csv = read(tmp_path, csv(f"7,{T0},click,12"))
    line = json.dumps({"who": 7, "ts": T0, "what": "click", "article": 12, "extra": {"deep": [1]}})
    from_json = read(tmp_path, line, name="log.ndjson")
    table = pa.table({"who": [7], "ts": [T0], "what": pa.array(["click"]).dictionary_encode(), "article": [12]})
    pq.write_table(table, tmp_path / "log.parquet")
    from_parquet = read_log(tmp_path / "log.parquet", mapping(tmp_path))
    assert engagements(from_csv) == engagements(from_json) == engagements(from_parquet)
    only = engagements(from_csv)[0]
    assert (only.user_id, only.item, only.at) == ("7", "12", datetime(2017, 10, 1, tzinfo=UTC))


def test_a_repeated_row_is_taken_once_and_counted(tmp_path: Path) -> None:
    report = read(tmp_path, csv(f"u,{T0},click,a", f"u,{T0},click,b", f"u,{T0},click,a")).report
    assert (report.rows, report.taken, report.duplicates, report.rejected) == (3, 2, 1, 0)


def test_an_id_with_two_contents_keeps_the_earlier_and_rejects_the_other(tmp_path: Path) -> None:
    text = BASIC + 'id = "article"\n'
    log = read(tmp_path, csv(f"u,{T0 + 9},click,e1", f"u,{T0},click,e1", f"u,{T0},click,e0"), text)
    assert [(each.engagement_id, each.at.second) for each in engagements(log)] == [("e0", 0), ("e1", 0)]
    assert rejects(tmp_path) == [(2, "id: an earlier row has the same id and other content")]


def test_every_row_is_taken_duplicate_ignored_or_rejected(tmp_path: Path) -> None:
    rows = [
        f"u,{T0},click,a",
        f"u,{T0},click,a",
        f"u,{T0},heartbeat,a",
        f"u,{T0},watched,a",
        f"u,{T0},danced,a",
        f"u,{T0},,a",
        f",{T0},click,a",
        f"u,{T0},click",
        "u,soon,click,a",
        "u,nan,click,a",
        "u,inf,click,a",
        "u,,click,a",
        f"u,{T0}000,click,a",
        f"{'x' * 256},{T0},click,a",
    ]
    report = read(tmp_path, csv(*rows)).report
    assert (report.rows, report.taken, report.duplicates, report.ignored) == (14, 2, 1, 1)
    assert rejects(tmp_path) == [
        (6, "kind: a word that the mapping does not translate"),
        (7, "kind: missing"),
        (8, "user: missing"),
        (9, "the line does not have the header's 4 columns"),
        (10, "time: not a finite number"),
        (11, "time: not a finite number"),
        (12, "time: not a finite number"),
        (13, "time: missing"),
        (14, "time: not between 1990 and 2100; is time.unit right?"),
        (15, "user: longer than 255 characters"),
    ]
    assert report.rejected == sum(report.reasons.values()) == 10


def test_a_reject_names_file_line_reason_and_the_row_as_it_was(tmp_path: Path) -> None:
    read(tmp_path, csv(f"u,{T0},click,a", 'v,"never,click,a', f"w,{T0},click,b"))
    line = json.loads((tmp_path / "rejects.ndjson").read_text())
    assert line["file"].endswith("log.csv")
    assert (line["line"], line["row"]) == (3, 'v,"never,click,a')
    assert line["reason"].startswith("the line is not well formed")


def test_a_quote_that_is_never_closed_costs_its_own_line_only(tmp_path: Path) -> None:
    log = read(tmp_path, csv(*(f"u,{T0 + i},click,{chr(34) if i == 3 else ''}a" for i in range(9))))
    assert (log.report.taken, [line for line, _ in rejects(tmp_path)]) == (8, [5])


def test_bytes_that_are_not_utf8_cost_their_own_line_only(tmp_path: Path) -> None:
    content = csv(f"u,{T0},click,a", "XX", f"u,{T0},click,b").encode().replace(b"XX", b"\xff\xfe,1,click,a")
    assert read(tmp_path, content).report.taken == 2
    assert rejects(tmp_path) == [(3, "the line is not UTF-8")]


def test_windows_line_ends_a_byte_order_mark_blank_lines_and_quoted_commas_are_read(tmp_path: Path) -> None:
    content = f'\ufeffwho,ts,what,article\r\n"u,1",{T0},click,"say ""hi"""\r\n\r\nv,{T0 + 1},click,b'
    items = [(each.user_id, each.item) for each in engagements(read(tmp_path, content))]
    assert items == [("u,1", 'say "hi"'), ("v", "b")]
    assert rejects(tmp_path) == []


BAD_LINES = {
    "cut": "{",
    "list": "[1]",
    "text": '"text"',
    "nested": '{"who": ["u"]}',
    "nan": '{"ts": NaN}',
    "huge": '{"ts": 1e999}',
    "bottomless": '{"x": ' + "[" * 50_000,
    "not utf-8": "\ud800",
}


@pytest.mark.parametrize("line", BAD_LINES.values(), ids=BAD_LINES.keys())
def test_a_line_that_is_no_flat_json_object_costs_itself_only(tmp_path: Path, line: str) -> None:
    good = f'{{"who": "u", "ts": {T0}, "what": "click", "article": 1}}'
    content = "\n".join([good, line, good.replace("u", "v", 1)]).encode(errors="surrogatepass")
    log = read(tmp_path, content, name="log.ndjson")
    assert (log.report.taken, [number for number, _ in rejects(tmp_path)]) == (2, [2])


@pytest.mark.parametrize("name", ["log.csv", "log.ndjson"])
def test_a_file_cut_in_the_middle_loses_only_the_half_line(tmp_path: Path, name: str) -> None:
    rows = [{"who": "u", "ts": T0 + i, "what": "click", "article": f"a{i}"} for i in range(5)]
    lines = [json.dumps(row) for row in rows]
    if name == "log.csv":
        lines = ["who,ts,what,article", *(",".join(map(str, row.values())) for row in rows)]
    whole = "\n".join(lines)
    log = read(tmp_path, whole[: -len(",click,a4")], name=name)
    assert log.report.taken == 4
    assert [line for line, _ in rejects(tmp_path)] == [len(lines)]


def test_a_cut_parquet_file_is_a_clear_error(tmp_path: Path) -> None:
    pq.write_table(pa.table({"who": ["u"] * 999, "ts": [T0] * 999, "what": ["click"] * 999}), tmp_path / "w.parquet")
    whole = (tmp_path / "w.parquet").read_bytes()
    with pytest.raises(UnreadableInput, match="expected a whole Parquet file"):
        read(tmp_path, whole[: len(whole) // 2], name="cut.parquet")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("log.csv", "", "is empty"),
        ("log.ndjson", "", "is empty"),
        ("log.csv", "who,ts,what,article\n", "holds no rows"),
        ("log.ndjson", "\n\n", "holds no rows"),
        ("log.csv", "who,ts,what\nu,1,click\n", "no column 'article'"),
        ("log.csv", "who,ts,what,articel\nu,1,click,a\n", 'did you mean "articel"'),
        ("log.csv", "who,who,ts,what,article\nu,u,1,click,a\n", "2 columns 'who'"),
        ("log.ndjson", f'{{"who": "u", "ts": {T0}, "what": "click"}}\n', "no column 'article'"),
        ("log.xlsx", "PK", "suffix '.xlsx'"),
        ("log.csv", "who,ts,what,article\nu,x,click,a\nu,1,click,a\n", "none of 2 rows can be taken"),
    ],
)
def test_a_log_of_which_nothing_can_be_taken_is_a_clear_error(
    tmp_path: Path, name: str, content: str, message: str
) -> None:
    with pytest.raises(UnreadableInput, match=message.replace("(", r"\(")):
        read(tmp_path, content, name=name)


def test_a_missing_file_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(UnreadableInput, match="is not there"):
        read_log(tmp_path / "nowhere.csv", mapping(tmp_path))


@pytest.mark.parametrize("value", ["nan", "-inf", "Infinity", "1e999"])
def test_values_that_are_not_finite_are_rejected(tmp_path: Path, value: str) -> None:
    text = BASIC.replace('item = "article"', 'value = "article"')
    report = read(tmp_path, csv(f"u,{T0},click,{value}", f"u,{T0 + 1},click,2.5", f"u,{T0 + 2},click,"), text).report
    assert (report.taken, report.reasons) == (2, {"value: not finite": 1})


def test_nan_in_a_parquet_column_is_rejected_and_null_is_missing(tmp_path: Path) -> None:
    table = pa.table({"who": ["u", "v", "w"], "ts": [T0] * 3, "secs": [1.5, float("nan"), None]})
    pq.write_table(table, tmp_path / "log.parquet")
    text = 'user = "who"\ntime = {column = "ts", unit = "s"}\nkind = {constant = "view"}\nvalue = "secs"\n'
    log = read_log(tmp_path / "log.parquet", mapping(tmp_path, text), tmp_path / "rejects.ndjson")
    assert sorted((each.user_id, each.value) for each in engagements(log)) == [("u", 1.5), ("w", 0.0)]
    assert rejects(tmp_path) == [(2, "value: not finite")]


ISO = BASIC.replace(', unit = "s"', "")


def test_naive_times_are_rejected_without_a_zone_and_read_with_one(tmp_path: Path) -> None:
    content = csv("u,2017-10-01T12:00:00,click,a", "u,2017-10-01T12:00:00Z,click,b")
    assert read(tmp_path, content, ISO).report.taken == 1
    assert rejects(tmp_path)[0][1].startswith("time: no time zone")
    zoned = ISO.replace('column = "ts"', 'column = "ts", timezone = "America/Sao_Paulo"')
    hours = [(each.item, each.at.hour) for each in engagements(read(tmp_path, content, zoned))]
    assert hours == [("b", 12), ("a", 15)]


def test_a_wall_time_that_clocks_skip_or_repeat_has_one_stated_instant(tmp_path: Path) -> None:
    zoned = ISO.replace('column = "ts"', 'column = "ts", timezone = "America/Sao_Paulo"')
    skipped, repeated = "2017-10-15 00:30:00", "2018-02-17 23:30:00"
    skip, repeat = engagements(read(tmp_path, csv(f"u,{skipped},click,a", f"u,{repeated},click,b"), zoned))
    assert skip.at == datetime(2017, 10, 15, 3, tzinfo=UTC)
    assert repeat.at == datetime(2018, 2, 18, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2017-10-01T00:00:00Z", 0),
        ("2017-10-01 02:00:00+02:00", 0),
        ("2017-10-01T00:00:00.250000Z", 0.25),
        ("20171001T000000Z", 0),
        ("2017-10-01T00:00Z", 0),
    ],
)
def test_iso_notations_are_understood(tmp_path: Path, text: str, expected: float) -> None:
    assert engagements(read(tmp_path, csv(f"u,{text},click,a"), ISO))[0].at.timestamp() == T0 + expected


def test_a_day_that_does_not_exist_costs_its_own_row_only(tmp_path: Path) -> None:
    content = csv("u,2017-02-30T00:00:00Z,click,a", "u,2017-03-01T00:00:00Z,click,a")
    assert read(tmp_path, content, ISO).report.reasons == {"time: not an ISO 8601 time; set time.unit for numbers": 1}


@pytest.mark.parametrize(("unit", "number"), [("s", f"{T0}.5"), ("ms", f"{T0}500"), ("us", f"{T0}500000")])
@pytest.mark.parametrize("name", ["log.csv", "log.ndjson"])
def test_units_of_time(tmp_path: Path, unit: str, number: str, name: str) -> None:
    line = f'{{"who": "u", "ts": {number}, "what": "click", "article": "a"}}'
    content = line if name == "log.ndjson" else csv(f"u,{number},click,a")
    only = engagements(read(tmp_path, content, BASIC.replace('"s"', f'"{unit}"'), name=name))[0]
    assert only.at == datetime(2017, 10, 1, 0, 0, 0, 500_000, tzinfo=UTC)


def test_parquet_timestamps_need_no_unit(tmp_path: Path) -> None:
    at = datetime(2017, 10, 1, 8, tzinfo=UTC)
    table = pa.table(
        {"who": ["u"], "ts": pa.array([at], pa.timestamp("ns", "Europe/Berlin")), "what": ["click"], "article": [1]}
    )
    pq.write_table(table, tmp_path / "log.parquet")
    assert engagements(read_log(tmp_path / "log.parquet", mapping(tmp_path)))[0].at == at


@pytest.mark.parametrize(
    ("category", "expected"),
    [("1580", 2), ("1579", 1), ("", -1), ("-1", -1), ("1.5", None), ("inf", None), ("x", None), ("1e300", None)],
)
def test_a_category_is_divided_and_must_be_whole(tmp_path: Path, category: str, expected: int | None) -> None:
    text = BASIC + 'category = {column = "article", divide_by = 790}\n'
    log = read(tmp_path, csv(f"good,{T0},click,7", f"u,{T0},click,{category}"), text)
    found = [each.category for each in engagements(log) if each.user_id == "u"]
    assert found == ([] if expected is None else [expected])


def test_a_session_starts_after_a_gap_and_only_by_activity(tmp_path: Path) -> None:
    minutes = {"click": (0, 10, 41, 70, 100), "receipt": (200,)}
    rows = [f"u,{T0 + 60 * m},{kind},a" for kind, at in minutes.items() for m in at]
    log = read(tmp_path, csv(*rows), BASIC + 'sessions = {gap = "30m"}\n')
    starts = [each.at.timestamp() - T0 for each in engagements(log) if each.kind == "session"]
    assert starts == [0, 41 * 60, 100 * 60]
    assert log.report.sessions == 3


def test_sessions_sort_among_explicit_ids_like_their_text(tmp_path: Path) -> None:
    rows = [f"u{i},{T0},click,id-{i}" for i in range(5)]
    text = BASIC.replace("item", "id") + 'sessions = {gap = "30m"}\n'
    keys = [(each.at, each.engagement_id) for each in engagements(read(tmp_path, csv(*rows), text))]
    assert keys == sorted(keys)
    assert len(keys) == 10


def test_users_come_once_with_the_defaults_and_before_their_engagements(tmp_path: Path) -> None:
    text = BASIC + '[users]\ntimezone = "Europe/Berlin"\nlocale = "de"\nopt_in = ["push"]\naddresses = "user_id"\n'
    log = read(tmp_path, csv(*(f"u{i % 7},{T0 + i},click,a" for i in range(50))), text)
    seen: set[str] = set()
    for batch in log.batches(4):
        arriving = {user.user_id for user in batch.users}
        assert not arriving & seen
        seen |= arriving
        assert {each.user_id for each in batch.engagements} <= seen
    assert len(seen) == log.report.users == 7
    first = next(iter(log)).users[0]
    expected = User(user_id="u0", timezone="Europe/Berlin", locale="de", addresses={"push": "u0"}, opt_in=("push",))
    assert first == expected


def test_channels_are_translated_and_may_be_missing(tmp_path: Path) -> None:
    text = BASIC.replace('item = "article"', 'channel = {column = "article", values = {mail = "email"}}')
    log = read(tmp_path, csv(f"a,{T0},click,mail", f"b,{T0},click,push", f"c,{T0},click,", f"d,{T0},click,fax"), text)
    assert {each.user_id: each.channel for each in engagements(log)} == {"a": "email", "b": "push", "c": None}


def test_a_folder_is_read_as_one_log(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "b.csv").write_text(csv(f"u,{T0},click,a", "bad"))
    (folder / "a.ndjson").write_text(f'{{"who": "v", "ts": {T0 + 1}, "what": "click", "article": 1}}\nbad\n')
    log = read_log(folder, mapping(tmp_path), tmp_path / "rejects.ndjson")
    assert [each.user_id for each in engagements(log)] == ["u", "v"]
    assert rejects(tmp_path) == [(2, "the line is not JSON"), (3, "the line does not have the header's 4 columns")]


def test_progress_reaches_the_size_of_the_files(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    rows = [f"user-{i},{T0 + i},click,{'a' * 80}" for i in range(BLOCK_BYTES // 90)]
    path.write_text(csv(*rows))
    steps: list[Progress] = []
    read_log(path, mapping(tmp_path), progress=steps.append)
    assert len(steps) > 1
    assert steps[-1] == Progress(len(rows), path.stat().st_size, path.stat().st_size)


def test_line_numbers_are_right_beyond_the_first_block(tmp_path: Path) -> None:
    rows = [f"user-{i},{T0 + i},click,{'a' * 80}" for i in range(BLOCK_BYTES // 90)]
    rows[-5] = 'user,"'
    rows[40] = "short"
    report = read(tmp_path, csv(*rows)).report
    assert [line for line, _ in rejects(tmp_path)] == [42, len(rows) - 3]
    assert report.taken == len(rows) - 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BASIC.replace("user =", "usr ="), 'did you mean "user"'),
        (BASIC.replace('column = "ts"', 'colum = "ts"'), r'time.colum: .*did you mean "column"'),
        (BASIC + 'category = {column = "c", divided_by = 2}\n', 'did you mean "divide_by"'),
        (BASIC.replace('"s"', '"seconds"'), "seconds"),
        (BASIC.replace('"view"', '"viewed"'), "viewed"),
        (BASIC.replace("ignore =", 'constant = "click", ignore ='), "both or neither"),
        (BASIC + 'sessions = {gap = "soon"}\n', 'sessions.gap: .*"30m"'),
        (BASIC.replace('"view"', '"session"') + 'sessions = {gap = "30m"}\n', "sessions of its own"),
        ("user = ", "expected a readable TOML file"),
        ('user = "u"\n', "time"),
    ],
)
def test_a_mistake_in_the_mapping_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidMapping, match=message):
        mapping(tmp_path, text)


@pytest.mark.parametrize("key", ["users.timezone", "time.timezone"])
def test_an_unknown_time_zone_is_an_error(tmp_path: Path, key: str) -> None:
    text = BASIC + '[users]\ntimezone = "Sao Paulo"\n'
    if key == "time.timezone":
        text = BASIC.replace('unit = "s"', 'timezone = "America/SaoPaulo"')
    with pytest.raises(UnknownTimeZone, match="America/Sao_Paulo"):
        mapping(tmp_path, text)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(st.text(st.characters(exclude_characters="\n", exclude_categories=("Cs",)), max_size=30)))
def test_no_text_whatever_costs_a_good_row(tmp_path: Path, lines: list[str]) -> None:
    log = read(tmp_path, csv("first,1506816000,click,a", *lines, "last,1506816000,click,a"))
    assert {"first", "last"} <= set(log.users)
    blank = sum(line in ("", "\r") for line in lines)
    report = log.report
    assert report.rows == len(lines) + 2 - blank
    assert report.rows == report.taken + report.duplicates + report.ignored + report.rejected


@pytest.mark.data
def test_the_globo_log_is_taken_whole(data_path: Path, tmp_path: Path) -> None:
    text = (
        'user = "user_id"\ntime = {column = "ts", unit = "s"}\nkind = {constant = "view"}\nitem = "article"\n'
        'category = {column = "article", divide_by = 790}\nsessions = {gap = "30m"}\n'
    )
    log = read_log(data_path / "globo_clicks", mapping(tmp_path, text))
    report = log.report
    assert (report.rows, report.taken, report.users, report.rejected) == (507_216, 507_216, 12_000, 0)
    table = pq.read_table(data_path / "globo_clicks" / "globo_12k_users.parquet", columns=["ts", "article"])
    plain = log.rows.take(log.rows.line > 0)
    assert (np.diff(log.rows.at_us) >= 0).all()
    assert np.array_equal(plain.at_us, np.sort(table["ts"].to_numpy()) * 1_000_000)
    assert plain.category.sum() == (table["article"].to_numpy() // 790).sum()
    assert report.last_at - report.first_at < timedelta(days=17)
    assert sum(len(batch.users) for batch in log) == 12_000
