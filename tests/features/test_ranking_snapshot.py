"""Snapshots of rank jobs: what training reads is what the decision read."""

from dataclasses import fields

import numpy as np
import pytest

from tactful.errors import InvalidFeatures
from tactful.features import ranking
from tactful.features.ranking import RankInputs
from tactful.features.ranking_snapshot import opened, snapshots


def _ids(rng: np.random.Generator, sizes: dict[str, int], *shape: int) -> np.ndarray:
    return np.stack([rng.integers(0, n, shape) for n in sizes.values()], axis=-1).astype(np.int16)


def _sequence(rng: np.random.Generator, sizes: dict[str, int], n: int, length: int) -> np.ndarray:
    ids = _ids(rng, sizes, n, length)
    ids[:, :, -1] = rng.integers(1, ranking.AGES, (n, length))
    return np.where(np.arange(length)[None, :, None] < rng.integers(0, length + 1, n)[:, None, None], ids, np.int16(0))


def some_inputs(seed: int, n: int, c: int) -> RankInputs:
    """Returns rank jobs with every kind of row: empty sequences, full ones, and pools of 0 to c candidates."""
    rng = np.random.default_rng(seed)
    present = np.arange(c) < rng.integers(0, c + 1, n)[:, None]
    candidate = rng.normal(size=(n, c, len(ranking.CANDIDATE)))
    return RankInputs(
        user=rng.normal(size=(n, len(ranking.USER))).astype(np.float32),
        user_ids=_ids(rng, ranking.USER_IDS, n),
        content=_sequence(rng, ranking.CONTENT_IDS, n, ranking.CONTENT),
        sends=_sequence(rng, ranking.SEND_IDS, n, ranking.SENDS),
        answers=_sequence(rng, ranking.ANSWER_IDS, n, ranking.ANSWERS),
        candidate=np.where(present[:, :, None], candidate, 0.0).astype(np.float32),
        candidate_ids=(_ids(rng, ranking.CANDIDATE_IDS, n, c) * present[:, :, None]).astype(np.int16),
        present=present,
    )


def _equal(a: RankInputs, b: RankInputs) -> bool:
    """Whether two sets of inputs have the same bits, -0.0 and 0.0 told apart."""
    pairs = [(getattr(a, f.name), getattr(b, f.name)) for f in fields(RankInputs)]
    return all(x.dtype == y.dtype and x.shape == y.shape and x.tobytes() == y.tobytes() for x, y in pairs)


def _rows(inputs: RankInputs, rows: np.ndarray) -> RankInputs:
    return RankInputs(**{f.name: np.ascontiguousarray(getattr(inputs, f.name)[rows]) for f in fields(RankInputs)})


def test_whole_pools_come_back_bit_for_bit() -> None:
    inputs = some_inputs(seed=1, n=300, c=7)
    rows = np.random.default_rng(2).permutation(300)
    assert inputs.present.all(axis=1).any()
    assert not inputs.present.any(axis=1).all()
    assert _equal(opened(snapshots(inputs, rows)), _rows(inputs, rows))


def test_only_the_decided_candidate_is_kept() -> None:
    inputs = some_inputs(seed=3, n=200, c=5)
    rows = np.arange(200)
    place = np.where(inputs.present[:, 0], inputs.present.sum(axis=1) - 1, -1)
    found = opened(snapshots(inputs, rows, place))
    assert found.present.shape == (200, 1)
    assert (found.present[:, 0] == (place >= 0)).all()
    some = place >= 0
    assert (found.candidate[some, 0] == inputs.candidate[some, place[some]]).all()
    assert (found.candidate_ids[some, 0] == inputs.candidate_ids[some, place[some]]).all()
    assert not found.candidate[~some].any()
    assert (found.content == inputs.content).all()


def test_blobs_of_different_requests_open_together_padded_to_the_largest_pool() -> None:
    small, large = some_inputs(seed=4, n=3, c=2), some_inputs(seed=5, n=3, c=9)
    blobs = snapshots(small, np.arange(3)) + snapshots(large, np.arange(3))
    found = opened(blobs)
    assert found.present.shape[1] == max(small.present.sum(axis=1).max(), large.present.sum(axis=1).max())
    assert (found.present.sum(axis=1)[:3] == small.present.sum(axis=1)).all()
    assert (found.user == np.concatenate([small.user, large.user])).all()


def test_a_blob_does_not_depend_on_the_rest_of_its_batch() -> None:
    inputs = some_inputs(seed=6, n=40, c=6)
    together = snapshots(inputs, np.arange(40))
    alone = [snapshots(_rows(inputs, np.array([i])), np.array([0]))[0] for i in range(40)]
    assert together == alone


def test_no_jobs_give_no_blobs() -> None:
    assert snapshots(some_inputs(seed=7, n=2, c=1), np.arange(0)) == []
    assert opened([]).present.shape == (0, 1)


def test_blobs_of_another_schema_or_cut_short_are_refused() -> None:
    blob = snapshots(some_inputs(seed=8, n=1, c=3), np.arange(1))[0]
    with pytest.raises(InvalidFeatures, match=r"snapshot 1: got .* as its schema"):
        opened([blob, b"\x00" * 8 + blob[8:]])
    with pytest.raises(InvalidFeatures, match=r"snapshot 0: got \d+ bytes"):
        opened([blob[:-1]])
    with pytest.raises(InvalidFeatures, match="got 3 bytes, expected at least"):
        opened([blob[:3]])


def test_a_snapshot_takes_at_most_460_bytes_and_30_for_every_further_candidate() -> None:
    inputs = some_inputs(seed=9, n=500, c=16)
    sizes = np.array([len(blob) for blob in snapshots(inputs, np.arange(500), np.zeros(500, dtype=np.int64))])
    assert sizes.max() <= 460
    whole = np.array([len(blob) for blob in snapshots(inputs, np.arange(500))])
    assert (whole - sizes == 30 * (inputs.present.sum(axis=1) - 1)).all()
