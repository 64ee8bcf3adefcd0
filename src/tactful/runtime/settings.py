"""One TOML file, parsed into frozen structs, one small section a room; every default is stated with its reason."""

import tomllib
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from tactful.decision.policy.explore import Exploration
from tactful.decision.policy.reputation import Levels
from tactful.decision.rules import Rules
from tactful.delivery.settings import Channels, Delivery
from tactful.errors import InvalidSettings
from tactful.features.segments import Activity
from tactful.stores.protocols import StateSnapshots

_NOTED: Final = "settings"
_ONE_ARM: Final = {"names": ["default"], "shares": [1.0]}
"""What earlier versions noted where nobody had set arms; now these come of experiments."""


class Volume(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How much is sent in all.

    Attributes:
        per_user_per_week: the target volume K as messages a user and week; 3, a little under one every second day.
        headroom: budgets are allocated at K·(1 + h), so that a rank job may say no; 0.3 as in the design.
        burst: tokens that may pile up in a user's bucket; 2, so that a held day is not lost and an outage is
            not made up for all at once.
        accrual: tokens accrue `even` through the week (the default: it needs no history, and keeps messages apart),
            or by `value`, faster on the weekdays on which she is more active; the week accrues the same.
        counts: which sends use up the weekly budget: `ranked` ones (the default: a receipt must not cost her a
            recommendation), or `all`, transactional and critical ones too. The budget never blocks those.
        gamma: what a week later counts for in the value of a budget, from the next training on; 0.95, so that a
            subscriber is worth about twenty weeks. At 0 leaving would cost nothing.
        leaving: by activity, such as `{new = 4.0}`, how many times as easily its people leave as the response models
            say, when budgets are allocated; nothing by default. For people of whom you know more than the models do:
            the new had no time to be learned from. They get smaller budgets, and the others what that sets free.
    """

    per_user_per_week: Annotated[float, msgspec.Meta(ge=0.0, le=50.0)] = 3.0
    headroom: Annotated[float, msgspec.Meta(ge=0.0, le=5.0)] = 0.3
    burst: Annotated[float, msgspec.Meta(ge=1.0, le=14.0)] = 2.0
    accrual: Literal["even", "value"] = "even"
    counts: Literal["ranked", "all"] = "ranked"
    gamma: Annotated[float, msgspec.Meta(ge=0.0, lt=1.0)] = 0.95
    leaving: dict[Activity, Annotated[float, msgspec.Meta(ge=0.0)]] = {}


class Timing(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When rank jobs run.

    Attributes:
        jobs_per_send: rank jobs a day per planned send, at least `min_jobs`: three, so that a job may say no.
        min_jobs: rank jobs on any day.
        replan_held: whether a send that the day's last job held is planned anew over the slots that remain. Off: three
            jobs a send are the second chance. On, it is for one job a send: her best hour, and the next if that says
            no.
        half_life_days: after so many days a session weighs half in the slot histogram; 28, four whole weeks.
        country: whose public holidays are days of rest to slot models that tell them from days of work: an ISO 3166
            code such as "BR" (the extra `calendar`). "" takes Saturday and Sunday, and needs no calendar.
    """

    jobs_per_send: Annotated[int, msgspec.Meta(ge=1, le=12)] = 3
    min_jobs: Annotated[int, msgspec.Meta(ge=1, le=12)] = 3
    replan_held: bool = False
    half_life_days: Annotated[float, msgspec.Meta(gt=0.0)] = 28.0
    country: str = ""


class Holdout(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The permanent holdout: people who get no ranked message, so that the effect of all of them together shows.

    They are outside every experiment. What is transactional or critical reaches them.

    Attributes:
        share: of all users, by hash; 0, for it costs what messages are worth. 0.01 to 0.05 where that must be known. A
            larger share keeps everyone who was in.
    """

    share: Annotated[float, msgspec.Meta(ge=0.0, le=1.0)] = 0.0


class EngineSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the embedded engine runs.

    Attributes:
        micro_batch: inputs handled in one transaction; 8,192 keeps one fsync per third of a second at full load.
        snapshot_inputs_per_user: states are saved after so many inputs a user since the last save; a restart
            replays no more than that.
        snapshot_min_inputs: but never after fewer inputs in all.
        snapshot_days: states are also saved when so many days of log time have passed; 1, so that `tactful allocate`,
            which reads the saved states, is at most a day behind in a small app, too.
        policy_version: named by every decision.
        onnx_provider: which provider of ONNX Runtime runs trained networks, such as `CUDAExecutionProvider` where the
            installed build of it has that one; the processor by default. Scores may differ in the last bits, which
            replays do not notice: they read what was said.
    """

    micro_batch: Annotated[int, msgspec.Meta(ge=1)] = 8192
    snapshot_inputs_per_user: Annotated[int, msgspec.Meta(ge=1)] = 10
    snapshot_min_inputs: Annotated[int, msgspec.Meta(ge=1)] = 200_000
    snapshot_days: Annotated[float, msgspec.Meta(gt=0.0)] = 1.0
    policy_version: str = "simple-1"
    onnx_provider: str = "CPUExecutionProvider"


class Api(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The HTTP service: what it takes in, how fast, and how people reach it.

    Attributes:
        body_kib: the longest body of a request, in KiB; 4,096, which holds a full batch of events of 4 KB.
        body_seconds: how long a body may take to come; 30, for a client that says a byte a minute must not hold a
            connection and memory. It is answered 408.
        batch_rows: rows in one batch; 1,000, so that one request holds nobody up for long.
        requests_per_second: of each key, on average; twice as many may come at once. 1,000, far above what an app
            needs, so that a client that has gone wrong does not take all; 0 for no limit.
        wrong_keys_per_minute: requests without a key in force from one address that hear so; the others hear 429.
        client_requests_per_minute: of one person's devices to `/v1/client/events`, on average and at once; 60, far
            above what a few devices report, so that a token that got about does not fill the log. 0 for no limit.
        behind_letters: requests that may wait for the engine; beyond, events are refused with 429. 100,000.
        behind_minutes: how far the engine may lie behind before events are refused; 60, so that an hour's repair of the
            engine costs nothing.
        tick_ms: how often the engine in the service looks for what came; 250, half of what a person waits for a code
            without wondering.
        ready_seconds: `/readyz` is red when the engine has not moved for so long; 30.
        stop_seconds: how long requests that are under way may take after a stop; 10.
        trusted_proxies: addresses whose `X-Forwarded-For` is believed; none by default.
        public_url: how people's mail programs and browsers reach it, such as `"https://notify.example.com"`; "" writes
            no links to it into messages: no one-click unsubscribe, no counted clicks, no preferences.
        secret_env: the environment variable that holds the secret (16 bytes or more) that signs those links.
        link_hosts: the hosts to which clicks in messages may be led on, such as `["www.example.com"]`; `.example.com`
            takes every host below it. Links to others are left as they are.
        traces_to: the address of an OpenTelemetry collector that takes OTLP over HTTP, such as
            `"http://127.0.0.1:4318/v1/traces"` (extra `otel`); "" sends no traces.
        sns_topics: the ARNs of the SNS topics whose notifications of bounces and complaints by SES are believed.
        sendgrid_key: the public key with which SendGrid signs its event webhook, as its console shows it.
    """

    body_kib: Annotated[int, msgspec.Meta(ge=1)] = 4096
    body_seconds: Annotated[float, msgspec.Meta(gt=0.0)] = 30.0
    batch_rows: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 1000
    requests_per_second: Annotated[float, msgspec.Meta(ge=0.0)] = 1000.0
    wrong_keys_per_minute: Annotated[float, msgspec.Meta(gt=0.0)] = 10.0
    client_requests_per_minute: Annotated[float, msgspec.Meta(ge=0.0)] = 60.0
    behind_letters: Annotated[int, msgspec.Meta(ge=1)] = 100_000
    behind_minutes: Annotated[float, msgspec.Meta(gt=0.0)] = 60.0
    tick_ms: Annotated[int, msgspec.Meta(ge=10, le=60_000)] = 250
    ready_seconds: Annotated[float, msgspec.Meta(gt=0.0)] = 30.0
    stop_seconds: Annotated[int, msgspec.Meta(ge=1)] = 10
    trusted_proxies: tuple[str, ...] = ()
    public_url: str = ""
    secret_env: str = "TACTFUL_SECRET"
    link_hosts: tuple[str, ...] = ()
    traces_to: str = ""
    sns_topics: tuple[str, ...] = ()
    sendgrid_key: str = ""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything that an operator may set, in one table a room.

    Attributes:
        seed: makes every draw; the same seed and log give the same decisions.
        event_types: folder of event-type files; "" takes the shipped ones. A running engine reads it again when a
            candidate of an unknown type comes.
    """

    seed: int = 0
    event_types: str = ""
    rules: Rules = Rules()
    exploration: Exploration = Exploration()
    volume: Volume = Volume()
    timing: Timing = Timing()
    holdout: Holdout = Holdout()
    reputation: Levels = Levels()
    channels: Channels = Channels()
    delivery: Delivery = Delivery()
    engine: EngineSettings = EngineSettings()
    api: Api = Api()


def load(path: Path) -> Settings:
    """Returns the settings of a TOML file.

    Raises:
        InvalidSettings: the file is missing, is not TOML, or has an unknown key or a value out of range.
    """
    try:
        return msgspec.convert(tomllib.loads(path.read_text()), Settings)
    except OSError as error:
        raise InvalidSettings(f"cannot read {path}: {error.strerror}; give --settings a TOML file") from error
    except (ValueError, msgspec.ValidationError) as error:
        raise InvalidSettings(f"{path}: {error}; see docs/reference/settings.md for every key") from error


def note(store: StateSnapshots, settings: Settings) -> None:
    """Writes the settings of a run beside its states, for `replay` and `explain`; the latest run's stand."""
    told = msgspec.json.encode(settings)
    if store.load_meta(_NOTED) != told:
        store.save_meta(_NOTED, told)


def noted(store: StateSnapshots) -> Settings:
    """Returns the settings of the run that a store holds; the defaults if no engine has opened it.

    Raises:
        InvalidSettings: they have a key or a value that this version does not read.
    """
    told = msgspec.json.decode(store.load_meta(_NOTED) or b"{}")
    if told.get("arms") == _ONE_ARM:
        del told["arms"]
    try:
        return msgspec.convert(told, Settings)
    except msgspec.ValidationError as error:
        raise InvalidSettings(
            f"the store's settings: {error}; another version wrote them; give --settings with those of that run"
        ) from error
