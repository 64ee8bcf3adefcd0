"""The trained models that come with the package, learned from simulated people: what the demo decides with.

They know the simulator's people and no others. For an app, train its own (`tactful train`); an engine takes none of
these by itself. `recipes/demo_models.py` makes the files.
"""

from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

from tactful.errors import InvalidModel
from tactful.models import served

FILES: Final[Mapping[str, str]] = MappingProxyType(
    {"ranker": "ranker.model", "hours": "hours.model", "volume": "volume.model"}
)
"""What each of them says: what follows a message, when, how many."""


def shipped(name: str) -> Any:
    """Returns a shipped model by what it says; assign it to the protocol that is needed.

    Raises:
        InvalidModel: for a name that `FILES` does not have, or a file that this version does not read.
    """
    if name not in FILES:
        raise InvalidModel(f"got the shipped model {name!r}, expected one of {', '.join(FILES)}")
    return served.load((files(__name__) / FILES[name]).read_bytes())
