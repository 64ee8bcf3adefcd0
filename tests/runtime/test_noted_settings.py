"""A store says with which settings it was run."""

import pytest

from tactful.errors import InvalidSettings
from tactful.runtime.embedded import Engine
from tactful.runtime.settings import Settings, Volume, noted
from tactful.stores.memory import MemoryStore


def test_a_store_holds_the_settings_of_the_engine_that_opened_it_last() -> None:
    store = MemoryStore()
    assert noted(store) == Settings()
    for settings in (Settings(seed=7), Settings(volume=Volume(per_user_per_week=1.5))):
        Engine(store, settings)
        assert noted(store) == settings


def test_settings_of_another_version_are_an_error_that_says_what_to_do() -> None:
    store = MemoryStore()
    store.save_meta("settings", b'{"sead": 1}')
    with pytest.raises(InvalidSettings, match=r"sead.*--settings"):
        noted(store)
