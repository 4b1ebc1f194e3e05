"""What happened to a night between two readings: pure functions over its tables; and the words for it on the night's page.

The tables tell what is known now. That a file changed its size after it was ingested, came days late or lies elsewhere shows
only beside what was known before, so it is kept, a happening a kind, and stays on the night's page.
"""

from __future__ import annotations

import datetime
from dataclasses import replace
from typing import TYPE_CHECKING

from observing_monitor.model.wording import clock

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    import pandas as pd

    from observing_monitor.model.reading import Tables


MOST_FILES = 100  # of a happening, that are kept by name
A_DAY = datetime.timedelta(days=1)
KINDS = {  # kind -> the level of its finding, and what is said of one file, and of several
    "size_changed": (
        "warning",
        "changed its size after it was ingested",
        "changed their size after they were ingested",
    ),
    "unknown_now": (
        "warning",
        "was ingested, and is no longer known as such",
        "were ingested, and are no longer known as such",
    ),
    "ingested_anew": ("normal", "was ingested anew", "were ingested anew"),
    "late": ("normal", "came late", "came late"),
    "moved": ("normal", "was moved", "were moved"),
    "removed": ("normal", "is no longer on disk", "are no longer on disk"),
}


def moved_files(known: pd.DataFrame, source: str, seen: pd.DataFrame) -> dict[str, str]:
    """Files that lie elsewhere now: the file_id before -> the file_id now.

    `known` are a night's files before (`columns.FILES`), `seen` those that one source has now. A file is the same by its inode, size
    and time, or, on another disk, by its name, size and time, where just one file can be meant.
    """
    from observing_monitor.model.arrays import index_in

    is_theirs = known["source"] == source
    gone = known[known["on_disk"] & is_theirs & (index_in(known["file_id"], seen["file_id"]) < 0)]
    if gone.empty:
        return {}
    new = seen[seen["on_disk"] & (index_in(seen["file_id"], known.loc[is_theirs, "file_id"]) < 0)]
    found: dict[str, str] = {}
    for keys in (
        ["device", "inode", "size_bytes", "created_at"],
        ["name", "size_bytes", "created_at"],
    ):
        if gone.empty or new.empty:
            break
        one = gone.dropna(subset=keys).drop_duplicates(keys, keep=False)
        other = new.dropna(subset=keys).drop_duplicates(keys, keep=False)
        pairs = one[[*keys, "file_id"]].merge(
            other[[*keys, "file_id"]], on=keys, suffixes=("", "_now")
        )
        found |= dict(zip(pairs["file_id"], pairs["file_id_now"], strict=True))
        gone, new = (
            gone[~gone["file_id"].isin(pairs["file_id"])],
            new[~new["file_id"].isin(pairs["file_id_now"])],
        )
    return found


def renamed(known: Tables, moved: Mapping[str, str], seen: pd.DataFrame) -> Tables:
    """A night's tables with the files that were moved as they are found now: a file that lies elsewhere came when it came."""
    if not moved:
        return known

    def called(table: pd.DataFrame) -> pd.DataFrame:
        return table.assign(
            file_id=table["file_id"].map(lambda file_id: moved.get(file_id, file_id)).astype("str")
        )

    files = called(known.files)
    is_moved = files["file_id"].isin(list(moved.values()))
    now = (
        seen.drop_duplicates("file_id")
        .set_index("file_id")
        .reindex(files["file_id"])
        .set_axis(files.index)
    )
    facts = {fact: files[fact].mask(is_moved, now[fact]) for fact in ("device", "inode")}
    return replace(known, files=files.assign(**facts), ingests=called(known.ingests))


def compare(
    before: Tables, after: Tables, stage: str, told: Iterable[str], moved: Mapping[str, str]
) -> dict[str, dict[str, str]]:
    """What happened between two readings: kind -> file_id -> what is said of it, "" where the kind says all.

    Parameters
    ----------
    before, after : Tables
        The night as it was, with files that were moved under their names of now (`renamed`), and as it is.
    stage : str
        The stream's last stage.
    told : collection of str
        The sources that answered: the others' tables are as they were.
    moved : mapping
        As `moved_files` gives it.
    """
    happened = {
        **_of_files(before, after, stage),
        "moved": {new: f"from {old}" for old, new in moved.items()},
    }
    happened |= _of_stage(before, after, stage, set(told))
    return {kind: files_of for kind, files_of in happened.items() if files_of}


def _of_files(before: Tables, after: Tables, stage: str) -> dict[str, dict[str, str]]:
    """As `compare`: files that changed their size after they passed the stage, or are no longer on disk."""
    from observing_monitor.model.arrays import index_in

    # the rows of before that are still there, and beside them those of now: by place, for a night may have 200,000 files
    places = index_in(before.files["file_id"], after.files["file_id"])
    was = before.files[["file_id", "size_bytes", "inode", "on_disk"]][places >= 0].reset_index(
        drop=True
    )
    now = after.files[["size_bytes", "on_disk"]].take(places[places >= 0]).reset_index(drop=True)
    changed = was[
        now["on_disk"]
        & (was["size_bytes"] != now["size_bytes"]).fillna(False).astype(bool)
        & (was["size_bytes"] >= 0)
    ]
    if len(changed):
        changed = changed[
            changed["file_id"].isin(before.ingests.loc[_is_done(before.ingests, stage), "file_id"])
        ]
    # once seen on disk: what only a registry or a log tells of never was
    removed = was.loc[was["on_disk"] & ~now["on_disk"] & was["inode"].notna(), "file_id"]
    return {
        "size_changed": {
            str(row.file_id): f"{row.size_bytes:,} to {now['size_bytes'].at[row.Index]:,} bytes"
            for row in changed.itertuples()
        },
        "removed": dict.fromkeys(removed, ""),
    }


