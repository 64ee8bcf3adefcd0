"""The guard of the sender's reputation in a running engine: who is held, who is not, why, and after a crash."""

import re
import tomllib
from functools import cache
from pathlib import Path

import msgspec

from stage import CALM, App, act, at, codes, person, told
from tactful.decision.policy.reputation import Levels
from tactful.events.records import CHANNELS, Control, Decision, Input, User, decode
from tactful.features.mailbox import MAILBOXES
from tactful.runtime.replaying import verify
from tactful.runtime.settings import Settings
from tactful.stores.memory import MemoryStore

PEOPLE = 12
SMALL = Levels(min_sends=PEOPLE, throttled_share=0.5)


def settings(levels: Levels = SMALL) -> Settings:
    return msgspec.structs.replace(CALM, reputation=levels)


def by_mail(user_id: str, domain: str) -> User:
    return msgspec.structs.replace(person(user_id, "email"), addresses={"email": f"{user_id}@{domain}"})


def everybody() -> list[User]:
    return [
        by_mail(f"{name}{i}", domain) for i in range(PEOPLE) for name, domain in (("g", "gmail.com"), ("y", "yahoo.de"))
    ]


def offers(day: int, type: str = "new_follower") -> list[Input]:
    return [told(f"{type}-{day}-{u.user_id}", type, u.user_id, at(24 * day + 12)) for u in everybody()]


@cache
def two_days(levels: Levels = SMALL, complaints: int = 1, kind: str = "complaint") -> App:
    """Everybody is told something on the first day, some at gmail answer in the evening; the same on the second day."""
    app = App(settings(levels))
    app.submit(at(9), *everybody())
    app.submit(at(12), *offers(0))
    app.submit(at(18), *(act(f"x{i}", kind, at(18), f"g{i}", channel="email") for i in range(complaints)))
    app.submit(at(36), *offers(1))
    app.submit(at(38), *offers(1, "security_alert"))
    app.run(at(40))
    return app


def second_day(app: App, action: str, type: str, mailbox: str) -> list[Decision]:
    """What was decided then at one provider, but for who complained herself."""
    made = [d for d in app.decisions if d.at >= at(36) and d.action == action and d.type in (type, None)]
    return [d for d in made if d.user_id[0] == mailbox and d.user_id != "g0"]


def test_complaints_at_one_provider_stop_promotional_messages_to_its_mailboxes_only() -> None:
    app = two_days()
    assert second_day(app, "send", "new_follower", "g") == []
    assert len(second_day(app, "send", "new_follower", "y")) == PEOPLE


def test_what_is_critical_goes_out_all_the_same() -> None:
    app = two_days()
    assert len(second_day(app, "send", "security_alert", "g")) == PEOPLE - 1


def test_the_reason_is_on_the_decision_with_the_rate_and_the_level() -> None:
    held = [d for d in second_day(two_days(), "hold", "new_follower", "g") if "sender_reputation" in codes(d)]
    assert len({d.user_id for d in held}) == PEOPLE - 1
    reason = next(r for r in held[0].reasons if r.code == "sender_reputation")
    assert (reason.number, reason.limit) == (1 / PEOPLE, SMALL.complaint_stop)


def test_bounces_count_by_their_own_levels() -> None:
    throttled = Levels(min_sends=PEOPLE, bounce_throttle=0.05, bounce_stop=0.5)
    assert second_day(two_days(throttled, 0), "hold", "new_follower", "g") == []
    app = two_days(throttled, 1, "bounce")
    held = {d.user_id for d in second_day(app, "hold", "new_follower", "g") if "sender_reputation" in codes(d)}
    sent = {d.user_id for d in second_day(app, "send", "new_follower", "g")}
    assert len(held) + len(sent) == PEOPLE - 1
    assert held
    assert sent
    assert all(d.action_probability == d.bucket_probability == 1.0 for d in app.decisions)


def test_below_the_least_number_of_sends_nothing_is_judged() -> None:
    assert len(second_day(two_days(Levels(min_sends=PEOPLE + 1)), "send", "new_follower", "g")) == PEOPLE - 1


def test_levels_of_one_never_hold_anything_back() -> None:
    off = Levels(min_sends=1, complaint_throttle=1.0, complaint_stop=1.0, bounce_throttle=1.0, bounce_stop=1.0)
    assert len(second_day(two_days(off), "send", "new_follower", "g")) == PEOPLE - 1


def test_when_the_window_has_passed_messages_go_out_again() -> None:
    later = App(settings(), store=MemoryStore())
    later.submit(at(9), *everybody())
    later.submit(at(12), *offers(0))
    later.submit(at(18), act("x0", "complaint", at(18), "g0", channel="email"))
    later.submit(at(24 * 9 + 12), *offers(9))
    later.run(at(24 * 9 + 14))
    assert [d for d in later.of("send", "g1") if d.at > at(24 * 9)]


def test_it_takes_effect_with_the_control_of_the_next_hour_but_one() -> None:
    app = two_days()
    written = [(row.effective_us, decode(row.data)) for row in app.store.controls() if row.key == "thresholds"]
    first = next(
        (when, c.value["reputation"]) for when, c in written if isinstance(c, Control) and c.value["reputation"]
    )
    assert first[0] == int(at(20).timestamp() * 1e6)
    ((channel, group, share, rate, level),) = first[1]
    assert (channel, group, share) == ("email", "gmail", 0.0)
    assert (rate, level) == (1 / PEOPLE, SMALL.complaint_stop)
    assert (CHANNELS.index(channel), MAILBOXES.index(group)) == (0, 1)


def test_a_replay_decides_the_same_and_so_does_an_engine_that_was_opened_again() -> None:
    app = App(settings())
    app.submit(at(9), *everybody())
    app.submit(at(12), *offers(0))
    app.submit(at(18), act("x0", "complaint", at(18), "g0", channel="email"))
    app.run(at(19))
    app.engine.close()
    app.restart()
    app.submit(at(36), *offers(1))
    app.run(at(37))
    app.restart()
    app.submit(at(38), *offers(1, "security_alert"))
    app.run(at(40))
    whole = [d for d in two_days().decisions if d.at > at(19)]
    assert [d for d in app.decisions if d.at > at(19)] == whole
    assert verify(app.store, app.settings).equal


def test_the_page_shows_the_defaults_and_its_code_runs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "guard-sender-reputation.md").read_text(encoding="utf-8")
    (toml,), (python,) = (re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL) for language in ("toml", "python"))
    assert msgspec.convert(tomllib.loads(toml), Settings) == Settings()
    assert list(tomllib.loads(toml)["reputation"]) == list(Levels.__struct_fields__)
    exec(python, {})
