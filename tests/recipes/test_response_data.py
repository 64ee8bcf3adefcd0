"""Data sets of responses: the protocols hold on made-up files of the same format, and nothing later is known."""

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tactful.errors import FutureInHistory, InvalidFeatures, UnreadableInput

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _recipes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the recipes importable; they lie beside the package, not inside it."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(ROOT / "recipes")])


@pytest.fixture
def toys(tmp_path: Path) -> Path:
    """40 users with 5 to 9 of 30 toys each, in two brands and three categories."""
    rng = np.random.default_rng(0)
    rows = [
        (user, pos, item)
        for user in range(1, 41)
        for pos, item in enumerate((1 + rng.permutation(30)[: rng.integers(5, 10)]).tolist())
    ]
    folder = tmp_path / "amazon_s3rec"
    folder.mkdir()
    user, pos, item = (np.array(column, dtype=np.int32) for column in zip(*rows, strict=True))
    pq.write_table(pa.table({"user": user, "pos": pos, "item": item}), folder / "Toys_and_Games_events.parquet")
    ids = np.arange(1, 31)
    columns = {"item": ids, "brand": ids % 2, "cat_l2": ids * 0 + 2, "cat_l3": 5 + ids % 3, "cat_leaf": 50 + ids % 7}
    pq.write_table(pa.table(columns), folder / "Toys_and_Games_items.parquet")
    return tmp_path


def _owned(data: object) -> dict[int, list[int]]:
    """Every user's items in order, from the behaviours of the last test rows."""
    behaviours, test = data.test.behaviours.item, data.test.samples
    return {int(u): behaviours[s : e + 1].tolist() for u, s, e in zip(test.user, test.start, test.end, strict=True)}


def test_last_toy_tests_the_last_but_one_validates_and_the_first_two_only_precede(toys: Path, tmp_path: Path) -> None:
    from responses.data import load

    data = load("toys", toys, tmp_path)
    owned = _owned(data)
    for part, places in ((data.test, {-1}), (data.validation, {-2})):
        positive = part.samples.label == 1
        assert len(part) == 80 == 2 * positive.sum()
        rows = part.samples.take(np.flatnonzero(positive))
        for user, target in zip(rows.user, rows.target, strict=True):
            assert {owned[int(user)].index(target) - len(owned[int(user)])} == places
    train = data.train.samples.take(np.flatnonzero(data.train.samples.label == 1))
    assert (train.end - train.start >= 2).all()
    assert len(train) == sum(len(items) - 4 for items in owned.values())


def test_negative_is_never_an_item_of_that_user(toys: Path, tmp_path: Path) -> None:
    from responses.data import load

    for name in ("toys", "toys_uniform"):
        data = load(name, toys, tmp_path)
        owned = _owned(data)
        for part in (data.train, data.validation, data.test):
            rows = part.samples.take(np.flatnonzero(part.samples.label == 0))
            assert all(target not in owned[int(user)] for user, target in zip(rows.user, rows.target, strict=True))


def test_negatives_are_the_same_for_all_who_load_and_made_anew_to_the_same_bits(toys: Path, tmp_path: Path) -> None:
    from responses.data import load

    drawn = load("toys", toys, tmp_path / "one")
    read = load("toys", toys, tmp_path / "one")
    anew = load("toys", toys, tmp_path / "two")
    assert drawn.checksum == read.checksum == anew.checksum
    assert drawn.test.samples.target.tolist() == anew.test.samples.target.tolist()


def test_negatives_of_other_data_or_changed_ones_are_refused(toys: Path, tmp_path: Path) -> None:
    from responses.data import load
    from responses.negatives import Positives, negatives

    load("toys", toys, tmp_path)
    file = tmp_path / "negatives-toys.npz"
    one = np.array([1])
    other = Positives(one, one * 0, np.ones((1, 3)), one, one)
    with pytest.raises(UnreadableInput, match="belongs to other rows"):
        negatives(file, other, 0)
    kept = dict(np.load(file))
    kept["item"][0] += 1
    np.savez(file, **kept)
    with pytest.raises(UnreadableInput, match="were changed"):
        load("toys", toys, tmp_path)
    file.write_bytes(b"not an archive")
    with pytest.raises(UnreadableInput, match="no file of negatives"):
        load("toys", toys, tmp_path)