def _of_stage(
    before: Tables, after: Tables, stage: str, told: set[str]
) -> dict[str, dict[str, str]]:
    """As `compare`: files that had passed the stage and are no longer known to, or that passed it anew."""
    from observing_monitor.model.arrays import index_in

    # as the sources that answered tell
    passed_before, passed_now = (_passed(tables.ingests, stage, told) for tables in (before, after))
    if passed_before.equals(passed_now):
        return {}
    passed_before, passed_now = (
        passed.sort_values("attempted_at").drop_duplicates("file_id", keep="last")
        for passed in (passed_before, passed_now)
    )
    passed_before = passed_before[
        index_in(passed_before["file_id"], after.files["file_id"]) >= 0
    ].set_index("file_id")
    both = passed_before.rename(columns={"attempted_at": "was"}).join(
        passed_now.set_index("file_id").rename(columns={"attempted_at": "now"})
    )
    # what waits in a queue again is known there
    heard = after.ingests.loc[after.ingests["stage"] == stage, "file_id"]
    gone = both[both["now"].isna() & both["was"].notna()]
    gone = gone[~gone.index.isin(heard)]
    anew = both[(both["now"] - both["was"]) > datetime.timedelta(minutes=1)]
    return {
        "unknown_now": {
            str(row.Index): f"ingested {_minute(row.was)}" for row in gone.itertuples()
        },
        "ingested_anew": {
            str(row.Index): f"{_minute(row.now)}, before that {_minute(row.was)}"
            for row in anew.itertuples()
        },
    }


def _minute(at: Any) -> str:  # a row's cell: pandas does not tell its type
    return f"{clock(at)} UTC"


def _passed(ingests: pd.DataFrame, stage: str, sources: set[str]) -> pd.DataFrame:
    """When each file passed the stage, as these sources tell: a row an attempt that went well, numbered anew."""
    is_theirs = _is_done(ingests, stage) & ingests["source"].isin(sources)
    return ingests.loc[is_theirs, ["file_id", "attempted_at"]].reset_index(drop=True)


def _is_done(ingests: pd.DataFrame, stage: str) -> pd.Series[bool]:
    """Which attempts are of this stage, and went well."""
    from observing_monitor.tables.classify import DONE

    return (ingests["stage"] == stage) & ingests["status"].isin(DONE)


def came_late(
    before: Tables,
    after: Tables,
    told: Iterable[str],
    ended: datetime.datetime,
    now: datetime.datetime,
) -> dict[str, dict[str, str]]:
    """As `compare`: the files that came more than a day after the night's end; of the sources that told of the night before."""
    if now - ended < A_DAY:
        return {}
    from observing_monitor.model.arrays import index_in

    new = after.files[index_in(after.files["file_id"], before.files["file_id"]) < 0]
    new = new[new["on_disk"] & new["source"].isin(set(told)) & new["transferred_at"].notna()]
    n_days = (
        (new["transferred_at"].where(new["transferred_at"] <= now, now) - ended) // A_DAY
    ).astype(int)
    late = {
        name: f"{n} day{'s' if n != 1 else ''} after the night"
        for name, n in zip(new["file_id"], n_days, strict=True)
        if n >= 1
    }
    return {"late": late} if late else {}


def merged(known: Any, happened: Mapping[str, Mapping[str, str]], at: str) -> dict[str, Any]:
    """What is kept of a night: kind -> {"since", "until", "n", "files"}, with what happened now; `at` is an instant as text."""
    kept = {
        kind: dict(row)
        for kind, row in (known if isinstance(known, dict) else {}).items()
        if kind in KINDS and isinstance(row, dict)
    }
    for kind, files in happened.items():
        row = kept.setdefault(kind, {"since": at, "n": 0, "files": {}})
        named = dict(row["files"])
        new = [file_id for file_id in files if file_id not in named]
        room = max(MOST_FILES - len(named), 0)
        row["files"] = named | {
            file_id: files[file_id]
            for file_id in files
            if file_id in named or file_id in new[:room]
        }
        row["n"] += len(new)
        row["until"] = at
    return kept


def describe(kept: Any) -> list[tuple[str, str]]:
    """What happened, a pair of a level and a sentence for each kind, the worst first."""
    said = []
    for kind, (level, of_one, of_several) in KINDS.items():
        row = (kept or {}).get(kind)
        if not row:
            continue
        n, (first, detail) = row["n"], next(iter(row["files"].items()))
        when = (
            _clock(row["since"])
            if row["since"] == row["until"]
            else f"{_clock(row['since'])} to {_clock(row['until'])}"
        )
        example = f"{first} ({detail})" if detail else first
        what = f"{n:,} files {of_several}" if n > 1 else f"1 file {of_one}"
        said.append(
            (level, f"{what}: {example}{f' and {n - 1:,} more' if n > 1 else ''}; seen {when} UTC")
        )
    return said


def _clock(text: str) -> str:
    return text[:16].replace("T", " ")
