"""The store: nights in and out of Parquet, and an index of nights for each stream.

    data/stream=NAME/night=YYYY-MM-DD/{files,ingests,metrics}.parquet    the tables: what is known
    data/stream=NAME/night=YYYY-MM-DD/looked.json                        what the night's sources looked like then
    data/stream=NAME/index.json                                          a row a night; can be remade from the rest
    data/stream=NAME/index.notes                                         while a run is at work: the rows that are new

A night is the unit of writing. The two JSON files open without pandas, so that a run with nothing new ends at once.
"""

import contextlib
import datetime
import functools
import hashlib
import io
import json
from typing import TypedDict

from observing_monitor import columns
from observing_monitor.errors import StoreError, one_line
from observing_monitor.files import is_sealed, sealed
from observing_monitor.nights import night_named

FOLDER = "data"
INDEXED = ("tables", "notes", "silent", "happened", "changed_at", "is_told")  # what the index has of a night's last look
ALL_DIFFERENT = ("file_id", "name", "path", "destination")  # columns of text in which hardly any value comes twice


class Silent(TypedDict):
    """A source that did not answer: why, and since when (ISO 8601, UTC)."""

    problem: str
    since: str


class Store:
    """One stream's nights, below an output folder (`files.Output`)."""

    def __init__(self, output, stream):
        self.output = output
        self.stream = stream
        self.folder = f"{FOLDER}/stream={stream}"

    def nights(self):
        """The nights that have a folder in the store, in order."""
        names = self.output.names(self.folder)
        nights = (night_named(name.removeprefix("night=")) for name in names if name.startswith("night="))
        return sorted(night for night in nights if night)

    def read_index(self):
        """The stream's index: {"schema_version", "nights": {night: row}, "sources": {name: row}}; empty where there is none."""
        index = _decoded(self.output.read(f"{self.folder}/index.json"))
        if not _is_index(index):
            index = {"schema_version": columns.SCHEMA_VERSION, "nights": {}, "sources": {}}
            for night in self.nights():
                looked = self.read_looked(night)
                # of a night whose tables were pruned the row is all that is left
                kept = {key: looked[key] for key in (*INDEXED, "pruned") if key in looked}
                index["nights"][night.isoformat()] = looked.get("row") or kept
        if noted := dict(self._noted()):
            index["nights"].update(noted)
            index.pop("is_settled", None)  # nor was it told what these nights change of others
        return index

    def _noted(self):
        """The rows that were noted after the index was written, by a run that was killed."""
        for line in (self.output.read(f"{self.folder}/index.notes") or b"").splitlines():
            with contextlib.suppress(ValueError):  # the line at which it was killed
                told = json.loads(line) if is_sealed(line, or_never=False) else None
                if isinstance(told, dict) and isinstance(told.get("row"), dict) and night_named(str(told.get("night"))):
                    yield told["night"], told["row"]

    def note(self, night, row):
        """Keep a night's new row of the index until that is written: a run that is killed need not do the night again."""
        self.output.append(f"{self.folder}/index.notes", sealed(_json({"night": night.isoformat(), "row": row})))

    def write_index(self, index):
        # in one order, however the nights came: the same index is the same bytes
        index["nights"] = {night: dict(sorted(row.items())) for night, row in sorted(index["nights"].items())}
        index = {key: index[key] for key in sorted(index) if key != "seal"}
        self.output.write_changed(f"{self.folder}/index.json", sealed(_encoded(index)))
        self.output.remove(f"{self.folder}/index.notes")

    def read_looked(self, night):
        """What the last look at a night's sources gave; {} where there was none."""
        looked = self.output.read_json(f"{self.night_folder(night)}/looked.json")
        is_whole = isinstance(looked, dict) and all(
            isinstance(looked.get(name) or {}, dict)
            for name in ("keys", "notes", "pruned", "row", "silent", "happened", "sizes", "sources")
        )
        return looked if is_whole else {}

    def write_looked(self, night, looked):
        unsealed = {name: value for name, value in looked.items() if name != "seal"}
        self.output.write_changed(f"{self.night_folder(night)}/looked.json", sealed(_json(unsealed)))

    def load(self, night):
        """A night's Tables; empty where nothing is known; StoreError where a table can't be read."""
        from observing_monitor.tables import Tables

        return Tables(*(self._load_table(night, name, described) for name, described in columns.TABLES.items()))

    def load_whole(self, night):
        """A night's Tables, those empty that can't be read; and a sentence on each of these, which is set aside."""
        from observing_monitor.tables import Tables

        loaded, faults = [], []
        for name, described in columns.TABLES.items():
            try:
                loaded.append(self._load_table(night, name, described))
            except StoreError as error:
                path = f"{self.night_folder(night)}/{name}.parquet"
                self.output.rename(path, f"{path}.damaged")
                faults.append(f"{error}; set aside as {name}.parquet.damaged")
                loaded.append(columns.empty(described))
        return Tables(*loaded), faults

    def look_again(self, night):
        """Have the next run read a night anew, whatever its sources look like: a table of it can't be read."""
        looked = self.read_looked(night)
        self.write_looked(night, {**looked, "sizes": {}})

    def is_whole(self, night, sizes):
        """Whether a night's tables are there, as long as they were when written: a table that was cut is not."""
        folder = self.night_folder(night)
        return isinstance(sizes, dict) and all(
            sizes.get(name) is not None and self.output.size(f"{folder}/{name}.parquet") == sizes[name] for name in columns.TABLES
        )

    def save(self, night, tables):
        """Write a night's tables; one that would be the same stays untouched. Returns a digest of all three, and sizes."""
        digest, sizes = hashlib.blake2b(digest_size=16), {}
        for name, described in columns.TABLES.items():
            data = _to_parquet(getattr(tables, name), described)
            digest.update(data)
            sizes[name] = len(data)
            self.output.write_changed(f"{self.night_folder(night)}/{name}.parquet", data)
        return digest.hexdigest(), sizes

    def night_folder(self, night):
        """Where a night's tables are, relative to the output."""
        return f"{self.folder}/night={night.isoformat()}"

    def _load_table(self, night, name, described):
        relative = f"{self.night_folder(night)}/{name}.parquet"
        data = self.output.read(relative)
        if data is None:
            return columns.empty(described)
        import pyarrow
        import pyarrow.parquet

        try:
            table = pyarrow.parquet.read_table(io.BytesIO(data), use_threads=False, page_checksum_verification=True)
            return columns.frame(described, table.to_pandas()) if table.num_rows else columns.empty(described)
        except (pyarrow.ArrowException, ValueError, TypeError, OSError) as error:
            raise StoreError(
                f"{self.output.path(relative)}: can't be read ({one_line(error)}); the next run that collects makes it anew"
            ) from error


