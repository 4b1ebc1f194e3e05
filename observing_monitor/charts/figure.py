"""The records that charts are made of: figures as plotly reads them."""

from __future__ import annotations

from typing import Any, TypedDict

import msgspec

# part of a figure, as in https://plotly.com/javascript/reference
Json = dict[str, Any]


class Figure(TypedDict):
    """A figure as plotly draws it."""

    data: list[Json]  # the traces
    layout: Json


class Chart(msgspec.Struct):
    """A figure as plotly draws it, and a caption for those who cannot see it."""

    chart_id: str  # its address on the page
    title: str
    caption: str
    figure: Figure  # JSON without colours: the page's theme has them
