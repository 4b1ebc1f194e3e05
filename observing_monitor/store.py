"""The store: nights in and out of Parquet, and an index of nights for each stream.

    data/stream=NAME/night=YYYY-MM-DD/{files,ingests,metrics}.parquet    the tables: what is known
    data/stream=NAME/night=YYYY-MM-DD/_halves.{files,ingests}.parquet    of these, what `strays` asks of a night beside another
    data/stream=NAME/_attempts.SOURCE.parquet                            what a source told last of the newest night, as it told it
    data/stream=NAME/night=YYYY-MM-DD/looked.json                        what the night's sources looked like then
    data/stream=NAME/index.json                                          a row a night; can be remade from the rest
    data/stream=NAME/index.notes                                         while a run is at work: the rows that are new

A night is the unit of writing. The two JSON files open without pandas, so that a run with nothing new ends at once.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import hashlib
import io
import json
import urllib.parse
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict, TypeGuard, cast

from observing_monitor import columns
from observing_monitor.columns import Column
from observing_monitor.errors import StoreError, one_line
from observing_monitor.files import Output, as_json, is_sealed, sealed
from observing_monitor.nights import night_named

if TYPE_CHECKING:
    from pandas import DataFrame
    from pyarrow import DataType

    from observing_monitor import strays
    from observing_monitor.sources import Known
    from observing_monitor.tables import Tables

FOLDER = "data"
INDEXED = (
    "tables",
    "notes",
    "silent",
    "happened",
    "changed_at",
    "is_told",
    "strays",
)  # what the index has of a night's last look
HALVES = ("files", "ingests")  # the tables of which `strays.halves` are kept
MANY = 20_000  # rows: so many are read by several threads, which a few rows would only wait for
KEPT = "_attempts."  # how the names of files begin that `Store.save_attempts` writes
ALL_DIFFERENT = (
    "file_id",
    "name",
    "path",
    "destination",
    "names",
)  # columns of text in which hardly any value comes twice


# The last tables that this process saved, each with a digest of its bytes: a night is nearly always published where it was collected,
# and to unpack what was packed a moment ago takes a full night longer than to judge it.
_just_saved: dict[str, tuple[str, DataFrame]] = {}


class Silent(TypedDict):
    """A source that did not answer: why, and since when (ISO 8601, UTC)."""

    problem: str
    since: str


class Fault(TypedDict, total=False):
    """A source's row of the index: nothing where it answered, else as `Silent`; our own faults may be less than an error."""

    problem: str
    since: str
    level: str


class Look(TypedDict, total=False):
    """What the last look at a night came to (INDEXED); instants are ISO 8601, UTC."""

    tables: str  # a digest of the night's tables
    notes: dict[str, list[str]]  # source -> sentences
    silent: dict[str, Silent]  # by source
    happened: dict[str, Any] | None  # as `happenings.merged` gives it
    changed_at: str | None
    is_told: bool  # whether the last stage's source ever answered
    strays: (
        strays.Counts
    )  # of the files that may have their other half in the night before or after


class Row(Look, total=False):
    """A night's row of the index: beside the last look what judging and publishing made of it."""

    summary: dict[str, Any]  # by the names of columns.NIGHTS and of the stream's headlines
    findings: list[dict[str, Any]]  # each a `pages.Finding`
    units: dict[str, str]  # headline -> unit
    worse: dict[str, float]  # as `usual.worse` gives it
    judged_at: str
    next_change_at: str | None  # when time alone changes a class
    basis: str  # of what the summary was made
    beside: str  # what the nights beside it had of its files then
    shown: str  # the same without what is known of the night
    acknowledged: str  # differs when other files are acknowledged
    page: str  # the page's fingerprint
    images: list[str]  # the names of its images' files
    n_exposure_pages: (
        int  # over how many pages its exposures are spread; 0 where its own page has all
    )
    previews: dict[str, Any]
    made_for: str  # of the run that found the page current
    news_at: str | None  # when the status, or what is wrong, last changed
    pruned: dict[str, str]  # as `retention` says


class Looked(Look, total=False):
    """`looked.json`: what the night's sources looked like at the last look, and what that came to."""

    schema_version: int
    version: str  # of this program
    keys: dict[str, str]  # source -> what it was asked
    sizes: dict[str, int]  # table -> bytes
    kept: dict[
        str, str
    ]  # source -> a digest of its attempts, where these are the stream's kept ones
    sources: dict[str, Known]
    pruned: dict[str, str]
    row: Row  # of a night whose tables were pruned


