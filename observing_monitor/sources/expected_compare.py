"""Compare the files of a night with what was expected."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from observing_monitor.model.names import detector_key
from observing_monitor.sources.expected_names import key_of, missing_ranges, number_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    import pandas as pd
    from pandas import DataFrame, Series

    from observing_monitor.model.reading import Tables
    from observing_monitor.sources.expected_settings import ExpectedSettings


# the detectors of an exposure: plain name -> name, or their number
Detectors = dict[str, str] | int


class MissingExposure(NamedTuple):
    """An expected exposure of which no image came."""

    name: str
    seq_num: int | None


class Count(NamedTuple):
    """A number of images or exposures."""

    unit: str  # "images", "exposures" or "bias exposures"
    n: int
    n_expected: int


class ExposureDetectors(NamedTuple):
    """An exposure with fewer or more detectors than expected."""

    label: str
    n: int
    n_expected: int
    names: list[str]  # of those that are missing, or in excess; empty if only a number is expected


@dataclass
class Comparison:
    """The result of comparing a night's files with what was expected."""

    is_known: bool = False  # False if the source never answered for this night
    n_expected: int | None = None  # images
    n_missing: int | None = None  # of these
    n_images: int = 0  # that came
    n_listed: int = 0  # exposures that a list of exposures or of sensors names
    missing: list[MissingExposure] = field(default_factory=list)
    incomplete: list[ExposureDetectors] = field(default_factory=list)
    excess: list[ExposureDetectors] = field(default_factory=list)
    span: tuple[int, int] = (0, 0)  # first and last number of the sequence
    gaps: list[tuple[int, int]] = field(default_factory=list)  # ranges of the sequence
    counts: list[Count] = field(default_factory=list)  # of a whole night


class Listed(NamedTuple):
    """An exposure that a list names."""

    name: str
    is_due: bool


class Due(NamedTuple):
    """The instant before which exposures should have come."""

    before: pd.Timestamp
    is_over: bool  # all of them should have

    def has(self, instant: pd.Timestamp) -> bool:
        """True if an exposure of this instant is due."""
        return bool(self.is_over or instant <= self.before)


def compare(tables: Tables, settings: ExpectedSettings) -> Comparison:
    """Compare a night's files with its stored expectations and the settings.

    Parameters
    ----------
    tables : Tables
        The night's, with this source's own metrics (see `expected_rows`), and the files and
        exposures of all sources.
    settings : ExpectedSettings

    Returns
    -------
    Comparison
        Not `is_known` if the source never answered for this night.
    """
    import pandas as pd

    metrics = tables.metrics
    looks = metrics[metrics["name"] == "expected_as_of"].sort_values("sampled_at")
    if looks.empty:
        return Comparison()
    before = looks["sampled_at"].iloc[-1] - pd.Timedelta(seconds=settings.wait_s)
    due = Due(before, looks["text"].iloc[-1] == "over")
    images = _images(tables.files, settings.kinds)
    images["is_due"] = due.is_over | (images["taken_at"] <= due.before)
    exposures = (
        images[images["key"].notna()]
        .groupby("key", sort=False)
        .agg(seq_num=("seq_num", "first"), label=("label", "first"), is_due=("is_due", "any"))
    )
    stored = metrics[metrics["name"].isin(["expected_detectors", "expected_exposures"])]
    listed = _listed(stored, settings, exposures, due)
    made = Comparison(is_known=True, n_images=len(images), n_listed=len(listed))
    for key, (name, is_due) in listed.items():
        if is_due and key not in exposures.index:
            number = number_of(name)
            made.missing.append(MissingExposure(name, number.seq_num if number else None))
    types = _types(tables.exposures) if settings.detectors_by_type else {}
    expected = _expected_detectors(stored, settings, exposures, listed, types)
    _compare_detectors(made, images, exposures, expected)
    if settings.sequence:
        _compare_sequence(made, settings.first, images)
    if due.is_over:
        counts = (
            Count("images", len(images), settings.n_files),
            Count("exposures", len(exposures), settings.n_exposures),
        )
        made.counts = [count for count in counts if count.n_expected]
        made.counts += _counts_by_type(tables.exposures, settings.n_exposures_by_type)
    _add_up(made, settings, expected, listed)
    return made


