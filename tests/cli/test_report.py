"""The report: numbers against hand counts, pictures that hold what they claim, and a page that needs no network."""

import dataclasses
import json
import re

import numpy as np
import pytest
from rich.console import Console

from tactful.cli.report import estimates, text
from tactful.cli.report.page import page
from tactful.cli.report.story import ArmDays, Sample, Story, Volume
from tactful.cli.report.table import arms_table, cells, percent
from tactful.clock import HOUR_US
from tactful.experiments.stats import Interval
from tactful.simulator.world import START_US

N, DAYS, HOURS = 120, 14, 24


def _arm(key: str, title: str, per_day: float, activity: float, seed: int, days: int = DAYS) -> ArmDays:
    rng = np.random.default_rng(seed)
    sends = rng.poisson(per_day, (N, days))
    return ArmDays(
        key=key,
        title=title,
        sends=sends,
        opens=rng.binomial(sends, 0.1),
        clicks=rng.binomial(sends, 0.05),
        active=rng.random((N, days)) < activity,
        left=np.zeros((N, days), dtype=np.int64),
        quiet=np.zeros((N, days), dtype=np.int64),
    )


def _story() -> Story:
    arms = (
        _arm("silence", "silence", 0.0, 0.2, 1),
        _arm("nine", "everyone at 9:00", 0.4, 0.25, 2),
        _arm("ours", "Tactful", 0.4, 0.3, 3),
    )
    rng = np.random.default_rng(4)
    slots = rng.dirichlet(np.ones(HOURS), 30)
    jobs = slots >= np.sort(slots, axis=1)[:, [-3]]
    sent = arms[-1].sends.sum(axis=0)
    by_hour = np.arange(HOURS)
    sample = Sample(
        user_ids=tuple(f"u{i:06d}" for i in range(30)),
        slots=slots,
        jobs=jobs,
        told=(jobs & (rng.random(jobs.shape) < 0.3)).astype(np.int64),
        quiet=np.tile(by_hour < 8, (30, 1)),
        price_at_us=START_US + np.arange(48) * HOUR_US,
        price=np.full((48, 2), 0.02),
        price_names=("core/both, push", "casual/both, email"),
    )
    target = np.append(0.0, np.full(DAYS - 1, 50.0))
    return Story(7, START_US, arms, Volume(target, sent, by_hour, by_hour, rng.integers(0, 9, N)), sample)


@pytest.fixture(scope="module")
def story() -> Story:
    return _story()


def test_values_are_plain_counts(story: Story) -> None:
    rows = estimates.arm_rows(story)
    arm, row = story.arms[1], rows[1]
    assert row.sends == arm.sends.sum()
    assert row.sends_per_week.value == pytest.approx(arm.sends.sum() / N / (DAYS / 7))
    assert row.open_share is not None
    assert row.open_share.value == pytest.approx(arm.opens.sum() / arm.sends.sum())
    assert row.click_share is not None
    assert row.click_share.value == pytest.approx(arm.clicks.sum() / arm.sends.sum())
    assert row.left_share.value == 0.0
    assert row.daily_active_share.value == pytest.approx(arm.active.mean())
    gain = arm.active.mean() - story.arms[0].active.mean()
    assert row.daily_gain.value == pytest.approx(gain)
    assert row.weekly_active_share.value == pytest.approx(arm.active.reshape(N, 2, 7).any(axis=2).mean())
    assert row.volume_ratio == pytest.approx(arm.sends.sum() / story.arms[-1].sends.sum())


def test_every_interval_holds_its_value(story: Story) -> None:
    for row in estimates.arm_rows(story):
        for interval in (row.daily_active_share, row.weekly_active_share, row.daily_gain, row.sends_per_week):
            assert interval.low <= interval.value <= interval.high


def test_equal_arms_differ_by_exactly_nothing(story: Story) -> None:
    """Paired: the same people are drawn in every arm, so luck of the draw cancels."""
    twin = dataclasses.replace(story, arms=(story.arms[0], story.arms[0]))
    assert estimates.arm_rows(twin)[1].daily_gain == Interval(0.0, 0.0, 0.0)


def test_the_same_story_gives_the_same_numbers(story: Story) -> None:
    assert estimates.arm_rows(story) == estimates.arm_rows(story)


def test_silence_has_no_open_rate(story: Story) -> None:
    row = estimates.arm_rows(story)[0]
    assert row.open_share is None
    assert row.click_share is None
    assert cells(row)[3:5] == ("-", "-")


def test_a_run_shorter_than_a_week_counts_as_one_week() -> None:
    short = _arm("short", "short", 0.4, 0.25, 2, days=3)
    assert estimates.weekly_active(short).shape == (N, 1)


def test_percent_tells_value_and_half_width() -> None:
    assert percent(Interval(0.123, 0.113, 0.133), 1) == "12.3 ±1.0"
    assert percent(Interval(0.01, 0.0, 0.02), 2, signed=True) == "+1.00 ±1.00"


def test_table_fits_a_hundred_columns(story: Story) -> None:
    console = Console(width=100, record=True)
    rows = [r for r in estimates.arm_rows(story) for _ in range(2)]
    console.print(arms_table(rows))
    assert "…" not in console.export_text()


def test_volume_by_day_marks_the_target_and_totals(story: Story) -> None:
    lines = text.volume_by_day(story).splitlines()
    assert len(lines) == DAYS + 2
    assert lines[1].split()[3] == "0"
    assert all("|" in line for line in lines[2:-1])
    assert all(len(line) <= 100 for line in lines)
    assert lines[-1].split()[0] == "together"


def test_budget_histogram_counts_everyone() -> None:
    lines = text.budgets(np.array([0, 1, 1, 3, 40])).splitlines()[1:]
    assert sum(int(line[12:20]) for line in lines) == 5
    assert lines[-1].startswith("15 or more")


def test_slot_line_shows_what_was_done(story: Story) -> None:
    sample = story.sample
    row = sample.example()
    hour, activity, done = text.slot_line(
        sample.slots[row], sample.jobs[row], sample.told[row], sample.quiet[row]
    ).splitlines()
    assert len(hour) == len(activity) == len(done)
    assert done.count("S") == sample.told[row].sum() > 0


def test_example_is_someone_who_was_told_something(story: Story) -> None:
    assert story.sample.told[story.sample.example()].any()
    nobody = dataclasses.replace(story.sample, told=np.zeros_like(story.sample.told))
    assert nobody.jobs[nobody.example()].any()


def test_page_opens_without_network_and_says_simulated(story: Story) -> None:
    html = page(story, estimates.arm_rows(story), "held <because> & so")
    assert "held &lt;because&gt; &amp; so" in html
    assert not re.findall(r"""(?:src|href)\s*=\s*["']?https?:""", html.split("</script>", 1)[1])
    assert "<link" not in html.split("</style>")[0]
    for caption in re.findall(r'<p class="caption">(.*?)</p>', html, re.DOTALL):
        assert caption.startswith("Simulated")
    assert html.count("</script>") == 2


def test_every_chart_has_its_place_and_its_data(story: Story) -> None:
    html = page(story, estimates.arm_rows(story), "")
    drawn = dict(re.findall(r"^drawChart\('#(\w+)', (.*)\);$", html, re.MULTILINE))
    assert set(drawn) == {"frontier", "volume", "hours", "budgets", "slots", "prices"}
    for name, spec in drawn.items():
        assert f'<div id="{name}"></div>' in html
        assert "url" not in json.loads(spec).get("data", {})
