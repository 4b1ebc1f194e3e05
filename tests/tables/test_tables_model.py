"""Tables of random nights compared with rules worked out by hand."""

import math
import os
import re
from fnmatch import fnmatchcase

import pandas as pd
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from observing_monitor.model import arrays, columns, frames
from observing_monitor.tables import classify, match, summary
from observing_monitor.tables.classify import Limits

NOW = pd.Timestamp("2020-02-13T06:00:00Z")
HOUR = pd.Timedelta(hours=1)
# The same nights in every run, and no database of them. `make mutants` needs no smallest night.
sought = (
    (Phase.explicit, Phase.generate)
    if "MUTANT_UNDER_TEST" in os.environ
    else (Phase.explicit, Phase.generate, Phase.shrink)
)
as_usual = settings(max_examples=60, derandomize=True, database=None, deadline=None, phases=sought)

instants = st.sampled_from(
    [
        None,
        *(NOW + n * HOUR / 2 for n in (-5, -4, -2, -1, 0, 1, 4)),
        NOW + pd.Timedelta(microseconds=1),
    ]
)
maybe = st.sampled_from
facts = {
    "obsid": maybe([None, "O1", "O2"]),
    "exposure": maybe([None, "E1", "E2"]),
    "seq_num": maybe([None, 1, 2]),
    "detector": maybe([None, "0", "1"]),
    "exposed_at": instants,
}
a_file = st.fixed_dictionaries(
    {
        "name": maybe(["a.fits", "A.FIT", "b.fits.fz", "c", "d.json"]),
        "kind": maybe(["fits", "fits", "fits", "json"]),
        "size_bytes": maybe([None, 0, 9_999, 10_000, 70_000]),
        "created_at": instants,
        "transferred_at": instants,
        "on_disk": st.booleans(),
        "device": maybe([None, 1, 2]),
        "inode": maybe([None, 10, 20]),
        **facts,
    }
)
a_try = st.fixed_dictionaries(
    {
        "stage": maybe(["ingest", "ingest", "export"]),
        "status": maybe([None, *columns.STATUSES]),
        "attempted_at": instants,
        "attempt": maybe([None, 1, 2]),
        "message": maybe([None, "", "a", "b"]),
    }
)


def table(described, rows):
    return frames.frame(described, pd.DataFrame(rows)) if rows else frames.empty(described)


def plain(frame, names=None):
    """Return rows as tuples of plain values, None for null."""
    rows = frame[list(names) if names else list(frame)].astype("object")
    return [
        tuple(None if pd.isna(value) else value for value in row)
        for row in rows.itertuples(index=False)
    ]


def first(*values):
    return next((value for value in values if value is not None), None)


@st.composite
def nights(draw):
    """Draw files, attempts in any order, limits, and `has_answered`."""
    files = [
        {"file_id": f"n/{n}/{file['name']}", "source": "files", **file}
        for n, file in enumerate(draw(st.lists(a_file, max_size=6)))
    ]
    owners = st.sampled_from(["elsewhere.fits", *(file["file_id"] for file in files)])
    tries = draw(
        st.lists(
            st.builds(
                lambda owner, tried: {"file_id": owner, "source": "gen2", **tried}, owners, a_try
            ),
            max_size=14,
        )
    )
    limits = Limits(
        draw(maybe(["ingest", "ingest", "export", ""])),
        draw(maybe([1800, 3600])),
        10_000,
        draw(maybe([(), ("A.*", "c*")])),
    )
    return files, tries, limits, draw(maybe([True, True, False]))


