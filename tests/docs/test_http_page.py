"""The reference page of HTTP says what the endpoints say. `python docs/generate_http.py` writes it anew."""

import runpy
from pathlib import Path

GENERATE = Path(__file__).parents[2] / "docs" / "generate_http.py"


def test_page_is_what_the_endpoints_say() -> None:
    code = runpy.run_path(str(GENERATE))
    assert code["PAGE"].read_text(encoding="utf-8") == code["page"](), f"out of date; run: python {GENERATE}"