def _images(files: DataFrame, kinds: list[str]) -> DataFrame:
    """Return the images among files.

    Columns: file_id, seq_num, label (the exposure's name), key (of the exposure), day, detector,
    taken_at.
    """
    images = files[files["kind"].isin(kinds)]
    label = images["obsid"].fillna(images["exposure"])
    distinct = label.dropna().unique()
    numbers = {name: number_of(name) for name in distinct}
    detectors = images["detector"].dropna().unique()
    return images[["file_id", "seq_num"]].assign(
        label=label,
        key=label.map({name: key_of(name) for name in distinct}),
        day=label.map({name: number and number.day for name, number in numbers.items()}),
        detector=images["detector"].map({name: detector_key(name) for name in detectors}),
        taken_at=images["created_at"].fillna(images["transferred_at"]),
    )


def _rows_of(metrics: DataFrame, name: str) -> Iterable[Any]:
    """Return the rows of one metric as named tuples."""
    # a field `name` would hide a method's; what a cell holds, no type checker knows
    return metrics[metrics["name"] == name].rename(columns={"name": "metric"}).itertuples()


def _listed(
    stored: DataFrame, settings: ExpectedSettings, exposures: DataFrame, due: Due
) -> dict[str, Listed]:
    """Return the exposures that lists name, by key."""
    listed: dict[str, Listed] = {}
    if settings.path:
        for row in _rows_of(stored, "expected_detectors"):
            if row.value > 0:
                listed[key_of(row.node)] = Listed(row.node, due.has(row.sampled_at))
    if settings.exposures:
        came = set(exposures.index[exposures["is_due"]])
        for row in _rows_of(stored, "expected_exposures"):
            keys = {name: key_of(name) for name in row.text.split("\n")}
            # an exposure is also due if a later one of its list came
            last = max((n for n, key in enumerate(keys.values()) if key in came), default=-1)
            for n, (name, key) in enumerate(keys.items()):
                listed.setdefault(key, Listed(name, due.has(row.sampled_at) or n < last))
    return listed


def _expected_detectors(
    stored: DataFrame,
    settings: ExpectedSettings,
    exposures: DataFrame,
    listed: Iterable[str],
    types: Mapping[str, str],
) -> dict[str, Detectors]:
    """Return the detectors of every exposure that came or is listed, by key.

    `types` has the types of exposures by key, as far as they are known.
    """
    of_all = _detectors(settings.detectors)
    by_type = {type_: _detectors(some) for type_, some in settings.detectors_by_type.items()}
    wanted = {key: by_type.get(types.get(key, ""), of_all) for key in (*exposures.index, *listed)}
    expected = {key: some for key, some in wanted.items() if some}
    if settings.path:
        # most exposures have the same detectors
        by_text: dict[str, dict[str, str]] = {}
        for row in _rows_of(stored, "expected_detectors"):
            text = row.text if isinstance(row.text, str) and row.text else ""
            if text not in by_text:
                names = [name for name in text.split("\n") if name]
                by_text[text] = {detector_key(name): name for name in names}
            expected[key_of(row.node)] = by_text[text]
    return expected


def _detectors(setting: list[str] | int) -> Detectors:
    """Return the detectors of a setting, by their plain names."""
    if isinstance(setting, list):
        return {detector_key(name): name for name in setting}
    return setting


def _types(exposures: DataFrame) -> dict[str, str]:
    """Return key -> type of the exposures whose type is known."""
    known = exposures[exposures["observation_type"].notna()]
    return {
        key_of(name): type_
        for column in ("exposure", "obsid")
        for name, type_ in zip(known[column], known["observation_type"], strict=True)
        if isinstance(name, str)
    }