def test_user_who_owns_everything_gets_no_negative_but_an_error() -> None:
    from responses.negatives import Positives, draw

    one = np.array([1, 1])
    with pytest.raises(InvalidFeatures, match="first of user 1"):
        draw(Positives(one, one * 0, np.array([[0.0, 1.0, 1.0]]), one, np.array([1, 2])), seed=0)


def test_negatives_follow_the_weights() -> None:
    from responses.negatives import Positives, draw

    users = np.arange(20_000)
    weights = np.array([[0.0, 1.0, 3.0], [0.0, 1.0, 0.0]])
    drawn = draw(Positives(users, users % 2, weights, np.array([-1]), np.array([0])), seed=1)
    assert set(drawn[1::2]) == {1}
    assert np.mean(drawn[::2] == 2) == pytest.approx(0.75, abs=0.015)


def test_vocabulary_and_bins_see_the_training_rows_only(toys: Path, tmp_path: Path) -> None:
    from responses.data import assemble
    from tactful.training.histories import Behaviours, Samples

    def rows(target: list[int]) -> Samples:
        n = len(target)
        zero = np.zeros(n, dtype=np.int64)
        context = np.array(target, dtype=np.int32)[:, None]
        return Samples(zero, zero, zero, np.array(target, dtype=np.int32), np.ones(n, dtype=np.float32), context)

    items = np.array([[-1], [70], [80], [90]])
    parts = (rows([1, 1, 2, 2]), rows([3, 3, 3]), rows([1, 3]))
    nothing = Behaviours(np.empty(0, dtype=np.int32))
    data = assemble("made up", ("item",), ("place",), 0, items, nothing, parts, "")
    assert data.shape.items == (3,)
    assert data.shape.context == (3,)
    assert data.test.batch(np.arange(2)).target.tolist() == [[1], [0]]
    assert data.validation.batch(np.arange(3)).context.tolist() == [[0], [0], [0]]


def test_a_share_of_users_is_the_same_in_training_and_validation(toys: Path, tmp_path: Path) -> None:
    from responses.data import load

    part = load("toys", toys, tmp_path).share(0.4)
    users = set(part.train.samples.user) | set(part.validation.samples.user)
    assert 5 < len(users) < 30
    assert users == set(part.validation.samples.user)
    assert len(part.test) == 0


MAY_US = 1_651_334_400_000_000  # 2022-05-01 00:00 in Shanghai


@pytest.fixture
def kuairand(tmp_path: Path) -> Path:
    """Two users, three videos; user 0 has a logged sequence, user 1 none."""
    folder = tmp_path / "kuairand_pure"
    folder.mkdir()
    may_ms, day = MAY_US // 1000, 86_400_000
    at = [-6, -5, -1.5, -0.5, 0.5, 1, -5, 0, 1]  # days from 1 May
    rows = len(at)
    shown = {
        "user_id": np.array([0, 0, 0, 0, 0, 0, 1, 1, 1], dtype=np.int32),
        "video_id": np.array([0, 1, 2, 0, 1, 2, 0, 1, 1], dtype=np.int16),
        "time_ms": np.array([may_ms + int(d * day) for d in at]),
        "tab": np.ones(rows, dtype=np.int8),
        "is_click": np.array([1, 0, 1, 0, 1, 0, 1, 0, 1], dtype=np.int8),
        "long_view": np.array([1, 1, 0, 1, 0, 0, 1, 0, 0], dtype=np.int8),
        "play_time_ms": np.arange(rows),
    }
    pq.write_table(pa.table(shown), folder / "impressions_20220425_20220508.parquet")
    past = {
        "user_id": [0],
        "history_len": [3],
        "last_time_ms": [may_ms - 6 * day],
        "watch_seq": [[2, 1]],
        "long_watch_seq": [[2, 2]],
    }
    pq.write_table(pa.table(past), folder / "user_history_upto_20220424.parquet")
    items = {"video_id": [0, 1, 2], "author_id": [5, 5, 6], "tag": ["1", "2", None], "upload_type": ["a", "b", "a"]}
    pq.write_table(pa.table(items), folder / "items.parquet")
    profile = ("user_active_degree", "register_days_range", "follow_user_num_range", "fans_user_num_range")
    users = {"user_id": [0], **{name: ["x"] for name in profile}, "is_video_author": [1]}
    pq.write_table(pa.table(users), folder / "users.parquet")
    return tmp_path