class Index(TypedDict):
    """A stream's `index.json`."""

    schema_version: int
    nights: dict[str, Row]
    sources: dict[str, Fault]
    years: NotRequired[dict[str, str]]  # year -> its page's fingerprint
    page: NotRequired[str]  # the stream's page's
    moved: NotRequired[dict[str, Any]]  # as `old_urls` says
    is_settled: NotRequired[bool]  # whether all nights' pages were current when it was written


class Store:
    """One stream's nights, below an output folder (`files.Output`)."""

    def __init__(self, output: Output, stream: str) -> None:
        self.output = output
        self.stream = stream
        self.folder = f"{FOLDER}/stream={stream}"

    def nights(self) -> list[datetime.date]:
        """The nights that have a folder in the store, in order."""
        names = self.output.names(self.folder)
        nights = (
            night_named(name.removeprefix("night=")) for name in names if name.startswith("night=")
        )
        return sorted(night for night in nights if night)

    def read_index(self) -> Index:
        """The stream's index: {"schema_version", "nights": {night: row}, "sources": {name: row}}; empty where there is none."""
        read = _decoded(self.output.read(f"{self.folder}/index.json"))
        if _is_index(read):
            index = read
        else:
            index = {"schema_version": columns.SCHEMA_VERSION, "nights": {}, "sources": {}}
            for night in self.nights():
                looked = self.read_looked(night)
                # of a night whose tables were pruned the row is all that is left
                kept = cast(
                    Row,
                    {key: value for key, value in looked.items() if key in (*INDEXED, "pruned")},
                )
                index["nights"][night.isoformat()] = looked.get("row") or kept
        if noted := dict(self._noted()):
            index["nights"].update(noted)
            index.pop("is_settled", None)  # nor was it told what these nights change of others
        return index

    def _noted(self) -> Iterator[tuple[str, Row]]:
        """The rows that were noted after the index was written, by a run that was killed."""
        for line in (self.output.read(f"{self.folder}/index.notes") or b"").splitlines():
            with contextlib.suppress(ValueError):  # the line at which it was killed
                told = json.loads(line) if is_sealed(line, or_never=False) else None
                if (
                    isinstance(told, dict)
                    and isinstance(told.get("row"), dict)
                    and night_named(str(told.get("night")))
                ):
                    yield told["night"], told["row"]

    def note(self, night: datetime.date, row: Row) -> None:
        """Keep a night's new row of the index until that is written: a run that is killed need not do the night again."""
        self.output.append(
            f"{self.folder}/index.notes", sealed(as_json({"night": night.isoformat(), "row": row}))
        )

    def write_index(self, index: Index) -> None:
        # in one order, however the nights came: the same index is the same bytes
        index["nights"] = {night: _in_order(row) for night, row in sorted(index["nights"].items())}
        self.output.write_changed(
            f"{self.folder}/index.json", sealed(encoded(dict(sorted(index.items()))))
        )
        self.output.remove(f"{self.folder}/index.notes")

    def read_looked(self, night: datetime.date) -> Looked:
        """What the last look at a night's sources gave; {} where there was none."""
        looked = self.output.read_json(f"{self.night_folder(night)}/looked.json")
        is_whole = looked is not None and all(
            isinstance(looked.get(name) or {}, dict)
            for name in (
                "keys",
                "kept",
                "notes",
                "pruned",
                "row",
                "silent",
                "happened",
                "sizes",
                "sources",
                "strays",
            )
        )
        return cast(Looked, looked) if is_whole else {}

    def write_looked(self, night: datetime.date, looked: Looked) -> None:
        self.output.write_json(f"{self.night_folder(night)}/looked.json", looked)

    def load(self, night: datetime.date) -> Tables:
        """A night's Tables; empty where nothing is known; StoreError where a table can't be read."""
        from observing_monitor.tables import Tables

        folder = self.night_folder(night)
        return Tables(
            *(
                self._load_table(f"{folder}/{name}.parquet", described)
                for name, described in columns.TABLES.items()
            )
        )

    def load_whole(self, night: datetime.date) -> tuple[Tables, list[str]]:
        """A night's Tables, those empty that can't be read; and a sentence on each of these, which is set aside."""
        from observing_monitor.tables import Tables

        loaded, faults = [], []
        for name, described in columns.TABLES.items():
            path = f"{self.night_folder(night)}/{name}.parquet"
            try:
                loaded.append(self._load_table(path, described))
            except StoreError as error:
                self.output.rename(path, f"{path}.damaged")
                faults.append(f"{error}; set aside as {name}.parquet.damaged")
                loaded.append(columns.empty(described))
        return Tables(*loaded), faults

    def save_attempts(self, source: str, attempts: DataFrame) -> str:
        """Keep what a source told of the newest night, `columns.ATTEMPTS`, instead of what was kept of it before; a digest of it."""
        data = _to_parquet(columns.frame(columns.ATTEMPTS, attempts), columns.ATTEMPTS)
        self.output.write_changed(self._kept_attempts(source), data)
        return _digest(data)

    def load_attempts(self, source: str, digest: str) -> DataFrame | None:
        """What `save_attempts` kept, where it is what had this digest; None where it is something else by now."""
        data = self.output.read(self._kept_attempts(source))
        return (
            None
            if data is None or _digest(data) != digest
            else _from_parquet(data, columns.ATTEMPTS)
        )

    def forget_attempts(self) -> None:
        """Remove all that `save_attempts` kept."""
        for name in self.output.names(self.folder):
            if name.startswith(KEPT):
                self.output.remove(f"{self.folder}/{name}")

    def _kept_attempts(self, source: str) -> str:
        return f"{self.folder}/{KEPT}{urllib.parse.quote(source, safe='')}.parquet"

    def save_halves(
        self, night: datetime.date, told: Tables, tellers: Collection[str]
    ) -> strays.Counts:
        """Write the `strays.halves` of a night's tables, or remove them where there is none; how many they are.

        `tellers` are the sources that tell of attempts.
        """
        from observing_monitor import strays

        halves, digest = strays.halves(told, tellers), hashlib.blake2b(digest_size=16)
        for name in HALVES:
            if halves.files.empty:
                self.output.remove(self._half(night, name))
            else:
                data = _to_parquet(getattr(halves, name), columns.TABLES[name])
                digest.update(data)
                self.output.write_changed(self._half(night, name), data)
        return strays.count(halves, tellers, digest.hexdigest())

    def load_halves(self, night: datetime.date) -> Tables | None:
        """What `save_halves` wrote; None where it is not there whole: the night's tables have it too."""
        from observing_monitor.tables import Tables

        if not all(self.output.exists(self._half(night, name)) for name in HALVES):
            return None
        with contextlib.suppress(StoreError):
            return replace(
                Tables.empty(),
                **{
                    name: self._load_table(self._half(night, name), columns.TABLES[name])
                    for name in HALVES
                },
            )
        return None

    def _half(self, night: datetime.date, name: str) -> str:
        return f"{self.night_folder(night)}/_halves.{name}.parquet"

    def look_again(self, night: datetime.date) -> None:
        """Have the next run read a night anew, whatever its sources look like: a table of it can't be read."""
        looked = self.read_looked(night)
        self.write_looked(night, {**looked, "sizes": {}})

    def is_whole(self, night: datetime.date, sizes: object) -> bool:
        """Whether a night's tables are there, as long as they were when written: a table that was cut is not."""
        folder = self.night_folder(night)
        return isinstance(sizes, dict) and all(
            sizes.get(name) is not None
            and self.output.size(f"{folder}/{name}.parquet") == sizes[name]
            for name in columns.TABLES
        )

    def save(self, night: datetime.date, tables: Tables) -> tuple[str, dict[str, int]]:
        """Write a night's tables; one that would be the same stays untouched. Returns a digest of all three, and sizes."""
        digest, sizes = hashlib.blake2b(digest_size=16), {}
        for name, described in columns.TABLES.items():
            data = _to_parquet(getattr(tables, name), described)
            digest.update(data)
            sizes[name] = len(data)
            self.output.write_changed(f"{self.night_folder(night)}/{name}.parquet", data)
            _just_saved[name] = _digest(data), getattr(tables, name)
        return digest.hexdigest(), sizes

    def night_folder(self, night: datetime.date) -> str:
        """Where a night's tables are, relative to the output."""
        return f"{self.folder}/night={night.isoformat()}"

    def _load_table(self, relative: str, described: Sequence[Column]) -> DataFrame:
        data = self.output.read(relative)
        if data is None or data == _packed_nothing(described):
            return columns.empty(described)
        name = relative.rpartition("/")[2].removesuffix(".parquet")
        if name in _just_saved and _just_saved[name][0] == _digest(data):
            return _just_saved[name][1].copy(deep=False)
        import pyarrow

        try:
            return _from_parquet(data, described)
        except (pyarrow.ArrowException, ValueError, TypeError, OSError) as error:
            raise StoreError(
                f"{self.output.path(relative)}: can't be read ({one_line(error)}); the next run that collects makes it anew"
            ) from error


