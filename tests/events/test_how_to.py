"""What the how-to page shows works as it is written there."""

import re
from pathlib import Path
from typing import Any

import pytest

from tactful.errors import InvalidEventType
from tactful.events.registry import load_folder

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "add-an-event-type.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_code_of_the_page_runs_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "types").mkdir()
    (tmp_path / "types" / "cart_waiting.toml").write_text(blocks("toml")[0], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in blocks("python"):
        exec(block, names)
    assert names["registry"].names == ("cart_waiting",)
    assert names["engine"].registry.names == ("cart_waiting", "back_in_stock")
    assert names["change"] is None


def test_mistakes_that_the_page_shows_are_reported_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mistaken = blocks("toml")[0].replace("lifetime =", "lifetme =").replace('body = "{title}"', 'body = "{titel}"')
    (tmp_path / "types").mkdir()
    (tmp_path / "types" / "cart_waiting.toml").write_text(mistaken, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidEventType) as caught:
        load_folder(Path("types"))
    shown = [line.split("...") for line in blocks("text")[0].splitlines()]
    reported = str(caught.value).splitlines()
    assert len(reported) == len(shown)
    for line, (start, *rest) in zip(reported, shown, strict=True):
        assert line.startswith(start)
        assert not rest or line.endswith(rest[0])
