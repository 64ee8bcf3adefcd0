"""The reference pages of the command line and of the settings say what the code says. Run this file to write them."""

import inspect
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

import msgspec
import pytest
import typer

from tactful.cli.app import VERBS
from tactful.delivery.settings import Channels, Console
from tactful.runtime.settings import Settings

DOCS = Path(__file__).parents[2] / "docs" / "reference"
CLI, SETTINGS = DOCS / "cli.md", DOCS / "settings.md"

CLI_INTRO = """\
# Command line

`tactful VERB --help` shows what stands here. `--json` prints the result as JSON on stdout and nothing else; progress
and errors go to stderr. Exit codes: 0 done; 1 refused or different, with one paragraph that says what was got, what was
expected and what to do; 2 the command line itself is wrong.

This page is made from the code by `python tests/cli/test_reference_pages.py`; a test fails when they differ.
"""

SETTINGS_INTRO = """\
# Settings

One TOML file for all verbs, given as `--settings FILE`. What is left out has the default below; an unknown key or a
value out of range is an error that names it. A store notes the settings of its last run, and the verbs that read it use
those unless a file is given. Secrets never stand here. A key of a table is written under its head, `[volume]`.

This page is made from the code by `python tests/cli/test_reference_pages.py`; a test fails when they differ.
"""

_SECTION = re.compile(r"^(Attributes|Args|Raises|Returns):$")
_ENTRY = re.compile(r"^    (\w+(?:, \w+)*): (.*)$")


def table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, tuple("---" for _ in head), *rows))


# --- command line ---------------------------------------------------------------------------------------------


def cli_page() -> str:
    return "\n".join([CLI_INTRO, *(verb(name, function) for name, function in VERBS.items())])


def verb(name: str, function: Callable[..., None]) -> str:
    params = [Parameter.of(each) for each in inspect.signature(function).parameters.values()]
    needed = [each.spelled for each in params if each.default == "required" or each.is_argument]
    rows = ((f"`{each.spelled}`", each.default, each.meaning) for each in params)
    said = inspect.cleandoc(function.__doc__ or "")
    return f"## `tactful {' '.join([name, *needed])}`\n\n{said}\n\n{table(('argument', 'default', 'meaning'), rows)}\n"


class Parameter(NamedTuple):
    """One parameter of a verb, as its signature declares it."""

    spelled: str
    is_argument: bool
    default: str
    meaning: str

    @classmethod
    def of(cls, found: inspect.Parameter) -> "Parameter":
        kind, info = get_args(found.annotation)[:2]
        is_argument = isinstance(info, typer.models.ArgumentInfo)
        if is_argument:
            spelled = info.metavar or found.name.upper()
        else:  # within Annotated, typer keeps an option's name where the default would stand
            name = info.default if isinstance(info.default, str) else f"--{found.name}"
            spelled = name if kind is bool else f"{name} {info.metavar or words(kind)}"
        return cls(spelled, is_argument, default(found.default), cell(info.help or ""))


def default(value: Any) -> str:
    if value is inspect.Parameter.empty:
        return "required"
    return "" if value is None or value is False else f"`{value}`"


def words(kind: Any) -> str:
    """What stands for a value of this type."""
    plain = next((each for each in get_args(kind) if each is not type(None)), kind)
    return {Path: "FILE", str: "TEXT", int: "INTEGER", float: "NUMBER"}.get(plain, "VALUE")


# --- settings -------------------------------------------------------------------------------------------------


def settings_page() -> str:
    parts = [section("", Settings)]
    parts += [section(name, kind) for name, kind in tables_of(Settings)]
    parts += [section(f'through = "{each.__struct_config__.tag}"', each) for each in providers()]
    return "\n".join([SETTINGS_INTRO, *parts])