def _is_index(value: object) -> TypeGuard[Index]:
    """Whether a JSON value is an index as this version writes it; anything else is remade."""
    return (
        isinstance(value, dict)
        and value.get("schema_version") == columns.SCHEMA_VERSION
        and isinstance(value.get("sources"), dict)
        and isinstance(value.get("nights"), dict)
        and all(
            isinstance(row, dict) and _is_night(night) for night, row in value["nights"].items()
        )
    )


def _in_order(row: Row) -> Row:
    names = list(row)  # of most nights it is as it was read
    return row if names == sorted(names) else cast(Row, dict(sorted(row.items())))


def _is_night(text: str) -> bool:
    """As `night_named`, of what we write ourselves: in a tenth of the time, for an index may have thousands."""
    try:
        night = datetime.date.fromisoformat(text)
    except ValueError:
        return False
    return 1970 <= night.year < 2100 and night.isoformat() == text


def _arrow_types() -> dict[str, DataType]:
    import pyarrow as pa

    return {
        "text": pa.string(),
        "int": pa.int64(),
        "float": pa.float64(),
        "bool": pa.bool_(),
        "instant": pa.timestamp("us", "UTC"),
    }


def _to_parquet(frame: DataFrame, described: tuple[Column, ...]) -> bytes:
    """A table as bytes: the same table gives the same bytes."""
    return _packed(frame, described) if len(frame) else _packed_nothing(described)


