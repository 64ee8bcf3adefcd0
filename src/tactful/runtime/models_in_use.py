"""The models that an engine decides with: those in force in its store, taken when it opens and whenever they change.

A model that cannot be used (changed bytes, another schema, another kind, NaN on the first try) is refused: the last
good one goes on deciding, the refusal is logged, counted and kept among the store's rejects. It is not tried again
until another one is put in force.
"""

import logging
from collections.abc import Iterable
from dataclasses import replace
from typing import Final, TypeVar

from tactful.errors import InvalidSettings, TactfulError
from tactful.experiments.design import Experiment
from tactful.models import in_force
from tactful.models.click_rate import ClickRate
from tactful.models.in_force import Kept, Kind
from tactful.models.protocol import GraphModel, Model, RankModel
from tactful.models.slot_histogram import SlotHistogram
from tactful.models.unsubscribe_rate import UnsubscribeRate
from tactful.runtime import noted_models
from tactful.runtime.noted_models import Spoke
from tactful.runtime.scoring import LiveScorer, Scorer
from tactful.stores.protocols import Store
from tactful.telemetry import Telemetry

_LOG = logging.getLogger(__name__)

CPU: Final = "CPUExecutionProvider"
M = TypeVar("M", bound=Model)


def simple_scorer() -> LiveScorer:
    """Returns the predictors that need no training: stated priors, which a `train` run replaces."""
    return LiveScorer(SlotHistogram(), ClickRate(), UnsubscribeRate())


def scorer_of(store: Store) -> LiveScorer:
    """Returns the predictors of an engine over this store: the models in force there, the simple ones for the rest.

    Raises:
        StoreError: a model in force is not there.
        InvalidModel: one cannot be loaded, or reads what an engine does not keep.
        InvalidScores: one says what nobody can use.
    """
    scorer = simple_scorer()
    for kind in in_force.KINDS:
        kept = in_force.in_force(store, kind)
        if kept is not None:
            scorer = _with(scorer, store, kind, kept)
    return scorer


def own_rankers(store: Store, scorer: Scorer, experiments: Iterable[Experiment]) -> dict[str, Scorer]:
    """Returns the scorers of arms that have a ranker of their own, by its version, beside loaded models.

    Raises:
        StoreError: a ranker is not there.
        InvalidModel: one cannot be loaded, or reads what an engine does not keep.
    """
    if not isinstance(scorer, LiveScorer):
        return {}
    return {
        version: replace(scorer, rank_model=in_force.rank_model_of(store, version))
        for version in sorted(_named(experiments))
    }


def _named(experiments: Iterable[Experiment]) -> set[str]:
    return {arm.models["ranker"] for one in experiments for arm in one.arms if "ranker" in arm.models}


def _with(scorer: LiveScorer, store: Store, kind: Kind, kept: Kept | None, provider: str = CPU) -> LiveScorer:
    """The scorer with one of its models replaced; by the simple one, if none is in force."""
    if kept is None:
        return replace(scorer, slot_model=SlotHistogram()) if kind == "slot" else replace(scorer, rank_model=None)
    if kind == "slot":
        return replace(scorer, slot_model=_on(in_force.slot_model(store, kept), provider))
    return replace(scorer, rank_model=_on(in_force.rank_model(store, kept), provider))


def _on(model: M, provider: str) -> M:
    """The model where it shall run, if it is a graph: trees and tables run on the processor."""
    if provider == CPU or not isinstance(model, GraphModel):
        return model
    moved: M = model.on(provider)
    return moved


class ModelsInUse:
    """Follows the models in force in a store.

    Attributes:
        scorer: what decides now.
    """

    def __init__(self, store: Store, telemetry: Telemetry, provider: str = CPU) -> None:
        """Takes the models in force; instead of one that is refused, the one that spoke here last.

        Args:
            provider: of ONNX Runtime, for models that are graphs.

        Raises:
            TactfulError: one is refused, and nobody has spoken here before, or that one is refused, too.
            InvalidSettings: the provider is not there.
        """
        self._store, self._telemetry, self._provider = store, telemetry, provider
        self._looked = self._look()
        self._of_arms: dict[str, RankModel | None] = {}
        self.scorer = simple_scorer()
        spoke = noted_models.history(store)
        for kind, kept in self._looked.items():
            if kept is None:
                continue
            try:
                self.scorer = _with(self.scorer, store, kind, kept, provider)
            except InvalidSettings:
                raise
            except TactfulError as error:
                if not spoke:
                    raise
                self._refused(kept, error)
                self._back_to(kind, spoke[-1])

    def changed(self) -> bool:
        """Looks at the store, and returns whether `scorer` is another one since."""
        looked, before = self._look(), self.scorer
        if looked == self._looked:
            return False
        for kind, kept in looked.items():
            if kept != self._looked[kind]:
                self._take(kind, kept)
        self._looked = looked
        return self.scorer is not before

    def rankers_of(self, experiments: Iterable[Experiment]) -> dict[str, Scorer]:
        """Returns the scorers of arms that have a ranker of their own, by its version; one that is refused is missing.

        Its arm is then decided with the ranker in force, like the others.
        """
        named = _named(experiments)
        for version in sorted(named - self._of_arms.keys()):
            self._of_arms[version] = self._own_ranker(version)
        return {
            version: replace(self.scorer, rank_model=model)
            for version in named
            if (model := self._of_arms[version]) is not None
        }

    def _own_ranker(self, version: str) -> RankModel | None:
        try:
            model = _on(in_force.rank_model_of(self._store, version), self._provider)
            replace(self.scorer, rank_model=model)  # is tried on a person of whom nothing is known
        except TactfulError as error:
            self._refused(Kept("ranker", version), error)
            return None
        return model

    def _look(self) -> dict[Kind, Kept | None]:
        return {kind: in_force.in_force(self._store, kind) for kind in in_force.KINDS}

    def _take(self, kind: Kind, kept: Kept | None) -> None:
        try:
            self.scorer = _with(self.scorer, self._store, kind, kept, self._provider)
        except TactfulError as error:
            if kept is not None:
                self._refused(kept, error)
            return
        self._telemetry.count("engine.models.taken")
        _LOG.info("%s decides from now on", " ".join(kept) if kept else f"the simple {kind} predictor")

    def _back_to(self, kind: Kind, spoke: Spoke) -> None:
        """Takes the model that spoke last; the simple predictors are there already."""
        last = spoke.slot if kind == "slot" else spoke.rank
        if last is not None and last.version != self.scorer.slot_model.version:
            self.scorer = _with(self.scorer, self._store, kind, Kept(last.name, last.version), self._provider)

    def _refused(self, kept: Kept, error: TactfulError) -> None:
        self._telemetry.count("engine.models.refused")
        _LOG.warning("%s %s was put in force and is refused; the last good model decides: %s", *kept, error)
        self._store.reject(self._store.last()[1], "model", str(error), " ".join(kept).encode())
