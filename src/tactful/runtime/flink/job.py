"""The graph of the job: sources, the three operators, sinks. Here Flink is imported, and nowhere else but `running.py`.

    manifest -> Reader -> by group -> Groups -> Router -> files of decisions, plans, budgets, messages, rejected, states
                  \\                  /    ^          \\-> Keeper -> files of controls
                   inputs for everybody   prices             \\-> control folder -> prices

Event time is log time. The prices' source has a watermark of its own: how far the prices reach. An operator with two
inputs goes by the lesser of both, so timers of users wait for inputs and for prices without a line of code.

In thread mode every operator in Python has a thread state of its own, but Python's C interface knows one a thread: the
end of a compiled loop (numba) in the second operator of one thread waits for ever for a lock that the thread holds
itself. So the operators that compute share their thread with no other: what they give is dealt anew (`rebalance`).
"""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import msgspec

from tactful.errors import InvalidSettings
from tactful.runtime.flink.groups import EVERYBODY_READS, KINDS, Groups, Output, Plan
from tactful.runtime.flink.keeping import Keeper
from tactful.runtime.flink.reading import (
    EVERYBODY,
    REFUSED,
    Letters,
    Prices,
    Reader,
    known_until_ms,
    last_ms,
    letter_ms,
)

Mode: TypeAlias = Literal["thread", "process"]
IDLE_SECONDS: Final = 1.0
"""In a closed loop prices that do not come hold the watermark back no longer; groups look by the clock then. A source
that goes on from a checkpoint has forgotten its watermark, and if all its files are read it would never have another
one. Prices on record end, and with them the job, which forgets timers by the clock: there nothing is idle."""


