"""Changes of a night between two readings, and sentences about them.

Tables hold the present state. That a file changed its size after it was ingested, arrived days
late or was moved shows only in comparison with the state before. So changes are kept, by kind, and
stay on the night's page.
"""

from __future__ import annotations

import datetime
from dataclasses import replace
from typing import TYPE_CHECKING

from observing_monitor.model.finding import Row
from observing_monitor.model.wording import clock

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    import pandas as pd

    from observing_monitor.model.reading import Tables


# files of a kind that are kept by name
MOST_FILES = 100
A_DAY = datetime.timedelta(days=1)
# kind -> level of its finding, and the words for one file and for several
KINDS = {
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


def moved_files(before: pd.DataFrame, source: str, seen: pd.DataFrame) -> dict[str, str]:
    """Return files that were moved: old file_id -> new file_id.

    A file is the same if its inode, size and creation are, or its name, size and creation if
    it moved to another disk. Only if exactly one file matches.

    Parameters
    ----------
    before : DataFrame
        The night's files before, `columns.FILES`.
    source : str
    seen : DataFrame
        The files that the source has now, `columns.FILES`.
    """
    from observing_monitor.model.arrays import index_in

    is_theirs = before["source"] == source
    is_left = index_in(before["file_id"], seen["file_id"]) >= 0
    gone = before[before["on_disk"] & is_theirs & ~is_left]
    if gone.empty:
        return {}
    new = seen[seen["on_disk"] & (index_in(seen["file_id"], before.loc[is_theirs, "file_id"]) < 0)]
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


def renamed(before: Tables, moved: Mapping[str, str], seen: pd.DataFrame) -> Tables:
    """Return a night's tables with moved files under their new file_ids.

    Their device and inode become those of `seen`; all else stays, as the time of arrival.
    """
    if not moved:
        return before

    def with_new_ids(table: pd.DataFrame) -> pd.DataFrame:
        return table.assign(
            file_id=table["file_id"].map(lambda file_id: moved.get(file_id, file_id)).astype("str")
        )

    files = with_new_ids(before.files)
    is_moved = files["file_id"].isin(list(moved.values()))
    now = (
        seen.drop_duplicates("file_id")
        .set_index("file_id")
        .reindex(files["file_id"])
        .set_axis(files.index)
    )
    facts = {fact: files[fact].mask(is_moved, now[fact]) for fact in ("device", "inode")}
    return replace(before, files=files.assign(**facts), ingests=with_new_ids(before.ingests))


def compare(
    before: Tables, after: Tables, stage: str, answered: Iterable[str], moved: Mapping[str, str]
) -> dict[str, dict[str, str]]:
    """Return the changes between two readings of a night, by kind.

    Parameters
    ----------
    before, after : Tables
        `before` with moved files under their new file_ids, from `renamed`.
    stage : str
        The stream's last stage.
    answered : iterable of str
        The sources that answered. Tables of the others did not change.
    moved : mapping
        From `moved_files`.

    Returns
    -------
    dict
        Kind -> file_id -> details, or "" if the kind says all. Without kinds of no file.
    """
    found = {
        **_changed_files(before, after, stage),
        "moved": {new: f"from {old}" for old, new in moved.items()},
        **_changed_ingests(before, after, stage, set(answered)),
    }
    return {kind: files for kind, files in found.items() if files}


def _changed_files(before: Tables, after: Tables, stage: str) -> dict[str, dict[str, str]]:
    """Return files that changed size after the stage, or were removed.

    As `compare`.
    """
    from observing_monitor.model.arrays import index_in

    # rows of both by position, since merging the 200,000 files of a night is slow
    rows = index_in(before.files["file_id"], after.files["file_id"])
    was = before.files[["file_id", "size_bytes", "inode", "on_disk"]][rows >= 0]
    was = was.reset_index(drop=True)
    now = after.files[["size_bytes", "on_disk"]].take(rows[rows >= 0]).reset_index(drop=True)
    changed = was[
        now["on_disk"]
        & (was["size_bytes"] != now["size_bytes"]).fillna(False).astype(bool)
        & (was["size_bytes"] >= 0)
    ]
    if len(changed):
        changed = changed[
            changed["file_id"].isin(before.ingests.loc[_is_done(before.ingests, stage), "file_id"])
        ]
    # with an inode: a file that only a registry or a log mentions was never seen on disk
    removed = was.loc[was["on_disk"] & ~now["on_disk"] & was["inode"].notna(), "file_id"]
    return {
        "size_changed": {
            str(row.file_id): f"{row.size_bytes:,} to {now['size_bytes'].at[row.Index]:,} bytes"
            for row in changed.itertuples()
        },
        "removed": dict.fromkeys(removed, ""),
    }


def _changed_ingests(
    before: Tables, after: Tables, stage: str, answered: set[str]
) -> dict[str, dict[str, str]]:
    """Return files with a success that is gone or was repeated.

    As `compare`, for the attempts of the sources that answered.
    """
    from observing_monitor.model.arrays import index_in

    passed_before, passed_now = (
        _passed(tables.ingests, stage, answered) for tables in (before, after)
    )
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
    # a file that waits in a queue again is still known
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
    """Return some sources' successful attempts, with a new index."""
    is_theirs = _is_done(ingests, stage) & ingests["source"].isin(sources)
    return ingests.loc[is_theirs, ["file_id", "attempted_at"]].reset_index(drop=True)


def _is_done(ingests: pd.DataFrame, stage: str) -> pd.Series[bool]:
    """Return True for each successful attempt of a stage."""
    from observing_monitor.tables.classify import DONE

    return (ingests["stage"] == stage) & ingests["status"].isin(DONE)


def came_late(
    before: Tables,
    after: Tables,
    answered: Iterable[str],
    ended: datetime.datetime,
    now: datetime.datetime,
) -> dict[str, dict[str, str]]:
    """Return new files that arrived more than a day after the night's end.

    Parameters
    ----------
    before, after : Tables
    answered : iterable of str
        The sources that answered now and had data of the night before.
    ended, now : datetime
        The night's end, and the time of the run.

    Returns
    -------
    dict
        As `compare`, with the kind `late` or empty.
    """
    if now - ended < A_DAY:
        return {}
    from observing_monitor.model.arrays import index_in

    new = after.files[index_in(after.files["file_id"], before.files["file_id"]) < 0]
    new = new[new["on_disk"] & new["source"].isin(set(answered)) & new["transferred_at"].notna()]
    n_days = (
        (new["transferred_at"].where(new["transferred_at"] <= now, now) - ended) // A_DAY
    ).astype(int)
    late = {
        name: f"{n} day{'s' if n != 1 else ''} after the night"
        for name, n in zip(new["file_id"], n_days, strict=True)
        if n >= 1
    }
    return {"late": late} if late else {}


def merged(
    kept: Any, changes: Mapping[str, Mapping[str, str]], at: str
) -> dict[str, dict[str, Any]]:
    """Return the changes to keep of a night, with new ones.

    Parameters
    ----------
    kept : object
        The result of an earlier call, from a file on disk.
    changes : mapping
        From `compare` and `came_late`.
    at : str
        The time of the run, ISO 8601 in UTC.

    Returns
    -------
    dict
        Kind -> {"since", "until", "n", "files"}. `files` has at most MOST_FILES names.
    """
    made: dict[str, dict[str, Any]] = {
        kind: dict(row)
        for kind, row in (kept if isinstance(kept, dict) else {}).items()
        if kind in KINDS and isinstance(row, dict)
    }
    for kind, files in changes.items():
        row = made.setdefault(kind, {"since": at, "n": 0, "files": {}})
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
    return made


def of_files(kept: Any, file_ids: pd.Series[str]) -> dict[str, dict[str, Any]]:
    """Return the changes to keep, without files that are no longer known.

    Parameters
    ----------
    kept : object
        As for `merged`.
    file_ids : Series of str
        The files of the night.
    """
    known, made = set(file_ids), merged(kept, {}, "")
    for kind, row in list(made.items()):
        named = {file_id: detail for file_id, detail in row["files"].items() if file_id in known}
        made[kind] = {**row, "files": named, "n": row["n"] - len(row["files"]) + len(named)}
        if not named:
            del made[kind]
    return made


def describe(kept: Any) -> list[tuple[str, str, tuple[Row, ...]]]:
    """Return level, sentence and rows of each change, worst first.

    `kept` is the result of `merged`.
    """
    described = []
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
        more = f" and {n - 1:,} more" if n > 1 else ""
        rows = tuple(Row(name, detail or of_one) for name, detail in row["files"].items())
        described.append((level, f"{what}: {example}{more}; seen {when} UTC", rows))
    return described


def _clock(text: str) -> str:
    return text[:16].replace("T", " ")
