"""What all charts share: a complete Vega-Lite specification, its size, its quiet look.

Needs the `report` extra (altair). Colours tell groups apart for colour-blind readers too: the palette is that of Okabe
and Ito, 2008; what is ours is green.
"""

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import altair as alt

PALETTE: Final = ("#7f7f7f", "#e69f00", "#cc79a7", "#0072b2", "#d55e00", "#56b4e9")
OURS: Final = "#009e73"
PLAN: Final = "#333333"
WIDTH: Final = 460
HEIGHT: Final = 250

Spec: TypeAlias = dict[str, Any]
"""A complete Vega-Lite specification."""


@dataclass(frozen=True)
class Chart:
    """A picture for the page: `spec` is a complete Vega-Lite specification with its data sample."""

    name: str
    title: str
    caption: str
    spec: Spec


def finished(picture: alt.TopLevelMixin) -> Spec:
    """Returns the picture with quiet axes, and letters as large as the page's captions."""
    styled = picture.configure_view(stroke=None).configure_axis(
        gridColor="#eeeeee", domainColor="#bbbbbb", labelFontSize=12, titleFontSize=12, titleFontWeight="normal"
    )
    spec: Spec = styled.configure_legend(labelFontSize=12, titleFontSize=12, titleFontWeight="normal").to_dict()
    return spec


def sized(rows: list[dict[str, Any]]) -> alt.Chart:
    """Returns an empty chart of the page's size over some rows, which it carries with it."""
    return alt.Chart(alt.InlineData(values=rows)).properties(width=WIDTH, height=HEIGHT)


def legend(columns: int = 3) -> alt.Legend:
    """Returns a legend below the picture."""
    return alt.Legend(orient="bottom", columns=columns, labelLimit=300)
