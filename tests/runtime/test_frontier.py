"""The frontier: allocated budgets are never worth less than one budget for all, and no volume is told twice."""

from dataclasses import replace

import numpy as np
import pytest

from response_people import K_MAX, MODEL, PEOPLE
from tactful.models.volume_response import discounted_value
from tactful.runtime.allocating import Ask, allocated
from tactful.runtime.frontier import Frontier, frontier


@pytest.fixture(scope="module")
def found() -> Frontier:
    made = frontier(PEOPLE, MODEL, headroom=0.3)
    assert made is not None
    return made


def test_volumes_rise_from_nothing_to_where_more_brings_nobody_anything(found: Frontier) -> None:
    volumes = [point.per_user for point in found.allocated]
    assert volumes[0] == 0.0
    assert volumes == sorted(set(volumes))
    assert volumes[-1] <= K_MAX / 1.3 + 1e-9
    prices = [point.price for point in found.allocated[1:]]
    assert prices == sorted(prices, reverse=True)


def test_a_point_is_what_an_allocation_of_that_volume_reports(found: Frontier) -> None:
    point = found.allocated[5]
    report = allocated(PEOPLE, MODEL, Ask("per_user", point.per_user, 0.3)).report
    assert point.active_days == pytest.approx(report.after.active_days / report.people, rel=2e-3)
    assert point.leaving == pytest.approx(report.after.unsubscribes / report.people, rel=2e-3)
    assert found.today.active_days == pytest.approx(report.before.active_days / report.people)


def test_one_budget_for_all_is_told_for_every_budget(found: Frontier) -> None:
    assert [point.per_user for point in found.alike] == pytest.approx([k / 1.3 for k in range(K_MAX + 1)])
    chosen = PEOPLE.only(~PEOPLE.drawn)
    responses = MODEL.responses(chosen.features, chosen.reach, chosen.activity, K_MAX)
    assert found.alike[2].active_days == pytest.approx(7.0 * float(responses.active[2].mean()), rel=1e-5)
    assert discounted_value(responses, MODEL.gamma).shape == (K_MAX + 1, found.people)


def test_of_people_who_all_keep_a_drawn_budget_there_is_no_frontier() -> None:
    assert frontier(replace(PEOPLE, drawn=np.ones(len(PEOPLE), dtype=np.bool_)), MODEL, 0.3) is None
