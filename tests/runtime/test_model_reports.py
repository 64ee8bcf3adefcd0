"""What trainings keep of their models is what whoever runs these reads: same names, same fields."""

from types import ModuleType

import msgspec
import pytest

from tactful.experiments.interval import Interval
from tactful.runtime.model_reports import REPORT_OF, Head, Role, report_of
from tactful.stores.memory import MemoryStore
from tactful.training.ranking import keeping as of_rankers
from tactful.training.ranking import report as ranking
from tactful.training.ranking.metrics import Cell
from tactful.training.timing import keeping as of_slots
from tactful.training.timing import report as timing
from tactful.training.volume import keeping as of_volume
from tactful.training.volume import report as volume
from tactful.training.volume.fill import Fill
from tactful.training.volume.metrics import Goodness

ABOUT = Interval(0.5, 0.4, 0.6)
CELL = Cell("click", "email", 100, 7, 0.71, 0.2, 0.25, 40, 1.1, 0.01)
RANK = ranking.RankReport(
    chosen="boosted", model_version="v", messages=300, learned=200, learned_drawn=150, tuned=50, tuned_random=5,
    judged=100, judged_random=40, judged_people=30, tune_day=1, judged_day=2, end_day=3, rates={},
    models=(
        ranking.ModelReport("simple", "", ABOUT, None, ()),
        ranking.ModelReport("boosted", "v", ABOUT, ABOUT, (CELL,)),
    ),
    notes=("mind",),
)  # fmt: skip
SLOT = timing.TimingReport(
    chosen="boosted", model_version="v", people=9, people_left_out=0, log_days=28, work_days=15, rest_days=6,
    judged_days=(1, 2), judged_rest_days=0, judged_share=1.0, history_days=28, user_days=90, judged_user_days=20,
    sessions=50, active_slots=50, messages=40, clicks=4, notes=(),
    models=(timing.ModelReport("boosted", "v", "click", 5, (timing.Score("AUC", ABOUT, None),), None),),
)  # fmt: skip
GOOD = Goodness(10, 70, 20, 0.6, 0.5, 0.6, 0.9, 0.02)
VOLUME = volume.FitReport(
    model_version="v", assignments=10, users=10, user_weeks=70, budgets=(0, 3), randomisation=ABOUT,
    heads=(
        volume.HeadReport("activity", "both", "own", 3, 10, 70, 20, GOOD),
        volume.HeadReport("long_term", "both", "shrunk", 0, 1, 7, 0, None),
    ),
    fill=Fill((0, 3), ((0.0, 1.0),) * 3, ((0.0, 1.0),) * 3), notes=(),
)  # fmt: skip
JUDGED: dict[Role, Head] = {
    "rank": Head("click", "email", 100, 7, 0.71, 1.1, 0.01),
    "volume": Head("activity", "both", 70, 20, 0.6, 0.9, 0.02),
}


@pytest.mark.parametrize(
    ("role", "report", "keeping"),
    [("rank", RANK, of_rankers), ("slot", SLOT, of_slots), ("volume", VOLUME, of_volume)],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_report_is_read_where_its_training_put_it(role: Role, report: msgspec.Struct, keeping: ModuleType) -> None:
    store = MemoryStore()
    store.put_model(REPORT_OF[role] + "v", "1", msgspec.msgpack.encode(report))
    assert keeping.report_of(store, "v") == report
    found = report_of(store, role, "v")
    assert found is not None
    assert found.heads == ((JUDGED[role],) if role in JUDGED else ())
    assert [one.value for one in found.measures] == [ABOUT]
    assert report_of(store, role, "w") is None
