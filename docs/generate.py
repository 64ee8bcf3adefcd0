"""Writes `reference/records.md` and `reference/python.md` from the code: signatures and docstrings, nothing else.

Run `python docs/generate.py` after changing one of them; a test fails while a page differs from the code. The source is
read, not imported, so that a page shows an annotation as it is written.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

DOCS = Path(__file__).parent
SOURCE = DOCS.parent / "src" / "tactful"

RECORDS: dict[str, tuple[str, ...]] = {
    "What goes in": (
        *("User", "QuietHours", "Preferences", "Candidate", "Item", "Engagement", "MachineTouch", "Cancel"),
        *("BudgetAssignment", "BudgetPlan", "Suppression", "Control", "Catalogue"),
    ),
    "What comes out": ("Decision", "Reason", "Option", "SlotPlan"),
}

PUBLIC: dict[str, dict[str, tuple[str, ...]]] = {
    "The engine": {
        "runtime/embedded.py": ("Engine",),
        "runtime/models_in_use.py": ("scorer_of",),
        "runtime/intake.py": ("Receipt", "Rejection"),
        "runtime/settings.py": ("load",),
        "runtime/erasing.py": ("ask", "erased_at", "totals", "Totals"),
        "runtime/sharding.py": ("shard_of", "dealt"),
        "clock.py": ("WallClock", "SimulatedClock"),
    },
    "Setting budgets": {
        "events/budget_plan.py": ("budget_plan", "assigned"),
        "features/volume.py": ("volume_features",),
        "runtime/people.py": ("People", "saved_people"),
        "runtime/allocating.py": ("response_model", "fresh_people", "Ask", "allocated", "Allocated"),
        "runtime/allocation_report.py": ("AllocationReport", "Solved", "Expected", "Shift"),
        "stores/protocols.py": ("Mailbox",),
    },
    "Event types": {
        "events/registry.py": ("load_folder", "Registry"),
        "events/type_changes.py": ("TypeChange", "change_between", "changed"),
        "runtime/event_types.py": ("by_now",),
    },
    "Importing logs": {
        "runtime/importing/mapping.py": ("load_mapping",),
        "runtime/importing/log.py": ("read_log", "Log", "Report"),
    },
    "Exporting": {
        "runtime/exporting.py": ("export", "Exported", "Table"),
        "features/ranking_snapshot.py": ("snapshots", "opened", "schema_of"),
        "decision/policy/full_log.py": ("full_log", "FullLog"),
    },
    "Learning what budgets do": {
        "training/volume/log.py": ("VolumeLog",),
        "training/volume/stored.py": ("read_log",),
        "training/volume/fit.py": ("fit", "Fitted"),
        "training/volume/report.py": ("FitReport", "HeadReport", "as_text"),
        "training/volume/keeping.py": ("keep", "report_of"),
        "training/volume/metrics.py": ("Goodness",),
        "training/volume/fill.py": ("Fill", "moved"),
        "training/volume/plan.py": ("plan", "rates_of", "Rates", "Need"),
        "models/volume_response.py": ("VolumeResponse", "Responses", "discounted_value", "kdd18_value"),
    },
    "Predicting responses": {
        "models/sequence.py": ("Shape", "SequenceBatch", "ResponseModel"),
        "models/tin.py": ("TIN",),
        "models/time_bias.py": ("TimeBias",),
        "models/baselines/__init__.py": ("resolve",),
        "models/correlation.py": ("learned_correlation",),
        "training/histories.py": ("Behaviours", "Samples", "gap_edges", "refuse_future"),
        "training/vocabulary.py": ("vocabulary",),
        "training/sequences.py": ("Sequences",),
    },
    "Ranking": {
        "features/ranking.py": ("RankInputs",),
        "models/protocol.py": ("RankModel",),
        "models/ranker.py": ("Ranker", "tensors"),
        "models/served_ranker.py": ("ServedRanker",),
        "models/rank_boosted.py": ("RankBoosted",),
        "models/rank_calibration.py": ("RankCalibration",),
        "training/export_ranker.py": ("export_ranker",),
        "training/ranking/log.py": ("RankLog", "before", "since", "merged"),
        "training/ranking/stored.py": ("read_log",),
        "training/ranking/rows.py": ("RankRows", "rows"),
        "training/ranking/sample.py": ("down_sampled", "sampled", "weights"),
        "training/ranking/fit.py": ("train_ranker", "Trained"),
        "training/ranking/report.py": ("RankReport", "ModelReport"),
        "training/ranking/metrics.py": ("Judge", "Cell"),
        "training/ranking/keeping.py": ("keep", "report_of"),
    },
    "Deciding": {
        "decision/volume/allocate.py": (
            "allocate",
            "Allocation",
            "allocate_at_price",
            "allocate_by_group",
            "GroupedAllocation",
            "channel_cost",
        ),
        "decision/volume/baselines.py": ("kdd18_budgets", "uniform_budgets", "cool_down_budgets", "greedy_budgets"),
        "decision/timing/send_time.py": ("plan", "inclusion", "best_spaced", "capacity"),
        "decision/policy/reputation.py": ("Levels", "Guard", "judge", "shut"),
        "decision/policy/pid.py": ("VolumeController", "lower_if_saturated"),
        "decision/policy/explore.py": ("path_weight",),
    },
    "Foretelling the hours": {
        "features/slots.py": ("day_slots", "active_slot_counts"),
        "features/slot_marks.py": ("thinned",),
        "features/slot_past.py": ("SlotPast", "slot_past"),
        "features/day_types.py": ("day_types",),
        "models/protocol.py": ("SlotModel", "SlotScores"),
        "models/slot_histogram.py": ("GlobalSlots", "SlotHistogram"),
        "models/slot_model.py": ("SlotNet", "SlotBatch", "receipt_weights"),
        "models/served_slots.py": ("ServedSlots",),
        "features/slot_table.py": ("SlotWindow", "slot_table"),
        "models/slot_boosted.py": ("SlotBoosted",),
        "models/slot_head.py": ("SlotHead",),
        "models/slot_simple.py": ("SimpleChances", "HourChances", "past"),
        "models/in_force.py": (
            "put_in_force",
            "keep",
            "take_out_of_force",
            "slot_model_in_force",
            "rank_model_in_force",
            "slot_model",
            "rank_model",
            "Kept",
        ),
        "training/timing/log.py": ("TimingLog",),
        "training/timing/stored.py": ("read_log",),
        "training/timing/days.py": ("split_days", "history", "SplitDays", "LocalDay"),
        "training/timing/fit.py": ("fit_timing", "Fitted"),
        "training/timing/report.py": ("TimingReport", "ModelReport", "Score"),
        "training/timing/keeping.py": ("keep", "report_of"),
    },
    "Replaying and explaining": {
        "runtime/replaying.py": ("verify", "compare"),
        "runtime/replaying_day.py": ("compare_day", "DayComparison", "Change", "Message", "Foretold"),
        "runtime/evidence.py": ("gather",),
        "runtime/explaining.py": ("explain", "Explanation"),
        "runtime/explaining_hours.py": ("hours_of", "Hours", "HourOfDay"),
    },
    "Sending": {
        "delivery/send.py": ("Sender",),
        "delivery/loop.py": ("Loop",),
        "delivery/pacing.py": ("Pace",),
        "delivery/dead_letters.py": ("open_letters", "letter", "retry", "settle", "Letter"),
        "delivery/channels/__init__.py": ("default_channels", "build", "close"),
    },
    "Judging": {
        "experiments/design.py": ("Experiment", "ExperimentArm", "Targeting", "experiment_of"),
        "experiments/layers.py": ("refuse_overlaps", "free", "resized"),
        "experiments/assign.py": ("assigned", "arms_of", "place", "sample_ratio_p"),
        "experiments/holdout.py": ("held_out",),
        "runtime/experiments_in_force.py": ("add", "resize", "end", "listed"),
        "experiments/interval.py": ("Interval",),
        "experiments/stats.py": ("mean_difference", "ratio", "ratio_difference", "wilson", "bootstrap", "fieller"),
        "experiments/sums.py": ("Sums", "sums_of", "merged"),
        "experiments/effects.py": ("Effects", "mean_difference", "ratio_difference", "relative_lift", "cuped"),
        "experiments/sequential.py": ("confidence_sequence", "always_valid", "errors", "p_values"),
        "experiments/guardrails.py": ("beyond_margin", "verdict"),
        "experiments/several.py": ("holm", "benjamini_hochberg"),
        "runtime/experiment_report.py": ("report",),
        "experiments/comparison.py": ("Comparison", "Measured", "Guarded", "Look"),
        "experiments/power.py": ("users_needed", "detectable"),
        "experiments/ope.py": ("Estimate", "ips", "snips", "clipped_ips", "clipping_bias", "dm", "dr", "switch_dr"),
        "experiments/ope_paths.py": ("per_decision", "path_chance", "mixed_path_chance"),
        "experiments/ope_intervals.py": ("delta", "share", "effective_size", "bootstrap", "bernstein"),
        "experiments/ope_support.py": ("Support", "support", "require"),
        "experiments/ope_compare.py": ("Comparison", "compare"),
        "experiments/identify.py": ("Row", "row_for", "row_for_settings"),
        "experiments/gate.py": ("judge", "gate", "Gate", "Judgement"),
        "experiments/canary.py": ("step", "guards", "Canary", "Plan", "Evidence", "Guard"),
        "runtime/promoting.py": ("begin", "advance", "roll_back"),
        "runtime/promotions.py": ("history", "canary_of", "Move"),
        "experiments/dose.py": ("contributions", "curve", "slope", "regression"),
        "experiments/uplift.py": ("contributions", "fractional_rank", "qini", "gain"),
        "experiments/response_scores.py": ("judged", "UserScores", "mean", "intervals", "differences"),
        "experiments/mutual_information.py": ("information", "match_information", "category_information", "pearson"),
    },
    "Simulating": {"simulator/world.py": ("make",), "simulator/closed_loop.py": ("run",)},
    "Draws": {"draws.py": ("key", "uniform")},
}
"""What others may rely on: file -> names. Everything else may change without notice."""

CALLED_BACK = {"planned", "ranked", "evicted", "conflicted", "priced"}
"""Methods by which an engine listens to its population; nobody else calls them."""

RECORDS_INTRO = """\
# Records

