"""The recipe of the closed loop: its page shows its cells, ablations differ in one part, and cells are made once."""

import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from types import ModuleType

import jaxtyping
import msgspec
import numpy as np
import pytest

from tactful.errors import InvalidExperiment
from tactful.features.segments import REACHES, SEGMENTS
from tactful.features.volume import NAMES, SCHEMA
from tactful.models.slot_histogram import SlotHistogram
from tactful.models.volume_response import VolumeResponse
from tactful.simulator import closed_loop
from tactful.simulator.arms.assembled import Assembled
from tactful.simulator.arms.budgeted import Budgeted, Learned
from tactful.simulator.closed_loop import Explored
from tactful.simulator.world import make

ROOT = Path(__file__).parents[2]
K_MAX = 6


@pytest.fixture(autouse=True)
def recipes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, str(ROOT / "recipes")])


@pytest.fixture(scope="module")
def explored() -> Iterator[Explored]:
    jaxtyping.config.update("jaxtyping_disable", True)  # shape checks cost thrice the run
    yield closed_loop.explore(make(seed=9, n_users=60), days=2)
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture
def parts() -> ModuleType:
    import nep.arms

    return nep.arms


@pytest.fixture
def made(parts: ModuleType, explored: Explored) -> dict[str, Budgeted]:
    """Every arm but silence, of made-up models."""
    from tactful.simulator.bench.lifts import Lifts
    from tactful.simulator.bench.teach import Models

    k = np.arange(K_MAX + 1)
    active, leaves = np.tile(0.1 + 0.01 * k, (len(SEGMENTS), 1)), np.tile(0.001 * k, (len(SEGMENTS), 1))
    heads = {"activity": active, "activity_week": active, "unsubscribe": leaves, "long_term": active[:, :1]}
    tables = {name: (table,) * len(REACHES) for name, table in heads.items()}
    model = VolumeResponse.of(tables, len(NAMES), K_MAX, SCHEMA, weekly_states=())
    learned = Learned(model, np.tile(0.8 * k, (len(REACHES), 1)))
    models = Models(learned, Lifts(click=1.0, leave=1.0), SlotHistogram(), None)
    return {name: parts.arm_of(name, models, explored) for name in parts.ARMS if name != "silence"}


def changed(arm: Budgeted, base: Budgeted) -> set[str]:
    """What an arm's parts differ in: those of the delivery by name, and its rule."""
    assert isinstance(arm.delivery, Assembled)
    differ = {f.name for f in fields(Assembled) if getattr(arm.delivery, f.name) != getattr(base.delivery, f.name)}
    return differ | ({"rule"} if arm.rule != base.rule else set())


def test_ablations_change_one_part(made: dict[str, Budgeted]) -> None:
    whole = made["everything"]
    parts = {name: changed(arm, whole) for name, arm in made.items()}
    assert parts["no_volume_model"] == {"rule"}
    assert parts["no_slot_model"] == parts["hours_of_everyone"] == {"hours"}
    assert parts["nep_utility"] == parts["caps_only"] == {"rules"}
    assert parts["no_exploration"] == {"exploration"}
    assert parts["price_only"] == {"rule", "headroom"}
    assert parts["true_curves"] == {"rule"}


def test_budgets_cost_their_share_under_a_price_and_what_they_send_without(made: dict[str, Budgeted]) -> None:
    np.testing.assert_allclose(made["everything"].learned.fill[0], np.arange(K_MAX + 1) / 1.3)
    np.testing.assert_allclose(made["caps_only"].learned.fill[0], 0.8 * np.arange(K_MAX + 1))
    np.testing.assert_allclose(made["price_only"].learned.fill[0], np.arange(K_MAX + 1) / 3.0)


def test_a_ranker_scores_no_more_than_six_candidates_a_job(made: dict[str, Budgeted]) -> None:
    for name, arm in made.items():
        assert isinstance(arm.delivery, Assembled)
        assert arm.delivery.rules.candidates_ranked == 6 or arm.delivery.ranker is None, name


def test_a_cell_has_everybodys_score(explored: Explored, made: dict[str, Budgeted], tmp_path: Path) -> None:
    import nep_arms
    from nep import page
    from nep.cell import cell, of_each

    arm = made["everything"].at_volume(nep_arms.VOLUME)
    found = cell(closed_loop.follow(explored, arm, 7, seed=1), explored, 1, nep_arms.VOLUME)
    assert sum(one.people for one in found.by_activity.values()) == 60
    assert of_each(found).mean() == pytest.approx(found.score, abs=0.01)
    for name in ("daily_budget", "everything"):
        for seed in (1, 2):
            nep_arms.write(tmp_path / f"{name}-{seed}.json", msgspec.structs.replace(found, arm=name, seed=seed))
    text = page.text(tmp_path)
    assert "60 people a world, 7 days" in text
    assert "| everything together | 1, 2 |" in text
    assert "Not on file yet." in text  # newcomers


def test_a_cell_on_file_is_not_lived_through_again(tmp_path: Path) -> None:
    import nep_arms
    from tactful.simulator.bench.teach import Sizes

    run = nep_arms.Run(Sizes(users=10), tmp_path, tmp_path / "no such folder")
    (tmp_path / "nep-21.json").write_text("{}")
    nep_arms.live(run, "nep", 21)
    assert (tmp_path / "nep-21.json").read_text() == "{}"
    assert not (tmp_path / "no such folder").exists()


def test_cells_of_another_size_are_refused(tmp_path: Path) -> None:
    import nep_arms
    from tactful.simulator.bench.teach import Sizes

    run = nep_arms.Run(Sizes(users=10), nep_arms.RESULTS, tmp_path)
    if any(nep_arms.RESULTS.glob("silence-*.json")):
        with pytest.raises(InvalidExperiment, match="--results"):
            nep_arms.refuse_other_sizes(run)
    nep_arms.refuse_other_sizes(nep_arms.Run(Sizes(users=10), tmp_path, tmp_path))


def test_the_page_is_made_of_the_cells_beside_it_and_the_docs_show_its_tables() -> None:
    import nep_arms
    from nep import page

    text = page.text(nep_arms.RESULTS)
    assert text == (nep_arms.RESULTS / "README.md").read_text(encoding="utf-8")
    told = (ROOT / "docs" / "explanation" / "closed-loop.md").read_text(encoding="utf-8")
    for block in text.split("\n\n"):
        if block.startswith("|"):
            assert block in told, f"docs/explanation/closed-loop.md lacks\n{block}"