def _is_index(value):
    """Whether a JSON value is an index as this version writes it; anything else is remade."""
    return (
        isinstance(value, dict)
        and value.get("schema_version") == columns.SCHEMA_VERSION
        and isinstance(value.get("sources"), dict)
        and isinstance(value.get("nights"), dict)
        and all(isinstance(row, dict) and night_named(night) for night, row in value["nights"].items())
    )


def _arrow_types():
    import pyarrow as pa

    return {"text": pa.string(), "int": pa.int64(), "float": pa.float64(), "bool": pa.bool_(), "instant": pa.timestamp("us", "UTC")}


def _to_parquet(frame, described):
    """A table as bytes: the same table gives the same bytes."""
    return _packed(frame, described) if len(frame) else _packed_nothing(described)


@functools.cache
def _packed_nothing(described):
    return _packed(columns.empty(described), described)


def _packed(frame, described):
    import pyarrow as pa
    import pyarrow.parquet

    types = _arrow_types()
    schema = pa.schema(
        [pa.field(c.name, types[c.kind]) for c in described],
        metadata={"observing_monitor.schema_version": str(columns.SCHEMA_VERSION)},
    )
    table = pa.Table.from_pandas(frame, schema=schema, preserve_index=False).replace_schema_metadata(schema.metadata)
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(table, buffer, compression="zstd", write_page_checksum=True, **_encodings(described))
    return buffer.getvalue()


def _encodings(described):
    """How Parquet is to pack a table's columns: what differs from row to row but little, as what differs; words as numbers of words.

    A dictionary, which Parquet takes for everything unless told, is as long as the column where no value comes twice: a full
    night's files took eight times the room, and half as long again to write.
    """
    differing = {c.name: "DELTA_BYTE_ARRAY" for c in described if c.name in ALL_DIFFERENT}
    differing |= {c.name: "DELTA_BINARY_PACKED" for c in described if c.kind in ("int", "instant")}
    words = [c.name for c in described if c.kind == "text" and c.name not in ALL_DIFFERENT]
    return {"use_dictionary": words, "column_encoding": differing}


def _decoded(data):
    """The value of a large JSON file, in a fifth of the usual time; None where it is none."""
    import msgspec

    try:
        return None if data is None or not is_sealed(data) else msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _encoded(value):
    import msgspec

    try:
        return msgspec.json.encode(value)
    except (UnicodeEncodeError, OverflowError):  # text that is no Unicode
        return _json(value)


def _json(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_plain)


def _plain(value):
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.UTC).isoformat().replace("+00:00", "Z")
    raise TypeError(f"{type(value).__name__} is not for JSON")
