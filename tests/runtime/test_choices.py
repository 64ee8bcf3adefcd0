"""What a person chose herself holds: against imports, across restarts, in replays; a wish caps the week."""

from datetime import timedelta

import msgspec

from stage import CALM, App, at, person, replayed, told
from tactful.clock import to_us
from tactful.decision.policy.explore import Exploration
from tactful.delivery.channels.memory import MemoryChannel
from tactful.delivery.protocol import Unreachable
from tactful.delivery.send import Sender
from tactful.events.records import Channel, Input, Preferences, QuietHours, User, decode
from tactful.runtime import choices
from tactful.runtime.budgets import in_force
from tactful.stores.memory import MemoryStore


def chose(preferences_id: str, hour: float, **said: object) -> Preferences:
    fields = {"preferences_id": preferences_id, "user_id": "ann", "at": at(hour), **said}
    return msgspec.convert(fields, Preferences)


def profiles(app: App) -> list[User]:
    return [one for one in (decode(line.data) for line in app.store.read(-1, 1000)) if isinstance(one, User)]


def test_a_channel_that_she_switched_off_stays_off_after_a_later_import() -> None:
    app = App()
    app.submit(at(1), person("ann", "push", "email"))
    app.submit(at(2), chose("p1", 2, channels={"push": False}))
    app.submit(at(3), person("ann", "push", "email", locale="pt"))
    app.submit(at(4), told("c1", created=at(4)))
    app.run(at(48))
    assert {decision.channel for decision in app.of("send")} == {"email"}
    assert profiles(app)[-1].locale == "pt"


def test_a_type_that_she_switched_off_is_not_sent_and_comes_back_when_she_says_so() -> None:
    app = App()
    app.submit(at(1), person())
    app.submit(at(2), chose("p1", 2, types={"new_follower": False}))
    app.submit(at(3), told("c1", created=at(3)))
    app.run(at(30))
    assert not app.of("send")
    app.submit(at(31), chose("p2", 31, types={"new_follower": True}))
    app.submit(at(32), told("c2", created=at(32)))
    app.run(at(60))
    assert [decision.candidate_id for decision in app.of("send")] == ["c2"]


def test_choices_of_one_whom_the_app_has_not_told_of_yet_wait_for_her_profile() -> None:
    app = App()
    app.submit(at(1), chose("p1", 1, quiet_hours={"start_minute": 0, "end_minute": 60}, weekly_wish=1))
    assert profiles(app) == []
    app.submit(at(2), person())
    (profile,) = profiles(app)
    assert (profile.quiet_hours, profile.weekly_wish) == (QuietHours(0, 60), 1)


def test_what_a_later_choice_does_not_name_stays_and_none_takes_it_back() -> None:
    app = App()
    app.submit(at(1), person())
    app.submit(at(2), chose("p1", 2, quiet_hours={"start_minute": 0, "end_minute": 60}, weekly_wish=1))
    app.submit(at(3), chose("p2", 3, weekly_wish="none"))
    last = profiles(app)[-1]
    assert (last.quiet_hours, last.weekly_wish) == (QuietHours(0, 60), None)


def test_an_older_choice_that_arrives_late_undoes_nothing() -> None:
    app = App()
    app.submit(at(1), person())
    app.submit(at(3), chose("p2", 3, channels={"push": False}))
    app.submit(at(4), chose("p1", 2, channels={"push": True}))
    assert profiles(app)[-1].opt_in == ()


def test_choices_hold_after_a_crash_and_by_the_mailbox() -> None:
    app = App()
    app.submit(at(1), person("ann", "push", "email"))
    app.store.post([msgspec.msgpack.encode(chose("p1", 1, channels={"push": False}))])
    app.run(at(2))
    app.restart()
    app.submit(at(3), person("ann", "push", "email", locale="pt"))
    assert profiles(app)[-1].opt_in == ("email",)
    assert choices.chosen(app.store, "ann") == chose("p1", 1, channels={"push": False})


def test_an_address_that_her_device_told_stays_beside_what_is_imported_until_it_is_taken_back() -> None:
    app = App()
    app.submit(at(1), person("ann", "email"))
    app.submit(at(2), chose("p1", 2, addresses={"web_push": "there"}))
    app.submit(at(3), person("ann", "email", locale="pt"))
    assert profiles(app)[-1].addresses == {"email": "email:ann", "web_push": "there"}
    app.submit(at(4), chose("p2", 4, addresses={"web_push": ""}))
    assert profiles(app)[-1].addresses == {"email": "email:ann"}


def test_an_address_that_is_gone_is_used_no_more_whoever_imports_it_and_another_one_is() -> None:
    app = App()
    app.submit(at(1), person("ann", "email"), told("c1", created=at(1)))
    app.run(at(24))
    sender = Sender(app.store, {"email": MemoryChannel([Unreachable("410")])}, app.engine.registry)
    assert sender.run(to_us(app.of("send")[0].at), 10).counts == {"unreachable": 1}
    app.submit(at(27), person("ann", "email", locale="pt"))
    app.submit(at(28), told("c2", created=at(28)))
    app.run(at(70))
    assert profiles(app)[-1].addresses == {}
    assert len(app.of("send")) == 1
    app.submit(at(71), User(user_id="ann", addresses={"email": "another"}, opt_in=("email",)))
    assert profiles(app)[-1].addresses == {"email": "another"}


def test_a_wish_caps_the_weekly_budget_and_leaves_the_randomised_slice() -> None:
    everyone = Exploration(0.0, 0.0, 0.0, 0.05, 0.0, 1.0, 8, (0, 5, 10))
    for settings in (CALM, msgspec.structs.replace(CALM, exploration=everyone)):
        app = App(settings)
        app.submit(at(0), person("ann", weekly_wish=2), person("bob"))
        app.submit(at(1), *(told(f"c{i}", created=at(1), group_key=str(i)) for i in range(12)))
        app.run(at(1) + timedelta(days=7))
        k, drawn, chance, _ = in_force(
            app.engine.population.table.rows, app.engine.population.table.rows["tokens_at"], settings
        )
        assert (k[0], bool(drawn[0]), chance[0]) == (2, False, 1.0)
        assert len(app.of("send")) <= 3  # two a week, and what had piled up


def test_one_who_wished_for_nothing_gets_no_exploratory_message() -> None:
    app = App()
    app.submit(at(0), person("ann", weekly_wish=0))
    for week in range(10):
        when = at(24 * 7 * week + 1)
        app.submit(when, told(f"c{week}", created=when))
    app.run(at(24 * 7 * 10))
    assert not app.of("send")


def test_a_replay_of_the_log_comes_to_the_same_states() -> None:
    app = App(store=MemoryStore())
    both: tuple[Channel, ...] = ("push", "email")
    app.submit(at(1), person("ann", *both))
    app.submit(at(2), chose("p1", 2, channels={"push": False}, weekly_wish=3))
    app.submit(at(3), person("ann", *both, locale="pt"))
    app.submit(at(4), told("c1", created=at(4)))
    app.run(at(48))
    stream: list[tuple[int, Input]] = []
    for line in app.store.read(-1, 1000):
        record = decode(line.data)
        assert isinstance(record, Input)
        stream.append((line.log_ts_us, record))
    for at_once in (1, 3, 100):
        again = replayed(stream, CALM, [to_us(at(48))], at_once)
        assert [d.decision_id for d in again.decisions] == [d.decision_id for d in app.decisions]
