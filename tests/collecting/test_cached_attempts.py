"""Registries with nothing new are not read again."""

import datetime
import os
import sqlite3

import pytest
from gen2tree import later, make_night
from one_stream import arguments
from running import contents, counts, nights, run

from observing_monitor.collecting import read_night as night_collecting
from observing_monitor.collecting.read_night import MANY
from observing_monitor.processes import workers
from observing_monitor.sources.gen2 import Gen2Repository
from observing_monitor.storage.output import Output
from observing_monitor.storage.store import Store

FIRST, LAST = datetime.date(2020, 2, 12), datetime.date(2020, 2, 14)


def tables_and_lists(folder):
    """Return the tables and the lists of files below a folder, by name."""
    endings = (".parquet", ".csv", ".files.js")
    return {name: data for name, data in contents(folder).items() if name.endswith(endings)}


@pytest.mark.parametrize("many", [1, 1000])
def test_a_night_that_grew_is_as_one_read_whole(tmp_path, monkeypatch, many):
    """A night that came in three parts is as one that came whole."""
    monkeypatch.setattr(night_collecting, "MANY", many)
    monkeypatch.setattr(workers, "VERY_MANY", many)  # as for a large night
    now, root = later(), tmp_path / "input"
    counts_of = {"ingested": 90, "missing": 9, "failed": 6, "not_fits": 5, "small": 4, "pending": 7}
    make_night(root, FIRST, counts_of, now=now, camera="comCam", layout="night")
    files = sorted(
        path
        for path in [*root.glob("storage/*/*"), *root.glob("gen2repo/raw/*/**/*")]
        if path.is_file() or path.is_symlink()
    )
    parts = [files[number::3] for number in range(3)]  # a file and its link rarely come together
    aside = tmp_path / "aside"
    for path in [*parts[1], *parts[2]]:
        (aside / path.relative_to(root)).parent.mkdir(parents=True, exist_ok=True)
        path.rename(aside / path.relative_to(root))
    grown, whole = (arguments(tmp_path, FIRST, FIRST, name) for name in ("grown", "whole"))
    for part in parts:
        for path in part:
            if not os.path.lexists(path):
                (aside / path.relative_to(root)).rename(path)
        assert run(*grown, now=now) == 0
    assert run(*whole, now=now) == 0
    assert counts(nights(tmp_path / "grown")[str(FIRST)]) == counts_of
    of_grown, of_whole = (tables_and_lists(tmp_path / name) for name in ("grown", "whole"))
    # pages differ: they say what came when
    assert len(of_whole) == 12 + (many == 1) and of_grown == of_whole
    assert {"exposures.parquet", "reports.parquet"} <= {
        name.rpartition("/")[2] for name in of_whole
    }


@pytest.fixture
def reads(monkeypatch):
    """The nights for which a Gen2 repository was read."""
    nights_read, read = [], Gen2Repository.read
    monkeypatch.setattr(night_collecting, "MANY", 1)
    monkeypatch.setattr(
        Gen2Repository, "read", lambda self, night: nights_read.append(night) or read(self, night)
    )
    return nights_read


def test_a_registry_that_did_not_change_is_not_read_again(tmp_path, reads):
    """A registry with nothing new is not read again."""
    now, root = later(), tmp_path / "input"
    make_night(root, FIRST, {"ingested": 3}, now=now, link="copy")
    made = make_night(root, LAST, {"ingested": 20, "lost": 2, "missing": 2}, now=now, link="copy")
    late = made.of("ingested")[0].path
    late.rename(tmp_path / "late")
    grown, whole = (arguments(tmp_path, FIRST, LAST, name) for name in ("grown", "whole"))
    assert run(*grown, now=now) == 0
    assert f"gen2:raw/{LAST}/{late.name}" in (tmp_path / "grown" / f"{LAST}.csv").read_text()
    (tmp_path / "late").rename(late)
    (late.parent / "notes.txt").write_text("seeing 0.7")
    n_read = len(reads)
    assert run(*grown, now=now) == 0
    assert len(reads) == n_read > 0
    assert run(*whole, now=now) == 0
    of_grown, of_whole = (tables_and_lists(tmp_path / name) for name in ("grown", "whole"))
    assert of_grown == of_whole and sum("attempts." in name for name in of_whole) == 1


def test_workers_keep_what_a_registry_told(tmp_path):
    """Workers cache only the attempts of the newest night."""
    now, root = later(), tmp_path / "input"
    for night in (FIRST, LAST):
        make_night(root, night, {"ingested": MANY}, now=now, apart_s=1)
    asked = (*arguments(tmp_path, FIRST, LAST), "--jobs", 2)
    assert run(*asked, now=now) == 0
    kept = {
        night: Store(Output(tmp_path / "site"), "input").read_looked(night)["kept"]
        for night in (FIRST, LAST)
    }
    assert list(kept[LAST]) == ["gen2"] and kept[FIRST] == {}
    assert (
        len(Store(Output(tmp_path / "site"), "input").load_attempts("gen2", kept[LAST]["gen2"]))
        == MANY
    )


@pytest.mark.parametrize("what", ["link", "row", "cut", "gone", "version", "settings"])
def test_a_registry_is_read_again_where_it_has_to_be(tmp_path, reads, monkeypatch, what):
    """New rows, versions or settings, or a bad cache, cause a reading."""
    now, root = later(), tmp_path / "input"
    made = make_night(root, LAST, {"ingested": 20, "missing": 1}, now=now)
    asked = arguments(tmp_path, LAST, LAST)
    assert run(*asked, now=now) == 0
    (kept,) = tmp_path.glob("site/data/*/_attempts.gen2.parquet")
    link = made.of("ingested")[0].link
    if what == "link":
        link.unlink()
    elif what == "row":
        with sqlite3.connect(root / "gen2repo" / "registry.sqlite3") as registry:
            registry.execute(
                "delete from raw where expId = ?", (made.of("ingested")[0].row["expId"],)
            )
    elif what == "cut":
        kept.write_bytes(kept.read_bytes()[:-1])
    elif what == "gone":
        kept.unlink()
    elif what == "version":
        monkeypatch.setattr(night_collecting, "__version__", "another")
    else:
        asked = (*asked, "--query_links")
    (root / "storage" / str(LAST) / "notes.txt").write_text("seeing 0.7")
    assert run(*asked, now=now) == 0
    assert reads == [LAST, LAST] and kept.exists()
    told = nights(tmp_path / "site")[str(LAST)]
    assert told["n_lost"] == (what == "link") and told["n_ingested"] == 20 - (what == "row")
