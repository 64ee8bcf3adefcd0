"""The Globo recipe on a slice of its users: it runs, looks at no later day, and its rivals send as often."""

import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tactful.clock import DAY_US, HOUR_US
from tactful.runtime.importing import Log, read_log

pytestmark = pytest.mark.data
USERS = 60


@pytest.fixture(scope="module")
def recipe() -> ModuleType:
    """The recipe as a module; it lies beside the package, not inside it."""
    folder = str(Path(__file__).parents[2] / "recipes")
    if folder not in sys.path:
        sys.path.append(folder)
    import globo_replay

    return globo_replay


@pytest.fixture(scope="module")
def log(recipe: ModuleType, data_path: Path) -> Log:
    whole = read_log(data_path / recipe.FILE, recipe.MAPPING)
    chosen = np.unique(whole.rows.user)[:USERS]
    return replace(whole, rows=whole.rows.take(np.isin(whole.rows.user, chosen)))


def test_the_recipe_runs_and_a_second_run_computes_nothing(
    recipe: ModuleType, data_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    words = ["--slice", str(USERS), "--seeds", "0", "--data", str(data_path), "--results", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["globo_replay.py", *words])
    monkeypatch.setattr(recipe, "POLICIES", {"tactful": recipe.POLICIES["tactful"]})
    recipe.main()
    first = capsys.readouterr().out
    assert "Availability, not lift" in first
    assert "global best slots" in first
    cell = tmp_path / f"tactful-0-slice{USERS}.json"
    written = cell.stat().st_mtime_ns
    recipe.main()
    assert cell.stat().st_mtime_ns == written
    assert "Availability, not lift" in capsys.readouterr().out


def test_candidates_do_not_change_when_later_days_are_cut_off(recipe: ModuleType, log: Log) -> None:
    from globo import producer
    from globo.people import DECIDE, People

    day = DECIDE.start
    everything = People(log)
    now = everything.start_us(day) - producer.BEFORE_MIDNIGHT_US
    before = People(replace(log, rows=log.rows.take(log.rows.at_us < now)))
    whole, cut = (producer.Producer(people).make(day) for people in (everything, before))
    told = [list(producer.candidates(made, people)) for made, people in ((whole, everything), (cut, before))]
    assert told[0] == told[1]
    assert len(told[0]) > USERS
    assert producer.catalogue(whole, everything) == producer.catalogue(cut, before)


def test_rivals_send_as_often_as_tactful_at_allowed_hours(recipe: ModuleType, log: Log) -> None:
    from globo import availability
    from globo.people import DECIDE, People, fit

    people = People(log)
    model = fit(people)
    run = recipe.replay(log, people, model, recipe.POLICIES["tactful"], lambda rows: None)
    sends = run.sends(people)
    assert len(sends.user) > USERS
    assert np.isin(sends.day, DECIDE).all()
    anew = availability.dealt(sends, run.days, np.random.default_rng(0))
    assert (np.bincount(anew.user) == np.bincount(sends.user)).all(), "the same for every user"
    assert (np.bincount(anew.day) == np.bincount(sends.day)).all(), "and on every day"
    for template in (sends, anew):
        for name, rival in availability.rivals(people, template, model, seed=0).items():
            assert (rival.user == template.user).all(), name
            assert (people.day(rival.at_us) == template.day).all(), name
            assert ((people.hour(rival.at_us) >= 8) & (people.hour(rival.at_us) < 22)).all(), name


def test_days_are_dealt_anew_without_crowding_one_user(recipe: ModuleType) -> None:
    from globo import availability

    user = np.repeat(np.arange(30), [9, *[4] * 29])
    day = np.concatenate([[0, 0, 0, 1, 1, 1, 2, 2, 3], np.tile([0, 0, 1, 3], 29)])
    sends = availability.Sends(user, day, day, day, day)
    anew = availability.dealt(sends, {}, np.random.default_rng(3))
    counts = np.zeros((30, 4), dtype=np.int64)
    np.add.at(counts, (anew.user, anew.day), 1)
    assert counts.max() <= 3
    assert (np.bincount(anew.day) == np.bincount(day)).all()
    assert (np.bincount(anew.user) == np.bincount(user)).all()
    assert (counts[1:] != [2, 1, 0, 1]).any(), "the days moved"


def test_what_followed_a_send_is_found_by_looking_at_every_read(recipe: ModuleType, log: Log) -> None:
    from globo import availability
    from globo.people import DECIDE, People

    people = People(log)
    rng = np.random.default_rng(1)
    user = np.sort(rng.integers(0, people.n, 300))
    day = rng.integers(DECIDE.start, DECIDE.stop, 300)
    at_us = np.array([people.start_us(int(d)) for d in day]) + rng.integers(0, DAY_US, 300)
    category = people.category[rng.integers(0, len(people.category), 300)]
    found = availability.Followed(people).measures(availability.Sends(user, day, at_us, category, category))
    for i in range(300):
        sessions = people.session_us[people.session_user == user[i]]
        reads, read = people.at_us[people.user == user[i]], people.category[people.user == user[i]]
        within = [(at_us[i] < t) & (t <= at_us[i] + h * HOUR_US) for t, h in ((sessions, 1), (sessions, 3), (reads, 1))]
        later = (at_us[i] < reads) & (reads <= at_us[i] + DAY_US) & (read == category[i])
        assert found[i].tolist() == [*(bool(w.any()) for w in within), bool(later.any()), bool(later.any())]
    assert found[:, 0].any()
    assert found[:, 3].any()
