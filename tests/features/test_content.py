"""The two content buckets, at their edges."""

import numpy as np

from tactful.clock import DAY_US
from tactful.features.content import MATCH_BUCKETS, NEVER_US, RECENCY_BUCKETS, match_bucket, recency_bucket


def test_match_buckets_cover_zero_to_all_recent_engagements_in_order() -> None:
    bucket = match_bucket(np.arange(49))
    assert bucket[[0, 1, 2, 3, 4, 48]].tolist() == [0, 1, 2, 2, 3, 3]
    assert set(bucket.tolist()) == set(range(MATCH_BUCKETS))
    assert np.all(np.diff(bucket) >= 0)


def test_recency_buckets_begin_exactly_at_their_days() -> None:
    edges = np.array([1, 3, 7]) * DAY_US
    assert recency_bucket(edges - 1).tolist() == [0, 1, 2]
    assert recency_bucket(edges).tolist() == [1, 2, 3]
    assert recency_bucket(np.array([NEVER_US])).tolist() == [RECENCY_BUCKETS - 1]


def test_an_engagement_from_a_clock_that_runs_ahead_is_just_now() -> None:
    assert recency_bucket(np.array([-5 * DAY_US])).tolist() == [0]


def test_buckets_keep_the_shape_of_their_input() -> None:
    assert match_bucket(np.zeros((2, 3), dtype=np.int64)).shape == (2, 3)
    assert recency_bucket(np.zeros((2, 3), dtype=np.int64)).shape == (2, 3)
