"""The dashboard's pages of experiments: what they name, what they must not name, and that nobody waits for a count."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import msgspec
import pytest

import small_app
from served_app import HALVES, ask, decided, served, with_experiments
from tactful.api.dashboard import ENDPOINTS
from tactful.api.dashboard.experiments import state, verdict, volume
from tactful.api.dashboard.whiskers import band, whisker
from tactful.api.service import Service
from tactful.clock import HOUR_US, SimulatedClock
from tactful.experiments.comparison import Comparison, Guarded, Look, Measured
from tactful.experiments.design import Experiment
from tactful.experiments.interval import Interval
from tactful.runtime.experiments_in_force import listed
from tactful.stores.sqlite import SqliteStore

URL = "/dashboard/experiments"
ALIKE = Interval(0.0, -0.01, 0.01)
WITHIN = 60.0
"""Seconds that a count may take on a busy machine."""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_experiments(decided(tmp_path_factory.mktemp("experiments") / "app.db"))


@pytest.fixture
def service(path: Path) -> Iterator[Service]:
    made = served(path)
    yield made
    made.close()


def get(service: Service, url: str) -> httpx.Response:
    return ask(service, ENDPOINTS, "GET", url)


def counted(service: Service, name: str = "the same") -> httpx.Response:
    """The page of an experiment, once its count is over."""
    get(service, f"{URL}/{name}")
    over = service.experiment_counts.ask(experiment_of(service, name), service.clock.now_us())
    assert over is None or over.wait(WITHIN)
    return get(service, f"{URL}/{name}")


def experiment_of(service: Service, name: str = "the same") -> Experiment:
    opened = SqliteStore(service.path, read_only=True)
    found = {one.name: one for one in listed(opened)}
    opened.close()
    return found[name]


def found(lift: Interval, sends: Interval = ALIKE, **more: object) -> Comparison:
    rest = (0.01, 0.01, 0.01, 0.01, 1.0, 0.0)
    measured = Measured("new", "active_days", 4.0, 4.2, Interval(0.2, 0.1, 0.3), lift, lift, *rest)
    told = Comparison(
        name="x",
        arms=("control", "new"),
        days=9.0,
        planned_days=28.0,
        users=(500, 500),
        decided=(400, 400),
        sample_ratio_p=0.5,
        sends=(3.0, 3.0),
        sends_lift=(sends,),
        measured=(measured,),
        guardrails=(),
        looks=(),
        warnings=(),
    )
    return msgspec.structs.replace(told, **more)


def test_a_winner_is_named_only_where_the_interval_that_always_holds_leaves_zero_out() -> None:
    assert "new has more active_days" in verdict(found(Interval(0.1, 0.02, 0.18)))
    assert "new has less active_days" in verdict(found(Interval(-0.1, -0.18, -0.02)))
    assert "No arm is told" in verdict(found(Interval(0.1, -0.01, 0.21)))


def test_no_winner_is_named_where_sizes_volumes_or_guardrails_stand_against_it() -> None:
    clear = Interval(0.1, 0.02, 0.18)
    assert verdict(found(clear, sample_ratio_p=1e-6)).startswith("No arm is named")
    assert verdict(found(clear, sends=Interval(0.2, 0.15, 0.25))).startswith("No arm is named")
    broken = Guarded("new", "unsubscribes", 0.01, 0.02, 0.1, Interval(0.01, 0.005, 0.02), "broken")
    assert verdict(found(clear, guardrails=(broken,))).startswith("End it: new has more unsubscribes")
    assert "no metric" in verdict(found(clear, measured=()))


def test_volumes_are_equal_only_where_the_interval_says_so() -> None:
    assert volume(Interval(0.0, -0.01, 0.01)) == "equal"
    assert volume(Interval(0.0, -0.1, 0.1)) == "not told yet"
    assert volume(Interval(-0.1, -0.15, -0.05)) == "unequal"
    assert volume(None) == "not told yet"


def test_an_experiment_is_planned_runs_and_ends() -> None:
    begun = small_app.START
    one = Experiment(name="x", arms=HALVES, started_at=begun, ended_at=begun + timedelta(days=7))
    days = [state(one, begun + timedelta(days=day)) for day in (-1, 0, 6, 7)]
    assert days == ["planned", "running", "running", "ended"]
    assert state(Experiment(name="x", arms=HALVES), begun) == "planned"


def test_the_page_says_what_the_log_says_and_the_list_repeats_it(service: Service) -> None:
    page = counted(service)
    count = service.experiment_counts.latest("the same")
    assert count is not None
    assert count.found is not None
    assert sum(count.found.users) == small_app.PEOPLE
    assert "http-equiv" not in page.text
    says = verdict(count.found)
    for words in (says, "sessions", "unsubscribes", "control", "tactful experiment end"):
        assert words in page.text
    assert says in get(service, URL).text


def test_a_count_holds_for_an_hour_and_is_made_again_after_it(service: Service) -> None:
    counted(service)
    first = service.experiment_counts.latest("the same")
    counted(service)
    assert service.experiment_counts.latest("the same") is first
    assert isinstance(service.clock, SimulatedClock)
    service.clock.set(service.clock.now_us() + HOUR_US)
    counted(service)
    assert service.experiment_counts.latest("the same") is not first


def test_a_service_that_ends_ends_its_count_too(path: Path) -> None:
    service = served(path)
    service.experiment_counts.close()
    over = service.experiment_counts.ask(experiment_of(service), 0)
    assert over is not None
    assert over.wait(WITHIN)
    assert service.experiment_counts.latest("the same") is None
    service.close()


def test_without_an_experiment_the_page_says_how_to_begin_one(tmp_path: Path) -> None:
    SqliteStore(tmp_path / "app.db").close()
    service = served(tmp_path / "app.db")
    page = get(service, URL)
    assert "taken no experiment yet" in page.text
    assert "tactful experiment new" in page.text
    assert get(service, f"{URL}/%3Cb%3E").status_code == 404
    service.close()


def test_one_whose_arm_has_nobody_says_so(service: Service) -> None:
    assert "expected 2 or more" in counted(service, "few").text


def test_intervals_are_drawn_on_one_scale_with_zero_in_the_middle() -> None:
    drawn = whisker(Interval(0.05, 0.0, 0.1), 0.1)
    assert 'x1="130.0" x2="260.0"' in drawn
    assert "from +0.0% to +10.0%" in drawn
    looks = [Look(day, "new", "clicks", 0.1, 0.1 - 0.5 / day, 0.1 + 0.5 / day) for day in (1.0, 2.0, 4.0)]
    assert band(looks, "a <b>").count("<b>") == 0
