"""Constants of a world in a file: what is written is read again, and a mistake is told."""

from pathlib import Path

import pytest

from tactful.errors import InvalidConstants, InvalidExperiment
from tactful.simulator.bench import worlds
from tactful.simulator.constants import Constants
from tactful.simulator.fit.constants_file import read_constants, write_constants
from tactful.simulator.fit.report import Agreement, Fit, FittedConstant


def a_fit(**values: float) -> Fit:
    return Fit(
        constants=tuple(FittedConstant(n, 1.0, v, v / 2.0, v * 2.0) for n, v in values.items()),
        moments=(Agreement("opens an e-mail", 0.1, 0.05, 0.099, 0.2),),
        people=300, left_out=0, days=28, sends=900, drawn=0, simulated=300,
        evaluations=20, converged=True, over=1.0, degrees=1, p=0.3,
    )  # fmt: skip


def test_what_was_fitted_is_read_again_and_the_rest_has_its_default(tmp_path: Path) -> None:
    write_constants(tmp_path / "world.toml", a_fit(visits=0.0712, attention=0.123))
    found = read_constants(tmp_path / "world.toml")
    assert found == Constants()._replace(visits=0.0712, attention=0.123)
    assert "visits = 0.0712  # fitted, 0.0356 to 0.1424" in (tmp_path / "world.toml").read_text()


def test_a_file_may_hold_one_constant(tmp_path: Path) -> None:
    (tmp_path / "world.toml").write_text("[constants]\nvisits = 1\n")
    assert read_constants(tmp_path / "world.toml") == Constants(visits=1.0)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[constants]\nvisit = 1.0\n", 'did you mean "visits"'),
        ("[constants]\nvisits = -1.0\n", "0 or more"),
        ("[constants]\nvisits = nan\n", "0 or more"),
        ("[constants]\nvisits = true\n", "0 or more"),
        ("visits = 1.0\n", r"\[constants\]"),
        ("visits = \n", "TOML"),
    ],
)
def test_a_mistaken_file_is_told_with_what_was_expected(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "world.toml").write_text(text)
    with pytest.raises(InvalidConstants, match=told):
        read_constants(tmp_path / "world.toml")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidConstants, match="not_there"):
        read_constants(tmp_path / "not_there.toml")


def test_the_benchmark_takes_a_file_and_refuses_cells_of_other_constants(tmp_path: Path) -> None:
    path = tmp_path / "world.toml"
    write_constants(path, a_fit(visits=0.07))
    name = worlds.named(str(path))
    assert worlds.is_own(name)
    assert worlds.constants_of(name).visits == 0.07
    assert worlds.maker(name)(1, 10).users().n == 10
    write_constants(path, a_fit(visits=0.08))
    with pytest.raises(InvalidExperiment, match="name the file again"):
        worlds.constants_of(name)
    assert worlds.named("default") == "default"


def test_a_world_that_misses_a_moment_says_so() -> None:
    fit = a_fit(visits=0.07)
    far = Fit(**{**{name: getattr(fit, name) for name in Fit.__struct_fields__},
                 "moments": (*fit.moments, Agreement("own visits by night, 0 to 6", 0.3, 0.1, 0.1, 7.0))})  # fmt: skip
    assert fit.verdict == "No moment that was looked at speaks against this world."
    assert far.verdict == "This world does not reproduce: own visits by night, 0 to 6."