def tables_of(struct: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    """The names and structs of all tables in a struct, each before those inside it."""
    for name, kind in kinds(struct).items():
        if is_struct(kind):
            yield above + name, kind
            yield from tables_of(kind, f"{above}{name}.")


def section(name: str, struct: Any) -> str:
    head, meanings = docstring(struct)
    types = kinds(struct)
    rows = (
        (f"`{each.name}`", holds(types[each.name]), shown(each), meanings.get(each.name, ""))
        for each in msgspec.structs.fields(struct)
        if not is_struct(types[each.name])
    )
    named = f"## `{name}`" if name.startswith("through") else f"## `[{name}]`"
    title = named if name else "## At the top of the file"
    keys = table(("key", "holds", "default", "meaning"), rows) + "\n" if types else "It has no keys.\n"
    return f"{title}\n\n{head}\n\n{keys}"


def providers() -> list[Any]:
    """What may stand behind `through`: the tagged structs of the channels, each once."""
    return list(dict.fromkeys(each for kind in kinds(Channels).values() for each in get_args(kind)))


def kinds(struct: Any) -> dict[str, Any]:
    return get_type_hints(struct, include_extras=True)


def is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def docstring(struct: Any) -> tuple[str, dict[str, str]]:
    """The text of a docstring before its sections, and what its `Attributes` say of each key."""
    head: list[str] = []
    meanings: dict[str, str] = {}
    at, last = "", ()
    for line in inspect.cleandoc(struct.__doc__ or "").splitlines():
        if found := _SECTION.match(line):
            at = found[1]
        elif not at:
            head.append(line)
        elif at == "Attributes" and (entry := _ENTRY.match(line)):
            last = tuple(entry[1].split(", "))
            meanings.update(dict.fromkeys(last, entry[2]))
        elif at == "Attributes" and line.strip():
            meanings.update({key: f"{meanings[key]} {line.strip()}" for key in last})
    return "\n".join(head).strip(), {key: cell(text[0].upper() + text[1:]) for key, text in meanings.items()}


def holds(kind: Any) -> str:
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        bounds = [limits(meta) for meta in inner[1:] if isinstance(meta, msgspec.Meta)]
        return holds(inner[0]) + "".join(bounds)
    if origin is Literal:
        return "one of " + ", ".join(f'`"{word}"`' for word in inner)
    if origin is tuple:
        return f"a list of {holds(inner[0])}s".replace("a list of a ", "a list of ")
    if origin is UnionType:
        through = ", ".join(f'`"{each.__struct_config__.tag}"`' for each in inner)
        return f"a table with `through` = one of {through}"
    if origin is dict:
        if get_origin(inner[1]) is dict:
            return f"a table of {holds(inner[1])[2:].replace('table', 'tables', 1)}"
        return f"a table of {holds(inner[1])}s".replace("a table of a ", "a table of ")
    return {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}[kind]


def limits(meta: msgspec.Meta) -> str:
    signs = (("ge", "at least"), ("gt", "above"), ("le", "at most"), ("lt", "below"))
    said = [f"{word} {getattr(meta, name):g}" for name, word in signs if getattr(meta, name) is not None]
    return ", " + " and ".join(said) if said else ""


def shown(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "required"
    value = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    return f"`{toml(value)}`"


def toml(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return f'"{value}"'
        case tuple() | list():
            return "[" + ", ".join(map(toml, value)) + "]"
        case dict():
            return f"{{ {', '.join(f'{key} = {toml(each)}' for key, each in value.items())} }}" if value else "{}"
        case Console():
            return '{ through = "console" }'
        case _:
            return str(value)


def cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


PAGES = {CLI: cli_page, SETTINGS: settings_page}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page_is_what_the_code_says(page: Path) -> None:
    written = page.read_text(encoding="utf-8") if page.exists() else ""
    assert written == PAGES[page](), f"{page} is out of date; run: python tests/cli/{Path(__file__).name}"


def test_every_setting_says_what_it_means() -> None:
    for struct in (Settings, *providers(), *(kind for _, kind in tables_of(Settings))):
        types = kinds(struct)
        for field in msgspec.structs.fields(struct):
            if not is_struct(types[field.name]):
                assert field.name in docstring(struct)[1], f"{struct.__name__}.{field.name} has no line in Attributes"


def test_every_default_on_the_page_is_taken_by_the_settings_file() -> None:
    lines = []
    for line in SETTINGS.read_text(encoding="utf-8").splitlines():
        if found := re.match(r"## `(\[[\w.]+\])`", line):
            lines.append(found[1])
        elif line.startswith("## `through"):  # what follows needs what has no default
            break
        elif found := re.match(r"\| `(\w+)` \| [^|]* \| `(.*?)` \|", line):
            lines.append(f"{found[1]} = {found[2]}")
    assert msgspec.convert(tomllib.loads("\n".join(lines)), Settings) == Settings()


if __name__ == "__main__":
    for path, made in PAGES.items():
        path.write_text(made(), encoding="utf-8")
        sys.stdout.write(f"wrote {path}\n")