@functools.cache
def _packed_nothing(described: tuple[Column, ...]) -> bytes:
    return _packed(columns.empty(described), described)


def _packed(frame: DataFrame, described: tuple[Column, ...]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet

    types = _arrow_types()
    schema = pa.schema(
        [pa.field(c.name, types[c.kind]) for c in described],
        metadata={"observing_monitor.schema_version": str(columns.SCHEMA_VERSION)},
    )
    # one thread: a pool of them costs a thousand rows five times what their columns do
    table = pa.Table.from_pandas(
        frame, schema=schema, preserve_index=False, nthreads=1
    ).replace_schema_metadata(schema.metadata)
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(
        table, buffer, compression="zstd", write_page_checksum=True, **_encodings(described)
    )
    return buffer.getvalue()


def _from_parquet(data: bytes, described: Sequence[Column]) -> DataFrame:
    """The other way of `_to_parquet`; pyarrow's exceptions, ValueError or TypeError where the bytes are none of it."""
    import pyarrow
    import pyarrow.parquet

    # not read_table, which looks for a data set of several files first: that takes longer than the reading
    file = pyarrow.parquet.ParquetFile(pyarrow.BufferReader(data), page_checksum_verification=True)
    table = file.read(use_threads=file.metadata.num_rows >= MANY)
    return (
        columns.frame(described, table.to_pandas()) if table.num_rows else columns.empty(described)
    )


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def _encodings(described: Sequence[Column]) -> dict[str, Any]:
    """How Parquet is to pack a table's columns: what differs from row to row but little, as what differs; words as numbers of words.

    A dictionary, which Parquet takes for everything unless told, is as long as the column where no value comes twice: a full
    night's files took eight times the room, and half as long again to write.
    """
    differing = {c.name: "DELTA_BYTE_ARRAY" for c in described if c.name in ALL_DIFFERENT}
    differing |= {c.name: "DELTA_BINARY_PACKED" for c in described if c.kind in ("int", "instant")}
    words = [c.name for c in described if c.kind == "text" and c.name not in ALL_DIFFERENT]
    return {"use_dictionary": words, "column_encoding": differing}


def _decoded(data: bytes | None) -> dict[str, Any] | None:
    """As `Output.read_json`, of a large file: in a fifth of the time."""
    import msgspec

    try:
        value = None if data is None or not is_sealed(data) else msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return (
        {name: member for name, member in value.items() if name != "seal"}
        if isinstance(value, dict)
        else None
    )


def encoded(value: object) -> str | bytes:
    """A value as JSON, in a fifth of the usual time."""
    import msgspec

    try:
        return msgspec.json.encode(value)
    except (UnicodeEncodeError, OverflowError):  # text that is no Unicode
        return as_json(value)
