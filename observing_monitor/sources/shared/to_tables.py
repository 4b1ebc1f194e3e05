"""Convert another system's rows to our tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observing_monitor.model import columns, frames, names
from observing_monitor.model.observation_types import normalised
from observing_monitor.model.reading import Reading
from observing_monitor.sources.shared.as_columns import frame_of, mapped_columns, without_bars
from observing_monitor.sources.shared.cells import Notes, is_absent, to_metric, to_text
from observing_monitor.sources.shared.mapped import EXPOSURE_NAMES
from observing_monitor.sources.shared.to_remarks import remarks_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pandas import DataFrame

    from observing_monitor.model.reading import Counts
    from observing_monitor.readers.textfiles import Rows
    from observing_monitor.sources.shared.mapped import Mapped


def to_reading(night_rows: list[Rows], settings: Mapped) -> Reading:
    """Return the Reading of one night from its rows.

    Parameters
    ----------
    night_rows : list of Rows
        One per file or query, all of this night.
    settings : Mapped
        The mapping.
    """
    import pandas as pd

    if settings.feeds == "exposures":
        return _exposures_reading(night_rows, settings)
    make, described = {
        "files": (_files, columns.FILES),
        "ingests": (_attempts, columns.ATTEMPTS),
        "metrics": (_metrics, columns.METRICS),
        "remarks": (remarks_of, columns.REMARKS),
    }[settings.feeds]
    parts, notes = [], []
    for rows in night_rows:
        notes += rows.notes
        if rows.rows:
            say = Notes(rows.place, rows.word, rows.numbers, notes)
            parts.append(make(frame_of(rows), settings, say))
    made = pd.concat(parts, ignore_index=True) if parts else frames.empty(described)
    table = "attempts" if settings.feeds == "ingests" else settings.feeds
    reading = Reading(notes=notes)
    setattr(reading, table, frames.frame(described, made))
    return reading


def _exposures_reading(night_rows: list[Rows], settings: Mapped) -> Reading:
    """Return the Reading of rows that are exposures, with their numbers.

    Of several rows of an exposure, such as one per detector, the last counts.
    """
    import pandas as pd

    exposures, metrics, notes = [frames.empty(columns.EXPOSURES)], [], list[str]()
    for rows in night_rows:
        notes += rows.notes
        if rows.rows:
            say = Notes(rows.place, rows.word, rows.numbers, notes)
            table = frame_of(rows)
            made = _exposures(table, settings, say)
            exposures.append(made)
            metrics.append(_measures(table.loc[made.index], made, settings, say))
    own_name = next(name for name in EXPOSURE_NAMES if name in _named(settings))
    joined = pd.concat(exposures[1:] or exposures, ignore_index=True)
    last = joined.drop_duplicates([own_name, "instrument"], keep="last", ignore_index=True)
    return Reading(
        exposures=last, metrics=_joined(metrics) if settings.measures else None, notes=notes
    )


def _named(settings: Mapped) -> set[str]:
    """Return our columns that the settings fill."""
    return {*settings.columns, *settings.constants}


def _joined(metrics: list[DataFrame]) -> DataFrame:
    import pandas as pd

    joined = pd.concat(metrics, ignore_index=True) if metrics else pd.DataFrame()
    return frames.frame(columns.METRICS, joined)


def in_doubt(counts: Mapping[str, Counts]) -> list[str]:
    """Return `Reading.unread`.

    A file that a row left out may name is not gone.
    """
    return [""] if any(one.n_left_out for one in counts.values()) else []


def _files(table: DataFrame, settings: Mapped, say: Notes) -> DataFrame:
    made = mapped_columns(table, settings, say, columns.FILES)
    ids = next(made[name] for name in ("file_id", "path", "name") if name in made)
    say.add(ids.isna(), "names no file; left out")
    name = names.last_parts(made.get("name", ids))
    in_name = {str(key): values for key, values in names.read_names(name.fillna("")).items()}
    first = {"file_id": ids, "path": ids, "kind": name.fillna("").map(names.kind_of), **in_name}
    made = made.assign(**{key: value for key, value in first.items() if key not in made}, name=name)
    return frames.frame(columns.FILES, made[ids.notna()]).drop_duplicates("file_id", keep="last")


def _attempts(table: DataFrame, settings: Mapped, say: Notes) -> DataFrame:
    made = mapped_columns(table, settings, say, columns.ATTEMPTS)
    named = made["path"] if "path" in made else made["names"]
    say.add(named.isna(), "names no file; left out")
    made["path"] = named
    made["names"] = made["names"] if "names" in made else names.last_parts(named)
    first = settings.stages[0]
    made["stage"] = made["stage"].fillna(first) if "stage" in made else first
    words = {
        **{word: word for word in columns.STATUSES},
        **{theirs.casefold(): ours for theirs, ours in settings.statuses.items()},
    }
    written = made["status"].str.strip().str.casefold()
    status = written.map(words)
    is_strange = status.isna() & written.notna()
    theirs = ", ".join(map(repr, sorted(set(made.loc[is_strange, "status"]))[:5]))
    say.add(is_strange, f"{theirs}: no status of ours; add it to statuses; taken as unknown")
    made["status"] = status.mask(is_strange, "unknown").fillna("untried")
    return frames.frame(columns.ATTEMPTS, made[named.notna()])


def _metrics(table: DataFrame, settings: Mapped, say: Notes) -> DataFrame:
    import pandas as pd

    others = [c for c in columns.METRICS if c.name not in ("value", "text")]
    made = mapped_columns(table, settings, say, others)
    sources = {None: settings.columns["value"]} if not settings.values else settings.values
    parts = []
    for name, theirs in sources.items():
        part = made if name is None else made.assign(name=name)
        counts = part["name"].isin(settings.counts)
        value, text = to_metric(table[theirs], counts, say, "value" if name is None else name)
        parts.append(part.assign(value=value, text=text))
    joined = pd.concat(parts, ignore_index=True)
    if "text" in settings.columns:
        own = pd.concat([table[settings.columns["text"]]] * len(parts), ignore_index=True)
        joined["text"] = to_text(own).fillna(joined["text"])
    unit = joined["name"].map(settings.units).astype("str")
    joined["unit"] = unit.fillna(joined["unit"]) if "unit" in joined else unit
    return frames.frame(columns.METRICS, joined[joined["name"].notna()])


def _exposures(table: DataFrame, settings: Mapped, say: Notes) -> DataFrame:
    """Return rows as exposures, without those that name none.

    The index is the rows'.
    """
    made = mapped_columns(table, settings, say, columns.EXPOSURES)
    for name in made.columns:
        if made[name].dtype == "str":
            made[name] = without_bars(made[name])
    if "observation_type" in made:
        original = made["observation_type"]
        made["observation_type"] = normalised(original, settings.types)
        if "observation_type_original" not in made:
            made["observation_type_original"] = original
    own_name = next(name for name in EXPOSURE_NAMES if name in made)
    is_nameless = made[own_name].isna()
    say.add(is_nameless, "names no exposure; left out")
    exposures = frames.frame(columns.EXPOSURES, made[~is_nameless])
    return exposures.drop_duplicates([own_name, "instrument"], keep="last")


def _measures(table: DataFrame, exposures: DataFrame, settings: Mapped, say: Notes) -> DataFrame:
    """Return the numbers of exposures, as metrics at the start of each.

    An exposure without a number has no row. One that only its obsid or number names has it by
    that.
    """
    import pandas as pd

    named = exposures["exposure"].fillna(exposures["obsid"])
    named = named.fillna(exposures["seq_num"].astype("str"))

    parts = []
    for name, theirs in settings.measures.items():
        cells = table[theirs]
        is_count = pd.Series(name in settings.counts, index=cells.index)
        value, text = to_metric(cells, is_count, say, name)
        made = exposures[["exposure"]].assign(
            exposure=named,
            name=name,
            value=value,
            text=text,
            unit=settings.units.get(name),
            sampled_at=exposures["started_at"],
        )
        parts.append(made[~is_absent(cells)])
    joined = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    return frames.frame(columns.METRICS, joined)
