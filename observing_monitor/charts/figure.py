"""The records that charts are made of: figures as plotly reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypedDict

Json = dict[
    str, Any
]  # a part of a figure: its shape is plotly's, https://plotly.com/javascript/reference


class Figure(TypedDict):
    """A figure as plotly draws it."""

    data: list[Json]  # the traces
    layout: Json


@dataclass
class Chart:
    """A figure as plotly draws it, and what it says in words for those who can't see it."""

    chart_id: str  # the chart's address on its page
    title: str
    caption: str
    figure: Figure  # plain, JSON-able, without colours of the page's own theme