Everything that moves between rooms and rests in stores is one of these frozen structs of `tactful.events.records`. Each
stored one also has `schema_version` (now 1). A time is an aware datetime; a naive one is refused. An `Identifier` is a
text of 1 to 255 characters. Unknown fields are refused.

This page is made from the code by `python docs/generate.py`; a test fails when they differ.
"""

PYTHON_INTRO = """\
# Python

What a program may rely on, by task. Shapes are part of an annotation: `Float[np.ndarray, "n K"]` is an array of floats
with n rows and K columns. Every error is a `TactfulError`; its message says what was got, what was expected and what to
do. Event-type files are described in [event types](event-types.md), settings in [settings](settings.md), the records in
[records](records.md).

This page is made from the code by `python docs/generate.py`; a test fails when they differ.
"""

_SECTION = re.compile(r"^(Args|Attributes|Returns|Raises|Source|Deviations?):(.*)$")
_ENTRY = re.compile(r"^ {4}(\w[\w`, ]*): (.*)$")


class Page(NamedTuple):
    """A page and what it must hold."""

    path: Path
    text: str


def pages() -> list[Page]:
    """Returns the generated pages."""
    return [
        Page(DOCS / "reference" / "records.md", records_page()),
        Page(DOCS / "reference" / "python.md", python_page()),
    ]


def records_page() -> str:
    """Returns the page of the records: docstring and fields of each."""
    module = parsed("events/records.py")
    classes = {node.name: node for node in module.body if isinstance(node, ast.ClassDef)}
    parts = [RECORDS_INTRO, choices(module)]
    for title, names in RECORDS.items():
        parts.append(f"## {title}\n")
        parts += [f"### {name}\n\n{prose(classes[name])}\n\n{fields(classes[name])}\n" for name in names]
    return "\n".join(parts)


def choices(module: ast.Module) -> str:
    """Returns the words that kinds, channels and actions may be."""
    rows = []
    for node in module.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Subscript):
            words = ", ".join(f"`{word}`" for word in ast.literal_eval(node.value.slice))
            rows.append(f"- **{ast.unparse(node.target)}**: {words}")
    return "\n".join(rows) + "\n"


def fields(record: ast.ClassDef) -> str:
    """Returns the table of a record's fields."""
    rows = ["| field | type | default |", "| --- | --- | --- |"]
    for node in record.body:
        if isinstance(node, ast.AnnAssign):
            default = f"`{ast.unparse(node.value)}`".replace("'", '"') if node.value else "required"
            rows.append(f"| `{ast.unparse(node.target)}` | {kind(node.annotation)} | {default} |")
    return "\n".join(rows)


