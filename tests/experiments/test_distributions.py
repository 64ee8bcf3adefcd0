"""The distribution functions against printed tables and closed forms."""

import math

import pytest

from tactful.experiments.distributions import chi_square_tail, normal_quantile, student_quantile, student_tail


@pytest.mark.parametrize(
    ("x", "degrees", "tail"),
    [
        (3.841459, 1, 0.05),
        (6.634897, 1, 0.01),
        (18.307038, 10, 0.05),
        (124.342113, 100, 0.05),
        (2.0, 2, math.exp(-1)),
    ],
)
def test_chi_square_tail_is_that_of_the_tables(x: float, degrees: int, tail: float) -> None:
    assert chi_square_tail(x, degrees) == pytest.approx(tail, rel=1e-6)


@pytest.mark.parametrize("x", [0.01, 0.7, 3.0, 11.0, 40.0, 200.0])
def test_chi_square_tail_has_its_closed_forms(x: float) -> None:
    assert chi_square_tail(x, 1) == pytest.approx(math.erfc(math.sqrt(x / 2)), rel=1e-10)
    half = x / 2
    assert chi_square_tail(x, 6) == pytest.approx(math.exp(-half) * (1 + half + half**2 / 2), rel=1e-10)


def test_chi_square_tail_at_its_ends() -> None:
    assert chi_square_tail(0.0, 3) == 1.0
    assert chi_square_tail(1e6, 3) == 0.0


@pytest.mark.parametrize(
    ("degrees", "quantile"), [(1, 12.706205), (2, 4.302653), (10, 2.228139), (29, 2.045230), (1000, 1.962339)]
)
def test_student_quantile_is_that_of_the_tables(degrees: int, quantile: float) -> None:
    assert student_quantile(0.975, degrees) == pytest.approx(quantile, rel=1e-6)
    assert student_quantile(0.025, degrees) == pytest.approx(-quantile, rel=1e-6)


@pytest.mark.parametrize("t", [0.0, 0.3, 1.0, 5.0])
def test_student_tail_has_its_closed_forms(t: float) -> None:
    assert student_tail(t, 1) == pytest.approx(0.5 - math.atan(t) / math.pi, abs=1e-12)
    assert student_tail(t, 2) == pytest.approx(0.5 - t / (2 * math.sqrt(2 + t * t)), abs=1e-12)


def test_normal_quantile_is_that_of_the_tables() -> None:
    assert normal_quantile(0.995) == pytest.approx(2.575829, abs=1e-6)