def judged_by_hand(file, tries, limits, has_answered):
    """Return what `classify` adds for one file, by the rules of the schema."""
    order = sorted(  # stable: of two that nothing tells apart the later row counts
        (tried for tried in tries if tried["stage"] == limits.last_stage),
        key=lambda tried: (
            tried["attempted_at"] or pd.Timestamp(0, tz="UTC"),
            tried["attempt"] or -1,
        ),
    )
    last = order[-1] if order else {"status": None, "message": None, "attempted_at": None}
    status, n_attempts = (
        last["status"],
        sum(tried["status"] not in classify.WAITING for tried in order),
    )
    done = [tried for tried in order if tried["status"] in ("success", "lost")]
    done_at = done[-1]["attempted_at"] if done else None
    created = first(file["exposed_at"], file["created_at"])
    heard = min((tried["attempted_at"] for tried in tries if tried["attempted_at"]), default=None)
    since = first(
        created if created and created <= NOW else None, file["transferred_at"], heard, created
    )
    is_again = status == "unregistered" or (status in classify.WAITING and n_attempts > 0)
    late_at = last["attempted_at"] if is_again else since
    late_at = (
        None
        if status == "backfill" or late_at is None
        else late_at + pd.Timedelta(seconds=limits.pending_limit_s)
    )
    is_young = late_at is not None and late_at > NOW
    is_done = status in ("success", "lost") or (
        status in ("waiting", "running", "deferred") and done_at is not None
    )
    if is_done if limits.last_stage else file["on_disk"]:
        file_class = "ingested"
    elif not file["on_disk"]:
        file_class = "gone"
    elif status == "ignored" or any(
        fnmatchcase(file["name"], pattern) for pattern in limits.ignore
    ):
        file_class = "ignored"
    elif file["kind"] != "fits":
        file_class = "not_fits"
    elif status in ("failure", "invalid", "unknown") or (
        is_again and not is_young and status != "backfill"
    ):
        file_class = "failed"
    elif is_young or status == "backfill" or not has_answered:
        file_class = "pending"
    else:
        file_class = (
            "small"
            if file["size_bytes"] is not None and file["size_bytes"] < limits.small_bytes
            else "missing"
        )
    return {
        "created_at": created,
        "last_status": status,
        "message": last["message"],
        "tried_at": last["attempted_at"],
        "n_attempts": n_attempts,
        "late_at": late_at,
        "ingested_at": done_at if is_done else None,
        "file_class": file_class,
    }


@as_usual
@given(nights())
def test_classes_by_hand(night):
    """Every file has the class and facts of the rules."""
    files, tries, limits, has_answered = night
    judged = classify.classify(
        table(columns.FILES, files), table(columns.INGESTS, tries), limits, NOW, has_answered
    )
    expected = [
        judged_by_hand(f, [t for t in tries if t["file_id"] == f["file_id"]], limits, has_answered)
        for f in files
    ]
    names = list(
        judged_by_hand(
            dict.fromkeys(["exposed_at", "created_at", "transferred_at", "on_disk"]),
            [],
            Limits(),
            True,
        )
    )
    assert plain(judged, names) == [tuple(row.values()) for row in expected]
    assert list(judged["file_id"]) == [f["file_id"] for f in files]
    pending = [row["late_at"] for row in expected if row["file_class"] == "pending"]
    assert classify.next_change(judged, has_answered) == (
        min(filter(None, pending), default=None) if has_answered else None
    )


def quantile(values, fraction):
    """Return a quantile, linear between two values, or None."""
    values = sorted(values)
    place = fraction * (len(values) - 1)
    low = math.floor(place)
    return (
        values[low] + (values[math.ceil(place)] - values[low]) * (place - low) if values else None
    )


@as_usual
@given(nights())
def test_summary_by_hand(night):
    """A night's numbers are those counted in its list of files."""
    files, tries, limits, has_answered = night
    judged = classify.classify(
        table(columns.FILES, files), table(columns.INGESTS, tries), limits, NOW, has_answered
    )
    rows = [dict(zip(judged, row, strict=True)) for row in plain(judged)]
    of = {c.name: [row for row in rows if row["file_class"] == c.name] for c in columns.CLASSES}
    assert sum(map(len, of.values())) == len(files)
    names = [row["name"] for row in rows if row["on_disk"]]
    due = len(rows) - len(of["pending"]) - len(of["ignored"]) - len(of["not_fits"])
    sizes = [row["size_bytes"] for row in rows if row["size_bytes"] is not None]
    named = {}
    for row in rows:
        if row["exposure"] and row["obsid"]:
            named.setdefault(row["exposure"], row["obsid"])
    expected = {
        "n_files": len(files),
        **{f"n_{name}": len(own) for name, own in of.items()},
        "n_error": len(of["failed"]) + len(of["missing"]),
        **dict.fromkeys(("n_acknowledged", "n_acknowledged_errors"), 0),
        "n_lost": sum(row["last_status"] == "lost" for row in rows),
        "n_twice": len(names) - len(set(names)),
        "n_exposures": len(
            {first(row["obsid"], named.get(row["exposure"]), row["exposure"]) for row in rows}
            - {None}
        ),
        "size_bytes": sum(sizes) if sizes else None,
        "completeness": len(of["ingested"]) / due if due else None,
        **dict.fromkeys(c.name for c in columns.USE),
        "first_created_at": min(filter(None, (row["created_at"] for row in rows)), default=None),
    }
    for stage in ("created", "transferred", "ingested"):
        expected[f"last_{stage}_at"] = max(
            filter(None, (row[f"{stage}_at"] for row in rows)), default=None
        )
    spans = {
        "transfer": ("transferred_at", "created_at", "created_at"),
        "ingest": ("ingested_at", "transferred_at", "created_at"),
    }
    for stage, (until, since, or_since) in spans.items():
        pairs = [(row[until], first(row[since], row[or_since])) for row in rows]
        seconds = [(end - start).total_seconds() for end, start in pairs if end and start]
        for name, fraction in {"median": 0.5, "p90": 0.9, "max": 1}.items():
            expected[f"{stage}_delay_{name}_s"] = (
                pytest.approx(quantile(seconds, fraction), abs=0.0006) if seconds else None
            )
    assert summary.summarise(judged) == expected
    tried, came = (
        [row["tried_at"] for row in of["failed"]],
        [first(row["transferred_at"], row["created_at"]) for row in of["missing"]],
    )
    since = {
        "failed": min(filter(None, tried), default=None),
        "missing": min(filter(None, came), default=None),
    }
    assert classify.first_errors(judged) == {name: at for name, at in since.items() if at}
    early = [
        (r["created_at"] - r["transferred_at"]).total_seconds()
        for r in rows
        if r["created_at"] and r["transferred_at"]
    ]
    early = [seconds for seconds in early if seconds > 3600]
    assert classify.count_misdated(judged) == (len(early), max(early, default=0.0))