class Kafka(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A topic of accepted inputs, each a line of JSON as in `rows.py`, instead of files.

    Attributes:
        servers: HOST:PORT, several by commas.
        topic: of the inputs.
        group: under which the consumer is known.
        jar: path of Flink's connector for Kafka with all it needs (`flink-sql-connector-kafka`), of Flink's version; it
            does not come with the extra.
    """

    servers: str
    topic: str
    group: str = "tactful"
    jar: str


class Tuning(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a job runs; nothing here changes a decision.

    Attributes:
        mode: `thread` runs Python inside the worker's JVM (the default: three times faster), `process` beside it.
        parallelism: workers; each needs a slot, best one slot a TaskManager, since threads of one process share
            Python's lock.
        checkpoint_seconds: between two checkpoints; what sinks wrote shows with the next one. 0 makes none.
        restarts: after errors, before the job gives up. A mistake in the input or a model would else restart it for
            ever.
        lateness_seconds: how far behind the latest file of the manifest another one may begin.
        kafka: where inputs come from, if not from files.
        options: further options of Flink by name; they stand over all others.
    """

    mode: Mode = "thread"
    parallelism: int = 1
    checkpoint_seconds: float = 10.0
    restarts: int = 3
    lateness_seconds: float = 0.0
    kafka: Kafka | None = None
    options: dict[str, str] = {}


def load(path: Path) -> Tuning:
    """Returns the tuning of a TOML file.

    Raises:
        InvalidSettings: the file is missing, is not TOML, or has an unknown key or a value out of range.
    """
    try:
        return msgspec.convert(tomllib.loads(path.read_text()), Tuning)
    except (OSError, ValueError, msgspec.ValidationError) as error:
        raise InvalidSettings(f"{path}: {error}; see docs/how-to/run-on-flink.md for every key") from error


class Places(msgspec.Struct, frozen=True):
    """Where a job reads and writes; every worker must reach these folders.

    Attributes:
        output: the folder of the sinks.
        controls: the folder of prices.
        closed: whether the keeper writes prices there, else they are on record.
        follow: whether the job waits for more files of inputs, else it ends behind the manifest.
    """

    output: str
    controls: str
    closed: bool
    follow: bool = False


class _Descriptors:
    """Flink's descriptors; the values are pickled bytes, for a primitive array fails on its first read."""

    def value(self, name: str) -> Any:
        from pyflink.common import Types
        from pyflink.datastream.state import ValueStateDescriptor

        return ValueStateDescriptor(name, Types.PICKLED_BYTE_ARRAY())

    def table(self, name: str) -> Any:
        from pyflink.common import Types
        from pyflink.datastream.state import MapStateDescriptor

        return MapStateDescriptor(name, Types.STRING(), Types.PICKLED_BYTE_ARRAY())


class _Router:
    """Sends lines to the side output of their kind; reports go on to the keeper."""

    def __init__(self, tags: dict[str, Any]) -> None:
        self._tags = tags

    def process_element(self, value: Output, _: Any) -> Iterator[Any]:
        kind, text = value
        yield (self._tags[kind], text) if kind in self._tags else value


class _Tuples:
    """Gives what an operator gives as bare tuples: in process mode Flink encodes those, and no named ones."""

    def __init__(self, body: Any) -> None:
        self._body = body

    def flat_map(self, value: str) -> Iterator[tuple[int, int, bytes]]:
        for told in self._body.flat_map(value):
            yield tuple(told)


class _Stamp:
    """Reads an element's event time, in ms."""

    def __init__(self, of: Any) -> None:
        self._of = of

    def extract_timestamp(self, value: Any, _: int) -> int:
        return int(self._of(value))


def _as(kind: Any, body: Any) -> Any:
    """Returns an operator in plain Python as one of Flink's: it asks for its own base classes."""
    made: Any = object.__new__(type(type(body).__name__, (type(body), kind), {}))
    made.__dict__.update(body.__dict__)
    return made


def build(env: Any, plan: Plan, places: Places, tuning: Tuning) -> None:
    """Adds the whole job to an environment of PyFlink.

    Raises:
        InvalidSettings: the number of groups is no power of two, or smaller than the parallelism.
    """
    from pyflink.common import Types
    from pyflink.datastream import (
        FlatMapFunction,
        KeyedBroadcastProcessFunction,
        KeyedProcessFunction,
        OutputTag,
        ProcessFunction,
    )

    check(plan, tuning)
    part = Types.TUPLE([Types.INT(), Types.LONG(), Types.PICKLED_BYTE_ARRAY()])
    output = Types.TUPLE([Types.STRING(), Types.STRING()])
    descriptors = _Descriptors()

    reader = Reader(str(Path(plan.folder) / "inputs"), plan.groups)
    lines = _manifest(env, plan, places, tuning).rebalance()
    parts = lines.flat_map(_as(FlatMapFunction, _Tuples(reader)), part).name("read").uid("read")
    if tuning.kafka is not None:
        letters = _topic(env, tuning.kafka, tuning.lateness_seconds)
        parts = parts.union(
            letters.flat_map(_as(FlatMapFunction, _Tuples(Letters(plan.groups))), part).uid("read topic")
        )
    priced = _prices(env, places).flat_map(_as(FlatMapFunction, _Tuples(Prices())), part)
    prices = priced.set_parallelism(1).uid("prices")
    for_all = parts.filter(lambda told: told[0] == EVERYBODY).union(prices)
    refused = parts.filter(lambda told: told[0] == REFUSED).map(lambda told: told[2].decode(), Types.STRING())
    made = (
        parts.filter(lambda told: told[0] >= 0)
        .key_by(lambda told: told[0], Types.INT())
        .connect(for_all.broadcast(descriptors.table(EVERYBODY_READS)))
        .process(_as(KeyedBroadcastProcessFunction, Groups(plan, descriptors)), output)
        .name("decide")
        .uid("decide")
    )
    tags = {kind: OutputTag(kind, Types.STRING()) for kind in KINDS}
    routed = made.rebalance().process(_as(ProcessFunction, _Router(tags)), output).name("route").uid("route")
    for kind, tag in tags.items():
        _write(routed.get_side_output(tag), places, kind)
    _write(refused, places, "unreadable")
    if places.closed:
        keeper = Keeper(plan, places.controls, descriptors)
        kept = (
            routed.key_by(lambda told: 0, Types.INT())
            .process(_as(KeyedProcessFunction, keeper), Types.STRING())
            .set_parallelism(1)
            .name("keep prices")
            .uid("keep")
        )
        _write(kept, places, "controls")


def check(plan: Plan, tuning: Tuning) -> None:
    """Refuses what cannot run.

    Raises:
        InvalidSettings: the number of groups is no power of two, or smaller than the parallelism; a jar is not there.
    """
    if tuning.kafka is not None and not Path(tuning.kafka.jar).is_file():
        raise InvalidSettings(
            f"got kafka.jar {tuning.kafka.jar!r}, which is no file, expected Flink's connector for Kafka: download "
            "flink-sql-connector-kafka for your version of Flink from Apache"
        )
    if plan.groups < 1 or plan.groups & (plan.groups - 1):
        raise InvalidSettings(f"got {plan.groups} groups, expected a power of two such as 128")
    if not 1 <= tuning.parallelism <= plan.groups:
        raise InvalidSettings(
            f"got parallelism {tuning.parallelism}, expected 1 to {plan.groups}, the number of groups"
        )


def options(tuning: Tuning, output: str) -> dict[str, str]:
    """Returns Flink's options by name for a job that writes to `output`."""
    found = {
        "python.execution-mode": tuning.mode,
        "parallelism.default": str(tuning.parallelism),
        "pipeline.max-parallelism": "128",
        "pipeline.auto-watermark-interval": "20 ms",
        "state.backend.type": "rocksdb",
        "restart-strategy.type": "fixed-delay",
        "restart-strategy.fixed-delay.attempts": str(tuning.restarts),
        "restart-strategy.fixed-delay.delay": "1 s",
        "execution.checkpointing.dir": Path(output, "checkpoints").absolute().as_uri(),
        "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
        "python.state.cache-size": "100000",
        "python.fn-execution.bundle.time": "50",
    }
    if tuning.checkpoint_seconds > 0:
        found["execution.checkpointing.interval"] = f"{int(tuning.checkpoint_seconds * 1_000)} ms"
    return found | tuning.options


def _manifest(env: Any, plan: Plan, places: Places, tuning: Tuning) -> Any:
    """Lines of the manifest, in order: event time never runs ahead of a file that is yet to come."""
    folder = Path(plan.folder)
    source = _lines(folder / "announced" if places.follow else folder / "inputs" / "manifest.tsv", places.follow)
    return _stamped(env, source, last_ms, tuning.lateness_seconds, "manifest")


def _topic(env: Any, kafka: Kafka, late_seconds: float) -> Any:
    """Letters of a topic, from where the group has read to, else from its beginning."""
    from pyflink.common.serialization import SimpleStringSchema
    from pyflink.datastream.connectors.kafka import KafkaOffsetResetStrategy, KafkaOffsetsInitializer, KafkaSource

    # not the option `pipeline.jars`: Python's side has to find the classes, too, to build the plan
    env.add_jars(Path(kafka.jar).absolute().as_uri())
    starts = KafkaOffsetsInitializer.committed_offsets(KafkaOffsetResetStrategy.EARLIEST)
    source = (
        KafkaSource.builder()
        .set_bootstrap_servers(kafka.servers)
        .set_topics(kafka.topic)
        .set_group_id(kafka.group)
        .set_starting_offsets(starts)
        .set_value_only_deserializer(SimpleStringSchema())
        .build()
    )
    return _stamped(env, source, letter_ms, late_seconds, "topic")


def _prices(env: Any, places: Places) -> Any:
    idle = IDLE_SECONDS if places.closed else 0.0
    return _stamped(env, _lines(Path(places.controls), places.closed), known_until_ms, 0.0, "price files", idle)


def _lines(path: Path, follow: bool) -> Any:
    """A source of lines of text; of a folder that is followed, those of new files, too."""
    from pyflink.common import Duration
    from pyflink.datastream.connectors.file_system import FileSource, StreamFormat

    builder = FileSource.for_record_stream_format(StreamFormat.text_line_format(), path.absolute().as_uri())
    return builder.monitor_continuously(Duration.of_millis(100)).build() if follow else builder.build()


def _stamped(env: Any, source: Any, stamp: Any, late_seconds: float, name: str, idle_seconds: float = 0.0) -> Any:
    from pyflink.common import Duration, WatermarkStrategy
    from pyflink.common.watermark_strategy import TimestampAssigner

    late = Duration.of_millis(int(late_seconds * 1_000))
    strategy = WatermarkStrategy.for_bounded_out_of_orderness(late)
    if idle_seconds:
        strategy = strategy.with_idleness(Duration.of_millis(int(idle_seconds * 1_000)))
    strategy = strategy.with_timestamp_assigner(_as(TimestampAssigner, _Stamp(stamp)))
    # a source passes over an assigner in Python, and several workers would each wait for elements of their own
    workers = env.get_parallelism()
    env.set_parallelism(1)
    lines = env.from_source(source, WatermarkStrategy.no_watermarks(), name)
    stamped = lines.assign_timestamps_and_watermarks(strategy)
    env.set_parallelism(workers)
    return stamped


def _write(lines: Any, places: Places, kind: str) -> None:
    """A sink whose files show with a checkpoint, each line in exactly one of them."""
    from pyflink.common.serialization import Encoder
    from pyflink.datastream.connectors.file_system import BucketAssigner, FileSink, RollingPolicy

    folder = Path(places.output, kind).absolute().as_uri()
    sink = (
        FileSink.for_row_format(folder, Encoder.simple_string_encoder())
        .with_bucket_assigner(BucketAssigner.base_path_bucket_assigner())
        .with_rolling_policy(RollingPolicy.on_checkpoint_rolling_policy())
        .build()
    )
    lines.sink_to(sink).name(kind).uid(f"write {kind}")
