"""Shipped models: what comes with the package is small, and of the features that this version reads."""

from importlib.resources import files

import numpy as np
import pytest

from tactful.errors import InvalidModel
from tactful.features.slot_past import nobody
from tactful.features.volume import SCHEMA
from tactful.models.protocol import RankModel, SlotModel
from tactful.models.shipped import FILES, shipped
from tactful.models.volume_response import VolumeResponse


def test_shipped_models_are_of_this_versions_features() -> None:
    """A ranker or response model of another schema is refused on loading: run recipes/demo_models.py again."""
    assert isinstance(shipped("ranker"), RankModel)
    hours, volume = shipped("hours"), shipped("volume")
    assert isinstance(hours, SlotModel)
    assert np.isfinite(hours.foretell(nobody()).profile).all()
    assert isinstance(volume, VolumeResponse)
    assert volume.schema == SCHEMA


def test_shipped_models_are_under_five_megabytes_together() -> None:
    folder = files("tactful.models.shipped")
    assert sum(len((folder / name).read_bytes()) for name in FILES.values()) < 5_000_000


def test_unknown_shipped_model_is_refused() -> None:
    with pytest.raises(InvalidModel, match="ranker, hours, volume"):
        shipped("weather")
