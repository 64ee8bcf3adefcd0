"""What is said of a ranker: by head and channel, and as one number that is 1 for who knows nothing."""

import numpy as np
import pytest

from rank_logs import PUSH, rank_log, true_click, with_logged
from tactful.features.ranking import CANDIDATE, CANDIDATE_IDS
from tactful.models.protocol import RANK_HEADS
from tactful.training.ranking.metrics import Judge
from tactful.training.ranking.rows import RankRows, rows

LOG = rank_log(500, 6)
ROWS = rows(LOG)
CLICK = RANK_HEADS.index("click")


def _base(of: RankRows) -> np.ndarray:
    base: np.ndarray = np.tile(of.label.mean(axis=0), (len(of), 1))
    return base


def _truth(of: RankRows) -> np.ndarray:
    match = of.inputs.candidate_ids[:, 0, list(CANDIDATE_IDS).index("match")]
    p = _base(of)
    p[:, CLICK] = true_click(match, of.inputs.candidate[:, 0, CANDIDATE.index("quality")], of.channel)
    return p


def test_who_knows_nothing_has_one() -> None:
    assert Judge(ROWS).loss(_base(ROWS)).value == pytest.approx(1.0, abs=1e-9)


def test_who_knows_the_truth_is_better_outside_the_interval() -> None:
    judge = Judge(ROWS)
    gap = judge.difference(_truth(ROWS), _base(ROWS))
    assert gap.high < 0.0
    assert gap.value == pytest.approx(judge.loss(_truth(ROWS)).value - 1.0, abs=1e-9)


def test_no_model_differs_from_itself() -> None:
    assert Judge(ROWS).difference(_truth(ROWS), _truth(ROWS)) == (0.0, 0.0, 0.0)


def test_messages_of_a_kept_tenth_stand_for_ten() -> None:
    less = rows(with_logged(LOG, 0.3, seed=2))
    whole, part = (Judge(of).loss(_truth(of)).value for of in (ROWS, less))
    assert part == pytest.approx(whole, abs=0.02)
    assert len(less) < 0.6 * len(ROWS)


def test_cells_name_head_and_channel_and_read_calibration_from_random_sends() -> None:
    cells = {(cell.head, cell.channel): cell for cell in Judge(ROWS).cells(_truth(ROWS))}
    click = cells["click", "push"]
    assert click.messages == int((ROWS.channel == PUSH).sum())
    assert click.auc is not None
    assert click.auc > 0.6
    assert click.log_loss < click.base_log_loss
    assert click.observed_over_expected == pytest.approx(1.0, abs=0.25)
    assert click.random_messages == int((ROWS.random & (ROWS.channel == PUSH)).sum())
    assert ("click", "in_app") not in cells


def test_a_head_that_never_came_is_left_out_of_the_number() -> None:
    never = ROWS.label.copy()
    never[:, 2] = False
    of = RankRows(**{**vars(ROWS), "label": never})
    p = _base(of)
    p[:, 2] = 0.3
    assert Judge(of).loss(p).value == pytest.approx(1.0, abs=1e-9)
    assert {cell.auc for cell in Judge(of).cells(p) if cell.head == "unsubscribe"} == {None}