def kind(annotation: ast.expr) -> str:
    """Returns a field's type; bounds are written out."""
    match annotation:
        case ast.Subscript(value=ast.Name(id="Annotated"), slice=ast.Tuple(elts=[inner, ast.Call(keywords=bounds)])):
            signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
            limits = [f"{signs[str(bound.arg)]} {ast.unparse(bound.value)}" for bound in bounds]
            return f"`{ast.unparse(inner)}`, {', '.join(limits)}"
    return f"`{ast.unparse(annotation)}`".replace("|", "\\|").replace("'", '"')


def python_page() -> str:
    """Returns the page of the public functions and classes."""
    parts = [PYTHON_INTRO]
    for title, files in PUBLIC.items():
        parts.append(f"## {title}\n")
        for file, names in files.items():
            found = {node.name: node for node in parsed(file).body if isinstance(node, ast.ClassDef | ast.FunctionDef)}
            for name in names:
                parts += entry(found[name], module_name(file))
    return "\n".join(parts)


def entry(node: ast.ClassDef | ast.FunctionDef, module: str) -> Iterator[str]:
    """Yields the lines of one function, or of one class with its public methods."""
    yield f"### {node.name}\n"
    yield f"In `{module}`.\n"
    if isinstance(node, ast.FunctionDef):
        yield from described(node)
        return
    init = [each for each in methods(node) if each.name == "__init__"]
    shown = [each for each in methods(node) if not each.name.startswith("_") and each.name not in CALLED_BACK]
    if init:
        yield f"```python\n{signature(init[0], node.name)}\n```\n"
    yield prose(node) + "\n"
    table = fields(node)
    if table.count("\n") > 1:
        yield table + "\n"
    if init and ast.get_docstring(init[0]):
        yield prose(init[0]) + "\n"
    for method in shown:
        yield f"#### {node.name}.{method.name}\n"
        yield from described(method, node.name)