def _counts_by_type(exposures: DataFrame, expected: Mapping[str, int]) -> list[Count]:
    """Return the number of exposures of each type with an expected number.

    None at all if no type of the night is known.
    """
    n = exposures["observation_type"].value_counts().to_dict()
    return [
        Count(f"{type_} exposures", int(n.get(type_, 0)), n_expected)
        for type_, n_expected in expected.items()
        if n
    ]


def _compare_detectors(
    made: Comparison,
    images: DataFrame,
    exposures: DataFrame,
    expected: Mapping[str, Detectors],
) -> None:
    """Fill in the exposures with fewer or more detectors than expected."""
    if not expected:
        return
    present = (
        images.assign(detector=images["detector"].fillna(images["file_id"]))
        .groupby("key", sort=False)["detector"]
        .agg(set)
    )
    labels = _labels(exposures)
    for key in exposures.sort_values(["seq_num", "label"]).index:
        wanted = expected.get(key)
        if not wanted:
            continue
        n_expected = n_detectors(wanted)
        if isinstance(wanted, int):
            n = len(present[key])
            n_missing, missing, excess = n_expected - n, [], []
        else:
            missing = [name for plain, name in wanted.items() if plain not in present[key]]
            n_missing, n = len(missing), n_expected - len(missing)
            excess = sorted(present[key] - wanted.keys())
        if n_missing > 0 and exposures.at[key, "is_due"]:
            made.incomplete.append(ExposureDetectors(labels[key], n, n_expected, missing))
        elif n_missing < 0 or excess:
            n_all = n + len(excess)
            made.excess.append(ExposureDetectors(labels[key], n_all, n_expected, excess))


def _labels(exposures: DataFrame) -> Series[Any]:
    """Return the words for exposures.

    These are their numbers if distinct, else their names.
    """
    numbers = exposures["seq_num"].astype("str")
    label = numbers.where(exposures["seq_num"].notna(), exposures["label"])
    return label.where(~label.duplicated(keep=False), exposures["label"])


def _compare_sequence(made: Comparison, first: int | None, images: DataFrame) -> None:
    """Fill in the gaps below the highest number that is due."""
    numbered = images[images["seq_num"].notna()]
    if numbered.empty:
        return
    if numbered["day"].notna().any():
        # a folder may hold a few of the day before, with other numbers
        numbered = numbered[numbered["day"] == numbered["day"].mode()[0]]
    due = numbered["seq_num"][numbered["is_due"]]
    if due.empty:
        return
    numbers = [int(n) for n in numbered["seq_num"].unique()]
    made.span = min(numbers) if first is None else first, int(due.max())
    made.gaps = missing_ranges(numbers, *made.span)


def _add_up(
    made: Comparison,
    settings: ExpectedSettings,
    expected: Mapping[str, Detectors],
    listed: Iterable[str],
) -> None:
    """Fill in the totals, by the most detailed expectation that there is."""
    by_type = settings.n_exposures_by_type.values()
    if settings.path or settings.exposures or settings.detectors or settings.detectors_by_type:
        keys = {*listed, *expected}
        made.n_expected = sum(n_detectors(expected.get(key, 1)) for key in keys)
        made.n_missing = sum(one.n_expected - one.n for one in made.incomplete) + sum(
            n_detectors(expected.get(key_of(one.name), 1)) for one in made.missing
        )
    elif settings.n_files or settings.n_exposures:
        made.n_expected = settings.n_files or settings.n_exposures
        first = made.counts[0] if made.counts else None
        made.n_missing = max(0, first.n_expected - first.n) if first else 0
    elif by_type:
        made.n_expected = sum(by_type)
        made.n_missing = sum(max(0, one.n_expected - one.n) for one in made.counts)


def n_detectors(detectors: Detectors) -> int:
    """Count an exposure's detectors."""
    return detectors if isinstance(detectors, int) else len(detectors)
