"""Draw twilight, the Moon and local time behind the charts of a night."""

from __future__ import annotations

import datetime
import itertools
from typing import TYPE_CHECKING

from observing_monitor.charts.axes import milliseconds, slug
from observing_monitor.model import sky

if TYPE_CHECKING:
    from collections.abc import Iterable

    from observing_monitor.charts.figure import Chart, Figure, Json
    from observing_monitor.model.position import Position


def under_the_sky(
    made: list[Chart],
    starts_at: datetime.datetime,
    ends_at: datetime.datetime,
    position: Position | None,
    timezone: str,
    in_words: bool = True,
) -> list[Chart]:
    """Return the charts with one time span, twilight, Moon and local time.

    The caption of the first chart says the same in words.

    Parameters
    ----------
    made : list of Chart
        Charts without a time axis stay as they are.
    starts_at, ends_at : datetime
        The bounds of the night, UTC.
    position : Position or None
        The observatory's; without it there is no sky.
    timezone : str
        The name of its time zone; without it there is no second axis.
    in_words : bool, optional
        False if the page says elsewhere when twilight and the Moon are.
    """
    timed = [
        chart for chart in made if chart.figure["layout"].get("xaxis", {}).get("type") == "date"
    ]
    if not timed or not (position or timezone):
        return made
    over = sky.sky_of(starts_at, ends_at, position) if position else None
    span = _span(timed, over, starts_at, ends_at)
    for chart in timed:
        layout = chart.figure["layout"]
        layout["xaxis"] = layout["xaxis"] | {"range": span}
        if over:
            layout["shapes"] = _sky_shapes(over)
        if timezone:
            _add_local_time(chart.figure, span, timezone)
    if over and in_words:
        timed[0].caption += f" {sky_words(over)}"
    return made


def _span(
    timed: Iterable[Chart],
    over: sky.Sky | None,
    starts_at: datetime.datetime,
    ends_at: datetime.datetime,
) -> list[int]:
    """Return the span of all time axes in milliseconds."""
    low, high = milliseconds([starts_at.timestamp(), ends_at.timestamp()])
    dark = [span for span in (over.sun if over else ()) if span.name != "day"]
    shown = milliseconds([at.timestamp() for span in dark for at in (span.starts_at, span.ends_at)])
    for chart in timed:
        for trace in chart.figure["data"]:
            inside = [x for x in trace["x"] if low <= x < high]
            shown += [min(inside), max(inside)] if inside else []
    if not shown:
        return [low, high]
    pad = max((max(shown) - min(shown)) * 0.02, 60_000)
    return [round(max(min(shown) - pad, low - pad)), round(min(max(shown) + pad, high + pad))]


def _sky_shapes(over: sky.Sky) -> list[Json]:
    """Return named rectangles that the page's script paints."""
    boxes = [(span, 0.0, 1, 1.0) for span in over.sun if span.name != "day"]
    # the fuller the Moon, the stronger its bar
    boxes += [(span, 0.97, 1, 0.3 + 0.7 * over.moon_lit) for span in over.moon]
    return [
        {
            "type": "rect",
            "layer": "below",
            "line": {"width": 0},
            "xref": "x",
            "yref": "y domain",
            "y0": y0,
            "y1": y1,
        }
        | dict(
            zip(
                ("x0", "x1"),
                milliseconds([span.starts_at.timestamp(), span.ends_at.timestamp()]),
                strict=True,
            )
        )
        | {"name": slug(span.name), "opacity": round(opacity, 2)}
        for span, y0, y1, opacity in boxes
    ]


CHANGES = {  # (part of the night, the next part) -> name of the change
    ("day", "civil twilight"): "sunset",
    ("civil twilight", "day"): "sunrise",
    ("astronomical twilight", "night"): "astronomical twilight ends",
    ("night", "astronomical twilight"): "astronomical twilight begins",
}


def sky_words(over: sky.Sky) -> str:
    """Word sunset, sunrise, astronomical twilight and the Moon; times are UTC."""
    changes = [
        (CHANGES.get((a.name, b.name)), b.starts_at) for a, b in itertools.pairwise(over.sun)
    ]
    words = [f"{name} {_clock(at)}" for name, at in changes if name]
    names = {span.name for span in over.sun}
    words += (
        ["the Sun does not set"]
        if names == {"day"}
        else ["the Sun does not rise"]
        if "day" not in names
        else []
    )
    starts_at, ends_at = over.sun[0].starts_at, over.sun[-1].ends_at
    up = []
    for span in over.moon:
        rises = f"from {_clock(span.starts_at)}" if span.starts_at > starts_at else ""
        sets = f"until {_clock(span.ends_at)}" if span.ends_at < ends_at else ""
        up.append(" ".join(filter(None, (rises, sets))) or "all the time")
    moon = f"up {' and '.join(up)} (bar at the top)" if up else "not up"
    return f"In UTC: {', '.join(words)}; Moon {round(over.moon_lit * 100)} % lit, {moon}."


def _clock(at: datetime.datetime) -> str:
    return at.astimezone(datetime.UTC).strftime("%H:%M")


def _add_local_time(figure: Figure, span: list[int], timezone: str) -> None:
    """Add a second axis on top, whose ticks the script sets."""
    offsets = _offsets(span[0], span[1], timezone)
    said = ", then ".join(dict.fromkeys(name for _, _, name in offsets))
    figure["layout"]["meta"] = {"local_time": [[begins, offset] for begins, offset, _ in offsets]}
    figure["layout"]["xaxis2"] = {
        "type": "date",
        "overlaying": "x",
        "side": "top",
        "matches": "x",
        "tickmode": "array",
        "tickangle": 0,
    }
    figure["layout"]["xaxis2"] |= {
        "title": {"text": f"local time, {said}"},
        "showgrid": False,
        "range": span,
    }
    # plotly leaves out an axis without a trace
    hidden = {
        "type": "scatter",
        "mode": "markers",
        "x": span,
        "y": [None, None],
        "xaxis": "x2",
        "name": "local time",
    }
    figure["data"].append(
        hidden | {"showlegend": False, "hoverinfo": "skip", "meta": {"tone": "total"}}
    )


def _offsets(low: int, high: int, timezone: str) -> list[tuple[int, int, str]]:
    """Return a zone's offsets between two instants: (begin, offset, name).

    All are milliseconds; the name is such as `CEST` or `UTC−3`.
    """
    from zoneinfo import ZoneInfo

    zone, step = ZoneInfo(timezone), 900_000
    found: list[tuple[int, int, str]] = []
    # clocks change at full quarters of an hour
    for at in range(low - low % step, high + 1, step):
        local = datetime.datetime.fromtimestamp(at / 1000, zone)
        offset = round((local.utcoffset() or datetime.timedelta()).total_seconds() * 1000)
        if not found or found[-1][1] != offset:
            found.append((at, offset, _zone_words(local.tzname() or "", offset)))
    return found


def _zone_words(name: str, offset: int) -> str:
    """Return a zone's abbreviation if it is a word; `-03` becomes `UTC−3`."""
    if name.isalpha():
        return name
    hours, minutes = divmod(abs(offset) // 60_000, 60)
    return f"UTC{'−' if offset < 0 else '+'}{hours}{f':{minutes:02}' if minutes else ''}"