def test_kuairand_knows_the_sequence_and_later_long_views_strictly_before(kuairand: Path, tmp_path: Path) -> None:
    from responses.data import load

    data = load("kuairand", kuairand, tmp_path)
    known = {
        (int(user), int(at - MAY_US) / 86_400e6): (data.test.behaviours.item[start:end] - 1).tolist()
        for part in (data.train, data.validation, data.test)
        for user, at, start, end in zip(
            part.samples.user, part.samples.at_us, part.samples.start, part.samples.end, strict=True
        )
    }
    assert known == {
        (0, -5.0): [2, 2],  # the exposure six days before stands in the logged sequence: it is no row
        (0, -1.5): [2, 2, 1],
        (0, -0.5): [2, 2, 1],
        (0, 0.5): [2, 2, 1, 0],
        (0, 1.0): [2, 2, 1, 0],
        (1, -5.0): [],
        (1, 0.0): [0],
        (1, 1.0): [0],
    }


def test_kuairand_is_cut_at_midnight_in_shanghai(kuairand: Path, tmp_path: Path) -> None:
    from responses.data import load

    data = load("kuairand", kuairand, tmp_path)
    assert [len(part) for part in (data.train, data.validation, data.test)] == [3, 1, 4]
    assert (data.test.samples.at_us >= MAY_US).all()
    assert data.test.samples.label.tolist() == [1.0, 0.0, 0.0, 1.0]


def test_planted_future_in_a_protocol_is_refused(kuairand: Path, tmp_path: Path) -> None:
    from responses.data import load
    from tactful.training.histories import Samples
    from tactful.training.sequences import Sequences

    data = load("kuairand", kuairand, tmp_path)
    late = Samples(**{**vars(data.train.samples), "end": data.train.samples.end + 1})
    with pytest.raises(FutureInHistory):
        Sequences(data.shape, np.zeros((9, 4), dtype=np.int32), data.train.behaviours, late)


def test_globo_draws_negatives_from_the_day_of_the_target(tmp_path: Path) -> None:
    from responses.data import load
    from responses.globo import TRAIN

    rng = np.random.default_rng(0)
    october = 1_506_826_800  # 2017-10-01 00:00 in Sao Paulo
    n = 3000
    day = rng.integers(0, 16, n)
    user = rng.integers(0, 30, n)
    columns = {
        "user_id": user.astype(np.int32),
        "ts": october + day * 86_400 + rng.integers(7_200, 80_000, n),
        "article": (1000 * day + rng.integers(0, 150, n)).astype(np.int32),  # every day has its own articles
    }
    folder = tmp_path / "globo_clicks"
    folder.mkdir()
    pq.write_table(pa.table(columns), folder / "globo_12k_users.parquet")
    data = load("globo", tmp_path, tmp_path)
    articles = np.unique(columns["article"])
    for part, days in ((data.train, (8, 11)), (data.validation, (12, 12)), (data.test, (13, 15))):
        samples = part.samples
        of_day = articles[samples.target - 1] // 1000
        local = (samples.at_us // 1_000_000 - october) // 86_400
        assert (of_day == local).all()
        assert (of_day.min(), of_day.max()) == days
        assert samples.label.mean() == 0.5
    assert TRAIN == 17_448
    assert data.shape.gaps == 10
    assert data.train.batch(np.arange(50)).clock.max() < 168
