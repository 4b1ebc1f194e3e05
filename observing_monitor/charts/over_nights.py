"""Charts over the nights of a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observing_monitor.charts import figure
from observing_monitor.charts.axes import (
    N_SERIES,
    SHORTEST_S,
    addressed,
    delay_axis,
    divided,
    files_axis,
    floored,
    in_legend,
    line,
    plain,
    sentence,
    value_axis,
    wants_log,
    words_of,
)
from observing_monitor.charts.quality_over_nights import quality_charts
from observing_monitor.charts.use_over_nights import types_chart, use_chart
from observing_monitor.charts.usual_band import (
    band_words,
    night_axis,
    number_of,
    places,
    usual_band,
)
from observing_monitor.judging import usual
from observing_monitor.model import columns, wording

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from observing_monitor.charts.figure import Json
    from observing_monitor.model.columns import Summary
    from observing_monitor.settings.headlines import Headline


def stream_charts(
    nights: Iterable[Summary],
    headlines: Sequence[Headline] = (),
    before: Sequence[Summary] = (),
    has_ingest: bool = True,
    quality: Headline | None = None,
) -> list[figure.Chart]:
    """Return the charts over nights.

    Parameters
    ----------
    nights : list of dict
        One dict per night with the names of `columns.NIGHTS`, in any order; its page is
        `NIGHT.html`.
    headlines : list of Headline
        More names in these.
    before : list of dict
        The nights before these, oldest first: they say what is usual, and are not drawn.
    has_ingest : bool
        True if a stage follows arrival. Without one, no share of files is ingested.
    quality : Headline, optional
        The median of the measure that is the image quality.

    Returns
    -------
    list of Chart
        None without nights.
    """
    shown = sorted(nights, key=lambda values: values["night"])
    if not shown:
        return []
    before = before[-usual.NIGHTS :]
    share = next((headline for headline in headlines if headline.name == "completeness"), None)
    units = dict.fromkeys(headline.unit for headline in headlines if headline is not share)
    made = [
        _headlines_chart(shown, [h for h in headlines if h.unit == unit and h is not share], unit)
        for unit in units
    ]
    made += (
        use_chart(shown),
        types_chart(shown),
        *(quality_charts(shown, before, quality) if quality else ()),
        _classes_chart(shown, has_ingest),
        _night_delays_chart(shown, before),
        _completeness_chart(shown, before, share) if has_ingest or share else None,
    )
    return addressed([chart for chart in made if chart])


def _headlines_chart(
    nights: Sequence[Summary], headlines: Sequence[Headline], unit: str
) -> figure.Chart | None:
    """Return the chart of the headlines of one unit, as bars per night."""
    say = words_of(unit)
    bars: list[Json] = []
    words = []
    for number, headline in enumerate(headlines):
        values = [number_of(night.get(headline.name)) for night in nights]
        known = [v for v in values if v is not None]
        if not known:
            continue
        lowest, highest = say(min(known)), say(max(known))
        words.append(
            f"{headline.label}: {lowest if lowest == highest else f'{lowest} to {highest}'}"
        )
        if len(known) < len(values):
            words[-1] += (
                f", not available in {len(values) - len(known):,} of {len(values):,} nights"
            )
        bars.append(
            {
                "type": "bar",
                "y": values,
                "name": plain(headline.label),
                "text": [plain(say(v)) for v in values],
                "textposition": "none",
            }
            | {"hovertemplate": "%{text}, %{x}", "meta": {"tone": f"series-{number % N_SERIES}"}}
            | places(nights)
        )
    if not bars:
        return None
    drawn = [v for bar in bars for v in bar["y"] if v is not None]
    axis, by = value_axis([0.0, *drawn], unit)
    layout = {
        "barmode": "group",
        "bargap": 0.25,
        "xaxis": night_axis(),
        "yaxis": axis,
    }
    title = (
        headlines[0].label
        if len(headlines) == 1
        else "Numbers of each night"
        if not unit
        else f"Numbers of each night, in {unit}"
    )
    caption = sentence(words)
    return figure.Chart(
        "chart-headlines", title, caption, {"data": divided(bars, by), "layout": layout}
    )


def _classes_chart(nights: Sequence[Summary], has_ingest: bool) -> figure.Chart | None:
    """Return the chart of the files of each night, stacked by class."""
    bars, words = [], []
    for column in columns.CLASSES:
        counts = [int(number_of(values[f"n_{column.name}"]) or 0) for values in nights]
        if not any(counts):
            continue
        label = column.label if has_ingest or column.name != "ingested" else columns.ARRIVED.label
        words.append(f"{sum(counts):,} {label}")
        bars.append(
            {"type": "bar", "y": counts, "name": label, "meta": {"tone": column.name}}
            | {"hovertemplate": "%{y:,} " + label + "<extra>%{x}</extra>"}
            | places(nights)
        )
    if not bars:
        return None
    caption = f"All nights together: {', '.join(words)}."
    most = max(map(sum, zip(*(bar["y"] for bar in bars), strict=True)))
    layout = {
        "barmode": "stack",
        "bargap": 0.25,
        "xaxis": night_axis(),
        "yaxis": files_axis(most),
    }
    return figure.Chart(
        "chart-classes", "Files by class", caption, {"data": bars, "layout": layout}
    )


def _night_delays_chart(
    nights: Sequence[Summary], before: Sequence[Summary]
) -> figure.Chart | None:
    """Return the chart of the delays of each night."""
    import statistics

    traces, words, everything = [], [], list[float]()
    for stage in ("transfer", "ingest"):
        for name, key, dash in (("median", "median", "solid"), ("90 %", "p90", "dash")):
            values = [number_of(night[f"{stage}_delay_{key}_s"]) for night in nights]
            known = [v for v in values if v is not None]
            if not known:
                continue
            everything += known
            traces.append(
                (
                    values,
                    [number_of(night[f"{stage}_delay_{key}_s"]) for night in before],
                    f"{stage} {name}",
                    stage,
                    dash,
                )
            )
            if name == "median":
                words.append(
                    f"{stage}: medians from {wording.seconds(min(known))} "
                    f"to {wording.seconds(max(known))}"
                )
    if not traces:
        return None
    low, high = min(everything), max(everything)
    logarithmic = wants_log(low, statistics.median(everything), high)
    drawn = []
    for values, earlier, name, stage, dash in traces:
        y = [None if v is None else floored([v], logarithmic)[0] for v in values]
        if dash == "solid":
            drawn += usual_band(earlier, values, nights, stage, SHORTEST_S if logarithmic else None)
        drawn.append(
            line([], y, name, stage, dash)
            | {
                "mode": "lines+markers",
                "marker": {"size": 5},
                "text": [wording.seconds(v) for v in values],
            }
            | in_legend(name.split()[0], dash)
            | {"hovertemplate": "%{text}<extra>" + name + ", %{x}</extra>"}
            | places(nights)
        )
    caption = "Median solid, 90 % dashed. "
    caption += f"{sentence(words)}{band_words(drawn, 'medians')}"
    layout = {"xaxis": night_axis(), "yaxis": delay_axis(low, high, logarithmic)}
    return figure.Chart("chart-delays", "Delays", caption, {"data": drawn, "layout": layout})


def _completeness_chart(
    nights: Sequence[Summary], before: Sequence[Summary], headline: Headline | None = None
) -> figure.Chart | None:
    """Return the chart of the completeness of each night."""
    values = [number_of(night["completeness"]) for night in nights]
    known = [v for v in values if v is not None]
    if not known:
        return None
    whole = sum(v >= 1 for v in known)
    worst = min(
        (v, night["night"]) for v, night in zip(values, nights, strict=True) if v is not None
    )
    bars = {
        "type": "bar",
        "y": values,
        "name": "complete" if headline else "ingested",
        "text": [wording.percent(v) for v in values],
        "textposition": "none",
        "hovertemplate": "%{text}<extra>%{x}</extra>",
        "meta": {"tone": "ingested"},
    } | places(nights)
    share = (
        f"{headline.meaning or 'Share that arrived'}, in per cent"
        if headline
        else "Share of files ingested"
    )
    caption = (
        f"{share}: {whole:,} of {len(known):,} nights {'is' if whole == 1 else 'are'} complete"
    )
    caption += f"; the lowest is {wording.percent(worst[0])} ({worst[1]})." if worst[0] < 1 else "."
    drawn = [
        bars,
        *usual_band(
            [number_of(night["completeness"]) for night in before], values, nights, "total"
        ),
    ]
    caption += band_words(drawn, "shares")
    layout = {
        "xaxis": night_axis(),
        "bargap": 0.25,
        "showlegend": False,
        "yaxis": {
            "title": {"text": "complete" if headline else "ingested"},
            "tickformat": ".0%",
            "range": [0, max(1.02, *known)],
        },
    }
    return figure.Chart(
        "chart-completeness", "Completeness", caption, {"data": drawn, "layout": layout}
    )
