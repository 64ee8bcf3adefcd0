"""Templates in a small part of Jinja: values, conditions, loops and a few filters; no calls, no imports, no arithmetic
that multiplies. What a template may hold is checked when its type's file is loaded, so that none can run away.

Needs the extra `serve` or `channels`; imported only where a type asks for it.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, meta, nodes
from jinja2.sandbox import SandboxedEnvironment

MOST_CHARS: Final = 256 * 1024
"""The longest text that a template may make."""
MOST_ITEMS: Final = 1000
"""The longest list that a template may be given; loops stand in one another twice at most."""
MOST_VALUE_CHARS: Final = 64 * 1024
"""The longest single text that a template may be given."""
FILTERS: Final = frozenset(
    {"capitalize", "default", "e", "escape", "first", "float", "int", "join", "last", "length", "lower", "round",
     "sort", "title", "trim", "truncate", "unique", "upper", "urlencode"}
)  # fmt: skip
TESTS: Final = frozenset({"defined", "undefined", "none", "number", "string", "even", "odd", "eq", "ne", "in"})

_ALLOWED: Final = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Getattr, nodes.Getitem, nodes.If,
    nodes.For, nodes.CondExpr, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Filter, nodes.Test,
    nodes.Keyword, nodes.Concat, nodes.Add, nodes.Sub, nodes.Tuple, nodes.List,
)  # fmt: skip
_LOOPS: Final = 2


class CannotFill(Exception):
    """Raised when values do not fill a template: one is missing, of another kind, or the text grows too long."""


def faults(text: str, declared: Mapping[str, Any], required: list[Any], given: str) -> Iterator[str]:
    """Yields what is wrong with a template, each as what was got and expected.

    Args:
        declared: the payload's properties by name.
        required: those that every payload has.
        given: a name that is always there (`count`).
    """
    try:
        tree = _environment(html=False).parse(text)
    except TemplateSyntaxError as error:
        yield f"got a template that is no Jinja (line {error.lineno}: {error.message}), expected one"
        return
    unwanted = list(_unwanted(tree))
    if _depth(tree) > _LOOPS:
        unwanted.append(f"got loops {_depth(tree)} deep, expected {_LOOPS} at most")
    if unwanted:  # Jinja looks for variables only where it knows every filter
        yield "; ".join(unwanted)
        return
    asked = _asked_for(tree)
    for name in sorted(meta.find_undeclared_variables(tree)):
        if name == given:
            continue
        if name not in declared:
            known = ", ".join([*declared, given])
            yield f"got the value {name}, expected one that payload.properties declares ({known})"
        elif name not in required and name not in asked:
            yield f'got the value {name}, expected "{name}" in payload.required, or a test or default for its absence'


def fill(text: str, values: Mapping[str, object], html: bool) -> str:
    """Returns a checked template with its values; in HTML every value is escaped.

    Raises:
        CannotFill: nothing is made half.
    """
    for name, value in values.items():
        if why := _too_large(value):
            raise CannotFill(f"{name}: got {why}, expected less")
    parts, size = [], 0
    try:
        for part in _compiled(text, html).generate(values):
            size += len(part)
            if size > MOST_CHARS:
                raise CannotFill(f"got a text of more than {MOST_CHARS} characters, expected a shorter one")
            parts.append(part)
    except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
        raise CannotFill(f"{type(error).__name__}: {error}") from error
    return "".join(parts)


@lru_cache(maxsize=1024)
def _compiled(text: str, html: bool) -> Template:
    return _environment(html).from_string(text)


@lru_cache
def _environment(html: bool) -> SandboxedEnvironment:
    made = SandboxedEnvironment(autoescape=html, undefined=StrictUndefined, keep_trailing_newline=True)
    made.globals.clear()
    for known, kept in ((made.filters, FILTERS), (made.tests, TESTS)):
        for name in [one for one in known if one not in kept]:
            del known[name]
    return made


def _unwanted(tree: nodes.Template) -> Iterator[str]:
    for node in tree.find_all(nodes.Node):
        line = f"line {node.lineno}"
        if isinstance(node, nodes.Filter) and node.name not in FILTERS:
            yield f"got the filter {node.name} ({line}), expected one of {', '.join(sorted(FILTERS))}"
        elif isinstance(node, nodes.Test) and node.name not in TESTS:
            yield f"got the test {node.name} ({line}), expected one of {', '.join(sorted(TESTS))}"
        elif isinstance(node, nodes.For) and node.recursive:
            yield f"got a recursive loop ({line}), expected a plain one"
        elif isinstance(node, nodes.Getattr) and node.attr.startswith("_"):
            yield f"got {node.attr} ({line}), expected no name that begins with an underscore"
        elif not isinstance(node, _ALLOWED):
            yield f"got {type(node).__name__} ({line}), expected values, conditions, loops and filters only"


def _depth(node: nodes.Node) -> int:
    inner = max((_depth(child) for child in node.iter_child_nodes()), default=0)
    return inner + isinstance(node, nodes.For)


def _asked_for(tree: nodes.Template) -> set[str]:
    """Names whose absence a template is ready for: tested by `defined`, or with a default."""
    tests = [test.node for test in tree.find_all(nodes.Test) if test.name in ("defined", "undefined")]
    defaults = [one.node for one in tree.find_all(nodes.Filter) if one.name == "default"]
    return {node.name for node in (*tests, *defaults) if isinstance(node, nodes.Name)}


def _too_large(value: object) -> str:
    """What is too large inside a value, "" if nothing is."""
    if isinstance(value, str) and len(value) > MOST_VALUE_CHARS:
        return f"a text of more than {MOST_VALUE_CHARS} characters"
    if not isinstance(value, dict | list | tuple):
        return ""
    if len(value) > MOST_ITEMS:
        return f"a list of more than {MOST_ITEMS} items"
    inner = value.values() if isinstance(value, dict) else value
    return next((why for one in inner if (why := _too_large(one))), "")