def described(node: ast.FunctionDef, owner: str = "") -> Iterator[str]:
    """Yields signature and docstring."""
    decorators = {ast.unparse(each) for each in node.decorator_list}
    if "property" in decorators and node.returns:
        shown = f"{node.name}: {ast.unparse(node.returns)}".replace("'", '"')
    else:
        shown = signature(node, f"{owner}.{node.name}" if "classmethod" in decorators else node.name)
    yield f"```python\n{shown}\n```\n"
    yield prose(node) + "\n"


def methods(node: ast.ClassDef) -> list[ast.FunctionDef]:
    """Returns the methods of a class."""
    return [each for each in node.body if isinstance(each, ast.FunctionDef)]


def signature(node: ast.FunctionDef, name: str) -> str:
    """Returns `name(arguments) -> result`, one argument a line if it is long."""
    arguments = [each for each in _arguments(node) if each not in ("self", "cls")]
    result = f" -> {ast.unparse(node.returns)}" if node.returns and node.name != "__init__" else ""
    line = f"{name}({', '.join(arguments)}){result}"
    if len(line) > 100:
        line = f"{name}(\n    " + ",\n    ".join(arguments) + f",\n){result}"
    return line.replace("'", '"')


def _arguments(node: ast.FunctionDef) -> Iterator[str]:
    given = node.args
    free = len(given.args) - len(given.defaults)
    for i, each in enumerate(given.args):
        yield _argument(each, given.defaults[i - free] if i >= free else None)
    if given.kwonlyargs:
        yield "*"
    for each, default in zip(given.kwonlyargs, given.kw_defaults, strict=True):
        yield _argument(each, default)


def _argument(argument: ast.arg, default: ast.expr | None) -> str:
    text = ast.unparse(argument)
    return text if default is None else f"{text} = {ast.unparse(default)}"


def prose(node: ast.ClassDef | ast.FunctionDef) -> str:
    """Returns a docstring as Markdown: sections become lists, examples become code."""
    text = ast.get_docstring(node)
    if text is None:
        raise SystemExit(f"{node.name} has no docstring")
    return "\n\n".join(_block(part) for paragraph in re.split(r"\n\s*\n", text) for part in _sections(paragraph))


def _sections(paragraph: str) -> list[str]:
    """Splits a paragraph before each line that opens a section."""
    parts: list[list[str]] = [[]]
    for line in paragraph.splitlines():
        if _SECTION.match(line) and parts[-1]:
            parts.append([])
        parts[-1].append(line)
    return ["\n".join(lines) for lines in parts]


def _block(part: str) -> str:
    lines = part.splitlines()
    if lines[0].lstrip().startswith(">>>"):
        return "```python\n" + dedent(part) + "\n```"
    if all(line.startswith("    ") for line in lines):  # a formula
        return "```text\n" + dedent(part) + "\n```"
    head = _SECTION.match(lines[0])
    if head is None:
        return "\n".join(line.strip() for line in lines)
    if head[2]:
        return f"**{head[1]}:**" + head[2] + "".join(f"\n{line.strip()}" for line in lines[1:])
    return f"**{head[1]}**\n\n" + "\n".join(_items(lines[1:]))


def _items(lines: list[str]) -> Iterator[str]:
    for line in lines:
        found = _ENTRY.match(line)
        yield f"- `{found[1]}`: {found[2]}" if found else f"  {line.strip()}"


def parsed(file: str) -> ast.Module:
    """Returns the syntax tree of a file of the package."""
    return ast.parse((SOURCE / file).read_text(encoding="utf-8"))


def module_name(file: str) -> str:
    """Returns the dotted name of a file of the package."""
    return ("tactful." + file.removesuffix(".py").replace("/", ".")).removesuffix(".__init__")


if __name__ == "__main__":
    for page in pages():
        page.path.write_text(page.text, encoding="utf-8")
        print(page.path)
