"""The reference pages of records and of Python say what the code says. `python docs/generate.py` writes them anew."""

import runpy
from pathlib import Path
from typing import Any

import pytest

GENERATE = Path(__file__).parents[2] / "docs" / "generate.py"
CODE: dict[str, Any] = runpy.run_path(str(GENERATE))


@pytest.mark.parametrize("page", CODE["pages"](), ids=lambda page: page.path.stem)
def test_page_is_what_the_docstrings_say(page: Any) -> None:
    assert page.path.read_text(encoding="utf-8") == page.text, f"{page.path} is out of date; run: python {GENERATE}"


def test_every_record_of_the_code_is_on_the_page() -> None:
    records = CODE["parsed"]("events/records.py")
    public = {node.name for node in records.body if type(node).__name__ == "ClassDef" and not node.name.startswith("_")}
    assert public == {name for names in CODE["RECORDS"].values() for name in names}
