"""The list of verbs, and what all of them share: how an error is told."""

from collections.abc import Callable
from typing import Any, Final

import typer
from typer.core import TyperGroup

from tactful.cli.allocate import allocate
from tactful.cli.backup import backup, restore
from tactful.cli.bench import ScriptsByDefault, bench
from tactful.cli.bench_decisions import bench_decisions
from tactful.cli.demo import demo
from tactful.cli.doctor import doctor
from tactful.cli.evaluate import evaluate
from tactful.cli.experiment import experiment_end, experiment_list, experiment_report, experiment_resize
from tactful.cli.experiment_new import experiment_new
from tactful.cli.explain import explain
from tactful.cli.export import export
from tactful.cli.flink import flink_export, flink_import, flink_run, flink_submit
from tactful.cli.import_ import import_
from tactful.cli.key import key_list, key_new, key_revoke
from tactful.cli.outbox import outbox_list, outbox_retry, outbox_settle, outbox_show
from tactful.cli.promote import promote, rollback
from tactful.cli.replay import replay
from tactful.cli.serve import serve
from tactful.cli.shadow import shadow
from tactful.cli.simulate import simulate
from tactful.cli.stop import go, stop
from tactful.cli.train import train_volume
from tactful.cli.train_ranker import train_ranker
from tactful.cli.train_rows import train_rows
from tactful.cli.train_timing import train_timing
from tactful.cli.tune import tune
from tactful.errors import TactfulError

VERBS: Final[dict[str, Callable[..., None]]] = {
    "demo": demo,
    "import": import_,
    "replay": replay,
    "explain": explain,
    "train volume": train_volume,
    "train timing": train_timing,
    "train ranker": train_ranker,
    "train rows": train_rows,
    "allocate": allocate,
    "tune": tune,
    "evaluate": evaluate,
    "experiment new": experiment_new,
    "experiment list": experiment_list,
    "experiment report": experiment_report,
    "experiment resize": experiment_resize,
    "experiment end": experiment_end,
    "promote": promote,
    "rollback": rollback,
    "simulate": simulate,
    "serve": serve,
    "shadow": shadow,
    "key new": key_new,
    "key list": key_list,
    "key revoke": key_revoke,
    "stop": stop,
    "go": go,
    "doctor": doctor,
    "backup": backup,
    "restore": restore,
    "export": export,
    "flink export": flink_export,
    "flink run": flink_run,
    "flink submit": flink_submit,
    "flink import": flink_import,
    "outbox list": outbox_list,
    "outbox show": outbox_show,
    "outbox retry": outbox_retry,
    "outbox settle": outbox_settle,
    "bench scripts": bench,
    "bench decisions": bench_decisions,
}
"""Name -> function; of two words, the first is a group. Order is that of a first encounter, and of the help page."""

GROUPS: Final = {
    "train": typer.Typer(help="Learn from a store, and keep what was learned there.", no_args_is_help=True),
    "experiment": typer.Typer(help="Compare ways of deciding on users dealt to arms.", no_args_is_help=True),
    "key": typer.Typer(help="Say who may use the HTTP service.", no_args_is_help=True),
    "flink": typer.Typer(help="Decide on Apache Flink, when one machine is too small.", no_args_is_help=True),
    "outbox": typer.Typer(help="See what was not delivered, and send it again or settle it.", no_args_is_help=True),
    "bench": typer.Typer(help="Measure: scripts by name, or ways of deciding.", cls=ScriptsByDefault),
}
"""The first words of verbs of two."""


class _Verbs(TyperGroup):
    """Tells an error of ours in one paragraph on stderr, without a traceback, and exits with 1."""

    def invoke(self, ctx: Any) -> Any:
        """Runs the verb."""
        try:
            return super().invoke(ctx)
        except TactfulError as error:
            typer.echo(f"tactful: {error}", err=True)
            raise typer.Exit(1) from error


app = typer.Typer(
    name="tactful",
    help="Decides, for every user of an app, what to notify about, when, how often, and when to stay silent.",
    cls=_Verbs,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
for _name, _verb in VERBS.items():
    _group, _, _last = _name.rpartition(" ")
    (GROUPS[_group] if _group else app).command(_last)(_verb)
for _name, _sub in GROUPS.items():
    app.add_typer(_sub, name=_name)


def main() -> None:
    """Runs the command line: the console script `tactful`."""
    app()