def stem(name):
    return re.sub(r"(?i)\.(fits?|fts)(\.(fz|gz|bz2))?$", "", name)


def stems_of(tried):
    """Return the stems of an attempt's names."""
    return [stem(name) for name in (tried["names"] or "").split("\n") if stem(name)]


def share(ids, own):
    """Give attempts the file of another on their path."""
    found = {}
    for i, path in zip(ids, own, strict=True):
        if i is not None:
            found.setdefault(path, i)
    ids[:] = [found.get(path) if i is None else i for i, path in zip(ids, own, strict=True)]


def joint_by_hand(tries, lone, own):
    """Return the file_id of each attempt without a file, by its number."""
    sources = list(dict.fromkeys(tries[n]["source"] for n in lone))
    n_names = {
        s: max((tries[n]["names"] or "").count("\n") for n in lone if tries[n]["source"] == s)
        for s in sources
    }
    ids, placed = {}, []
    for source in sorted(sources, key=lambda source: -n_names[source]):
        theirs = [n for n in lone if tries[n]["source"] == source]
        found = [joint_with(tries, placed, tries[n]) for n in theirs]
        paths = [own[n] for n in theirs]
        share(found, paths)
        for n, other in zip(theirs, found, strict=True):
            ids[n] = own[n] if other is None else ids[other]
        placed = [n for n in lone if n in ids]
    return ids


def joint_with(tries, placed, tried):
    """Return an earlier attempt on the same file, or None."""
    if tried["device"] is not None and tried["inode"] is not None:
        for n in placed:
            place = (tries[n]["device"], tries[n]["inode"])
            if tries[n]["on_disk"] and place == (tried["device"], tried["inode"]):
                return n
    return next(
        (n for wanted in stems_of(tried) for n in placed if wanted in stems_of(tries[n])), None
    )


# facts of a file that only attempts mention, from any of them
LEARNED = (*match.ENRICHED, "size_bytes", "created_at", "transferred_at", "device", "inode")
an_attempt = st.fixed_dictionaries(
    {
        "source": maybe(["gen2", "gen3"]),
        "path": maybe(["raw/0.fits", "raw/1", "raw/2.JSON", "deep/0.fits"]),
        "names": maybe([None, "", ".fits", "a", "A", "b.fits.gz", "x\nb", "c\na.fits", "d.json"]),
        "stage": st.just("ingest"),
        "status": maybe(["success", "failure"]),
        "attempted_at": instants,
        "on_disk": st.booleans(),
        "size_bytes": maybe([None, 5]),
        "transferred_at": instants,
        "created_at": instants,
        "device": maybe([None, 1, 2]),
        "inode": maybe([None, 10, 20]),
        **facts,
    }
)


