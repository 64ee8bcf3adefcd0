"""A table in Markdown."""


def markdown(heads: list[str], rows: list[list[str]]) -> str:
    """Returns a table."""
    lines = ["| " + " | ".join(row) + " |" for row in (heads, ["---"] * len(heads), *rows)]
    return "\n".join(lines)
