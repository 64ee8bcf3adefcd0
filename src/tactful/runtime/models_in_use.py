"""The models that an engine decides with: those in force in its store, taken when it opens and whenever they change.

A model that cannot be used (changed bytes, another schema, another kind, NaN on the first try) is refused: the last
good one goes on deciding, the refusal is logged, counted and kept among the store's rejects. It is not tried again
until another one is put in force.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeAlias

from tactful.errors import TactfulError
from tactful.models import in_force
from tactful.models.click_rate import ClickRate
from tactful.models.in_force import Kept, Kind
from tactful.models.slot_histogram import SlotHistogram
from tactful.models.unsubscribe_rate import UnsubscribeRate
from tactful.runtime import noted_models
from tactful.runtime.noted_models import Spoke
from tactful.runtime.scoring import LiveScorer
from tactful.stores.protocols import Store
from tactful.telemetry import Telemetry

_LOG = logging.getLogger(__name__)

_With: TypeAlias = Callable[[LiveScorer, Store, Kept], LiveScorer]
_WITH: Final[dict[Kind, _With]] = {
    "slot": lambda scorer, store, kept: replace(scorer, slot_model=in_force.slot_model(store, kept)),
    "rank": lambda scorer, store, kept: replace(scorer, rank_model=in_force.rank_model(store, kept)),
}


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
            scorer = _WITH[kind](scorer, store, kept)
    return scorer


class ModelsInUse:
    """Follows the models in force in a store.

    Attributes:
        scorer: what decides now.
    """

    def __init__(self, store: Store, telemetry: Telemetry) -> None:
        """Takes the models in force; instead of one that is refused, the one that spoke here last.

        Raises:
            TactfulError: one is refused, and nobody has spoken here before, or that one is refused, too.
        """
        self._store, self._telemetry = store, telemetry
        self._looked = self._look()
        self.scorer = simple_scorer()
        spoke = noted_models.history(store)
        for kind, kept in self._looked.items():
            if kept is None:
                continue
            try:
                self.scorer = _WITH[kind](self.scorer, store, kept)
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
            if kept is not None and kept != self._looked[kind]:
                self._take(kind, kept)
        self._looked = looked
        return self.scorer is not before

    def _look(self) -> dict[Kind, Kept | None]:
        return {kind: in_force.in_force(self._store, kind) for kind in in_force.KINDS}

    def _take(self, kind: Kind, kept: Kept) -> None:
        try:
            self.scorer = _WITH[kind](self.scorer, self._store, kept)
        except TactfulError as error:
            self._refused(kept, error)
            return
        self._telemetry.count("engine.models.taken")
        _LOG.info("%s %s decides from now on", kept.name, kept.version)

    def _back_to(self, kind: Kind, spoke: Spoke) -> None:
        """Takes the model that spoke last; the simple predictors are there already."""
        last = spoke.slot if kind == "slot" else spoke.rank
        if last is not None and last.version != self.scorer.slot_model.version:
            self.scorer = _WITH[kind](self.scorer, self._store, Kept(last.name, last.version))

    def _refused(self, kept: Kept, error: TactfulError) -> None:
        self._telemetry.count("engine.models.refused")
        _LOG.warning("%s %s was put in force and is refused; the last good model decides: %s", *kept, error)
        self._store.reject(self._store.last()[1], "model", str(error), " ".join(kept).encode())