@as_usual
@given(
    st.lists(a_file, max_size=6),
    st.lists(an_attempt, max_size=7),
    st.lists(
        maybe(
            [
                "gen2:raw/0.fits",
                "gen2:raw/a.fits",
                "gen3:raw/1",
                "gen3:raw/b.fits",
                "gen2:raw/d.json",
            ]
        ),
        unique=True,
        max_size=3,
    ),
    st.randoms(use_true_random=False),
)
def test_matches_by_hand(of_files, tries, made_up, random):
    """An attempt finds its file by inode, then by name, or makes one."""
    of_files = [{"file_id": f"n/{n}", "source": "files", **file} for n, file in enumerate(of_files)]
    made_up = [
        {"file_id": i, "name": i.rpartition("/")[2], "source": i.partition(":")[0], "on_disk": True}
        for i in made_up
    ]

    ids = []
    for tried in tries:
        is_known = tried["device"] is not None and tried["inode"] is not None
        same = (
            f
            for f in of_files
            if is_known
            and f["on_disk"]
            and (f["device"], f["inode"]) == (tried["device"], tried["inode"])
        )
        ids.append(next((f["file_id"] for f in same), None))
    own = [f"{tried['source']}:{tried['path']}" for tried in tries]
    share(ids, own)
    by_inode = list(ids)
    named_now = set()
    for n, tried in enumerate(tries):
        taken = {
            i for i, one in zip(by_inode, tries, strict=True) if one["source"] == tried["source"]
        }
        free = [f for f in of_files if f["file_id"] not in taken]
        stems = stems_of(tried)
        if ids[n] is None:
            ids[n] = next(
                (f["file_id"] for wanted in stems for f in free if stem(f["name"]) == wanted), None
            )
        named_now.add(
            next(
                (f["file_id"] for wanted in stems for f in made_up if stem(f["name"]) == wanted),
                None,
            )
        )
    share(ids, own)
    expected = {}
    for file in of_files:
        theirs = [tried for tried, i in zip(tries, ids, strict=True) if i == file["file_id"]]
        told = {
            fact: first(*(tried[fact] for tried in theirs), file[fact]) for fact in match.ENRICHED
        }
        expected[file["file_id"]] = (
            file
            | told
            | {
                "transferred_at": first(
                    file["transferred_at"], *(t["transferred_at"] for t in theirs)
                )
            }
        )
    for n, i in joint_by_hand(tries, [n for n, i in enumerate(ids) if i is None], own).items():
        ids[n] = i
    for i in dict.fromkeys(ids):
        on_it = [tried for tried, one in zip(tries, ids, strict=True) if one == i]
        makers = [tried for tried in on_it if f"{tried['source']}:{tried['path']}" == i]
        if i not in expected:
            others = [tried for tried in on_it if tried not in makers]
            name = makers[0]["path"].rpartition("/")[2]
            kind = "json" if name == "2.JSON" else "fits"
            facts_of = {
                fact: first(makers[0][fact], *(other[fact] for other in others)) for fact in LEARNED
            }
            expected[i] = (
                {c.name: None for c in columns.FILES}
                | makers[0]
                | facts_of
                | {"file_id": i, "name": name, "kind": kind}
            )
    own_ids = set(own)
    for file in made_up:
        if file["file_id"] not in {*named_now, *own_ids} and file["name"] not in {
            f["name"] for f in of_files
        }:
            expected[file["file_id"]] = (
                {c.name: None for c in columns.FILES} | file | {"on_disk": False}
            )

    files = random.sample(of_files, len(of_files))  # their order does not matter
    empty = frames.empty(columns.ATTEMPTS).assign(source=pd.Series(dtype="str"))
    asked = table((*columns.ATTEMPTS, columns.INGESTS[-1]), tries) if tries else empty
    matched, found = match.match(
        table(columns.FILES, files), asked, table(columns.FILES, made_up) if made_up else None
    )
    names = [c.name for c in columns.FILES]
    got = {row[0]: dict(zip(names, row, strict=True)) for row in plain(matched, names)}
    assert (
        len(got) == len(matched)
        and list(matched.columns) == names
        and list(matched.index) == list(range(len(matched)))
    )
    assert got == {i: {name: row.get(name) for name in names} for i, row in expected.items()}
    told = [c.name for c in columns.INGESTS]
    assert plain(found, told) == [
        tuple((row | {"file_id": i}).get(name) for name in told)
        for row, i in zip(tries, ids, strict=True)
    ]


@as_usual
@example([(None, None, None), ("a", None, None), ("b", None, None)])
@given(
    st.lists(st.tuples(maybe([None, "a", "b", "B"]), instants, maybe([None, -1, 0, 3])), max_size=8)
)
def test_rows_are_sorted(rows):
    """Rows are sorted with nulls last; equal ones keep their order."""
    described = [
        columns.Column("id", "text", ""),
        columns.Column("at", "instant", ""),
        columns.Column("n", "int", ""),
    ]
    frame = table(
        [*described, columns.Column("row", "int", "")],
        [dict(zip(("id", "at", "n", "row"), (*r, n), strict=True)) for n, r in enumerate(rows)],
    )
    for by in (["id", "at", "n"], ["at", "id"], ["n"]):
        values = [
            frame[name].astype("object").where(frame[name].notna(), None).tolist() for name in by
        ]
        keys = [
            [(value is None, value) if value is not None else (True,) for value in row]
            for row in zip(*values, strict=True)
        ]
        made = arrays.sort_rows(frame, by)
        assert made["row"].tolist() == sorted(range(len(rows)), key=keys.__getitem__) and list(
            made.index
        ) == list(range(len(rows)))
        assert list(made) == list(frame)
