"""The worlds of the benchmark by name. To enter one of yours, name it `module:make`; it fits `protocol.World`. One that
was fitted to a log is named by its file of constants.

Arms are scored after weeks of neutral exploration, and every arm begins where those end.
"""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Final

from tactful.draws import key
from tactful.errors import InvalidExperiment
from tactful.events.declaration import nearest
from tactful.simulator import closed_loop
from tactful.simulator.bench.scratch import kept
from tactful.simulator.bench.teach import Sizes
from tactful.simulator.closed_loop import Explored
from tactful.simulator.constants import (
    FLAT_HOURS,
    MOVES_VISITS,
    PAYS_LATER,
    STEEP_FATIGUE,
    WEAK_FATIGUE,
    Constants,
    draw_constants,
)
from tactful.simulator.fit.constants_file import read_constants
from tactful.simulator.protocol import World
from tactful.simulator.world import make

VARIANTS: Final[dict[str, Constants]] = {
    "default": Constants(),
    "steep_fatigue": STEEP_FATIGUE,
    "weak_fatigue": WEAK_FATIGUE,
    "flat_hours": FLAT_HOURS,
    "moves_visits": MOVES_VISITS,
    "pays_later": PAYS_LATER,
}
"""Name -> constants of the default world. The last two contradict what we assume: there an arm must do no harm."""

CONTRADICTING: Final = ("moves_visits", "pays_later")
PRIOR: Final = "prior-"
"""`prior-7` is the seventh draw of all constants from the prior (`constants.draw_constants`)."""
DRAWS: Final = 30
_FILE: Final = ".toml"
_HOLDS: Final = "@"


def draws() -> list[str]:
    """Returns the names of the drawn worlds whose wins are counted.

    >>> draws()[0], len(draws())
    ('prior-1', 30)
    """
    return [f"{PRIOR}{i}" for i in range(1, DRAWS + 1)]


def named(text: str) -> str:
    """Returns the name under which a world's cells are kept; that of a file says which constants were in it.

    Raises:
        InvalidConstants: the file is mistaken.
    """
    if not text.endswith(_FILE):
        return text
    return f"{text}{_HOLDS}{_print(read_constants(Path(text)))}"


def is_own(name: str) -> bool:
    """Returns whether a world is the user's: a module's or a file's.

    >>> is_own("world.toml@0f0e"), is_own("fatigue_days*2")
    (True, False)
    """
    return ":" in name or _FILE in name


def maker(name: str) -> Callable[[int, int], World]:
    """Returns what makes a world of a seed and a number of people.

    Raises:
        InvalidExperiment: for a name that nobody knows, or a module that has no such function.
    """
    if ":" in name and _FILE not in name:
        return _own(name)
    constants = constants_of(name)
    return lambda seed, n_users: make(seed, n_users, constants)


def constants_of(name: str) -> Constants:
    """Returns the constants of a default world's variant or draw.

    Raises:
        InvalidExperiment: for another name.
    """
    if name in VARIANTS:
        return VARIANTS[name]
    if _FILE in name:
        return _of_file(name)
    scaled = name.rpartition("*")
    if scaled[0] in Constants._fields and _is_number(scaled[2]):
        usual = Constants()._asdict()
        return Constants(**(usual | {scaled[0]: usual[scaled[0]] * float(scaled[2])}))
    if name.startswith(PRIOR) and name[len(PRIOR) :].isdigit():
        return draw_constants(int(name[len(PRIOR) :]))
    raise InvalidExperiment(
        f"got the world {name!r}, expected {nearest(name, VARIANTS)}, a draw such as {PRIOR}1, a constant scaled such "
        "as fatigue_days*2, a file of constants such as world.toml, or module:make of your own"
    )


def explored(name: str, seed: int, sizes: Sizes, scratch: Path) -> Explored:
    """Returns a world after its neutral exploration; what everybody's reach is worth is worked out once for all."""
    file = (
        scratch / "worlds" / f"{name.replace(':', '.').replace('/', '-')}-{seed}-{sizes.users}-{sizes.warm_up}.pickle"
    )

    def make_it() -> Explored:
        found = closed_loop.explore(maker(name)(seed, sizes.users), sizes.warm_up, seed)
        found.world.truth()
        return found

    return kept(file, make_it)


def _of_file(name: str) -> Constants:
    """The constants of a file, or an error where others were in it when it was named."""
    path, _, held = name.partition(_HOLDS)
    constants = read_constants(Path(path))
    if held and held != _print(constants):
        raise InvalidExperiment(f"got other constants in {path} than when it was named {name}; name the file again")
    return constants


def _print(constants: Constants) -> str:
    return f"{key(repr(tuple(constants))):016x}"[:8]


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()


def _own(name: str) -> Callable[[int, int], World]:
    module, _, function = name.partition(":")
    try:
        own: Callable[[int, int], World] = getattr(import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise InvalidExperiment(
            f"got the world {name!r}: {error}; expected module:make, a function of a seed and a number of people that "
            "returns a simulator.protocol.World, from a module that can be imported"
        ) from error
    return own
