"""Data taken over from the prototype, in a night's tables."""

from night_tables import HOUR, NOW, files, ingests, metrics, plain

from observing_monitor.model import columns, frames
from observing_monitor.model.reading import Tables
from observing_monitor.tables.history import join_history, split_history, with_history

OLD = {"source": columns.HISTORY}


def test_history_is_split_and_joined():
    """The prototype's data are split off, and replaced row by row."""
    numbers = [{"node": None}, {"node": "1"}, {"sampled_at": None}]
    both = Tables(
        files({"file_id": "n/a"}, {"file_id": "n/b", **OLD}, {"file_id": "n/c", **OLD}),
        ingests(
            {"file_id": "n/a"},
            {"file_id": "n/b", "message": "before", **OLD},
            {"file_id": "n/b", "stage": "t", **OLD},
        ),
        metrics(
            {"name": "m"}, *({"name": "m", "value": 1.0, **OLD, **number} for number in numbers)
        ),
    )
    told, history = split_history(both)
    assert [plain(t, "source") for t in (told.files, told.ingests, told.metrics)] == [
        ["files"],
        ["gen2"],
        ["q"],
    ]
    assert [len(t) for t in (history.files, history.ingests, history.metrics)] == [2, 2, 3]
    now = Tables(
        files({"file_id": "n/b", "size_bytes": 7, **OLD}, {"file_id": "n/d", **OLD}),
        ingests({"file_id": "n/b", "message": "now", "attempted_at": None, **OLD}),
        metrics(
            *(
                {"value": 2.0, **OLD, **row}
                for row in (
                    {"name": "m", "node": None},
                    {"name": "m", "sampled_at": None},
                    {"name": "k"},
                )
            )
        ),
    )
    joined = join_history(now, history)
    assert plain(joined.files, "file_id", "size_bytes") == [
        ("n/b", 7),
        ("n/d", 1_000_000),
        ("n/c", 1_000_000),
    ]
    assert plain(joined.ingests, "file_id", "stage", "message") == [
        ("n/b", "ingest", "now"),
        ("n/b", "t", None),
    ]
    assert plain(joined.metrics, "name", "node", "value") == [
        ("m", None, 2.0),
        ("m", "", 2.0),
        ("k", "", 2.0),
        ("m", "1", 1.0),
    ]
    for name, described in columns.TABLES.items():
        assert getattr(joined, name).dtypes.to_dict() == {
            c.name: columns.DTYPES[c.kind] for c in described
        }


def test_history_of_a_file_that_a_source_lists():
    """A file in both is the source's, with further facts of the prototype."""
    facts = {
        "obsid": "O",
        "exposure": "E",
        "seq_num": 7,
        "detector": "0",
        "exposed_at": NOW - 9 * HOUR,
        "transferred_at": NOW - 8 * HOUR,
    }
    told = Tables(
        files({"file_id": "n/b", "obsid": "own"}),
        ingests({"file_id": "n/b", "message": "new"}),
        metrics({"name": "m", "value": 1.0}),
    )
    history = Tables(
        files(
            {"file_id": "n/b", "size_bytes": 5, **facts, **OLD}, {"file_id": "n/a", **facts, **OLD}
        ),
        ingests(
            {"file_id": "n/b", "message": "old", **OLD},
            {"file_id": "n/b", "stage": "t", **OLD},
            {"file_id": "n/a", **OLD},
        ),
        metrics({"name": "l", "value": 2.0, **OLD}),
    )
    made = with_history(told, history)
    assert plain(made.files, "file_id", "source", "on_disk", "size_bytes", *facts) == [
        ("n/a", columns.HISTORY, False, 1_000_000, *facts.values()),
        ("n/b", "files", True, 1_000_000, "own", *list(facts.values())[1:]),
    ]
    assert plain(made.ingests, "file_id", "stage", "message", "source") == [
        ("n/a", "ingest", None, columns.HISTORY),
        ("n/b", "ingest", "new", "gen2"),
        ("n/b", "t", None, columns.HISTORY),
    ]
    assert plain(made.metrics, "name", "value") == [("l", 2.0), ("m", 1.0)]
    nothing = Tables.empty()
    assert with_history(told, nothing) is told
    assert plain(with_history(nothing, history).files, "file_id", "on_disk") == [
        ("n/a", True),
        ("n/b", True),
    ]
    for part in columns.TABLES:
        just = Tables(
            **{name: getattr(history if name == part else nothing, name) for name in columns.TABLES}
        )
        assert len(getattr(with_history(nothing, just), part)) == len(getattr(history, part))


def test_history_of_a_raw_without_a_file():
    """A raw without a file is the one that the prototype saw linked."""
    registry = {"obsid": "O", "exposed_at": NOW - 9 * HOUR, "source": "gen2"}
    told = Tables(
        files(
            *(
                {"file_id": f"gen2:{path}", "path": path, **registry}
                for path in ("raw/x", "n/b", "raw/new")
            )
        ),
        ingests(
            *({"file_id": f"gen2:{path}", "message": path} for path in ("raw/x", "n/b", "raw/new"))
        ),
        frames.empty(columns.METRICS),
    )
    links = {"n/a": "raw/x", "n/c": None, "n/b": "raw/y"}
    history = Tables(
        files(
            {"file_id": "n/a", "detector": "3", **OLD},
            {"file_id": "n/b", "obsid": "own", **OLD},
            {"file_id": "n/c", **OLD},
        ),
        ingests(
            *({"file_id": file_id, "destination": link, **OLD} for file_id, link in links.items())
        ),
        frames.empty(columns.METRICS),
    )
    made = with_history(told, history)
    assert plain(made.files, "file_id", "source", "obsid", "detector", "exposed_at", "on_disk") == [
        ("gen2:raw/new", "gen2", "O", None, NOW - 9 * HOUR, True),
        ("n/a", columns.HISTORY, "O", "3", NOW - 9 * HOUR, True),
        ("n/b", columns.HISTORY, "own", None, NOW - 9 * HOUR, True),
        ("n/c", columns.HISTORY, None, None, None, True),
    ]
    assert plain(made.ingests, "file_id", "message", "source") == [
        ("gen2:raw/new", "raw/new", "gen2"),
        ("n/a", "raw/x", "gen2"),
        ("n/b", "n/b", "gen2"),
        ("n/c", None, columns.HISTORY),
    ]
    listed = Tables(files({"file_id": "n/z", "path": "raw/x"}), told.ingests.iloc[:0], told.metrics)
    after = with_history(listed, history).files
    assert plain(after, "file_id", "on_disk") == [
        ("n/a", False),
        ("n/b", False),
        ("n/c", False),
        ("n/z", True),
    ]
