"""Files that a registry assigns to another night than their folder."""

import datetime
import json
import os
import shutil
import sqlite3

import pytest
from gen2tree import later, make_night
from running import contents, counts, nights, run, times

from observing_monitor.storage.output import Output
from observing_monitor.storage.store import Store
from observing_monitor.tables import cross_night

BEFORE, AFTER = datetime.date(2020, 2, 12), datetime.date(2020, 2, 13)
BOTH = ("--first_day", BEFORE, "--last_day", AFTER)


def put_before(root, made):
    """Move a file of AFTER, with its link, to the folder of BEFORE."""
    target = root / "storage" / BEFORE.isoformat() / made.path.name
    made.path.rename(target)
    if made.link is not None and made.link.is_symlink():
        when = os.lstat(made.link).st_mtime_ns
        made.link.unlink()
        made.link.symlink_to(target)
        os.utime(made.link, ns=(when, when), follow_symlinks=False)
    return target


def make(root, now, **how):
    """Make two nights; two files of the second lie in the folder of the first.

    One is ingested, and the link of the other is not registered. If links are copies under another
    name, without a row of the registry nothing shows which file they are, so both are ingested.
    """
    make_night(root, BEFORE, {"ingested": 4, "missing": 1}, now=now, **how)
    kinds = ("ingested", "ingested") if how.get("names") == "obsid" else ("ingested", "failed")
    made = make_night(root, AFTER, {"ingested": 5, kinds[1]: 5, "missing": 1}, now=now, **how)
    put_before(root, made.of(kinds[0])[0])
    put_before(root, made.of(kinds[1])[-1])
    return made


def findings(folder, night):
    return [
        finding["text"]
        for finding in json.loads((folder / f"{night}.json").read_text())["findings"]
    ]


@pytest.mark.parametrize(
    "how",
    [
        {"link": "symlink"},
        {"link": "hardlink"},
        {"link": "copy"},
        {"link": "copy", "names": "obsid"},
        {"link": "copy", "names": "obsid", "camera": "comCam", "layout": "night"},
    ],
    ids=lambda how: "-".join(how.values()),
)
def test_a_file_counts_where_it_lies(tmp_path, how):
    """A file that two nights could count is counted where it lies."""
    now = later()
    make(tmp_path / "input", now, **how)
    assert (
        run("--input_dir", tmp_path / "input", "--output_dir", tmp_path / "site", *BOTH, now=now)
        == 0
    )
    told = nights(tmp_path / "site")
    is_known = how.get("names") == "obsid"
    assert counts(told["2020-02-12"]) == (
        {"ingested": 6, "missing": 1} if is_known else {"ingested": 5, "failed": 1, "missing": 1}
    )
    assert counts(told["2020-02-13"]) == (
        {"ingested": 3, "missing": 1} if is_known else {"ingested": 4, "failed": 4, "missing": 1}
    )
    assert (
        "2 files that gen2 dates 2020-02-13 lie on this night: they are counted here"
        in findings(tmp_path / "site", BEFORE)
    )
    assert (
        "2 files that gen2 dates this night lie on 2020-02-12: they are counted there"
        in findings(tmp_path / "site", AFTER)
    )
    before = times(tmp_path / "site")
    assert (
        run("--input_dir", tmp_path / "input", "--output_dir", tmp_path / "site", *BOTH, now=now)
        == 0
    )
    assert times(tmp_path / "site") == before


def test_order_of_nights(tmp_path):
    """Nights that share files give the same pages in any order."""
    now = later()
    make(tmp_path / "input", now)
    given = ("--input_dir", tmp_path / "input")
    assert run(*given, "--output_dir", tmp_path / "together", *BOTH, now=now) == 0
    expected = contents(tmp_path / "together")
    assert (
        run("rebuild", *given, "--output_dir", tmp_path / "workers", *BOTH, "--jobs", "2", now=now)
        == 0
    )
    assert contents(tmp_path / "workers") == expected
    for name, order in (("forth", (BEFORE, AFTER)), ("back", (AFTER, BEFORE))):
        for night in order:
            assert (
                run(
                    *given,
                    "--output_dir",
                    tmp_path / name,
                    "--first_day",
                    night,
                    "--last_day",
                    night,
                    now=now,
                )
                == 0
            )
        assert contents(tmp_path / name) == expected, name


def test_raw_registered_later(tmp_path):
    """A raw registered later is ingested on the night of its file."""
    now = later()
    made = make(tmp_path / "input", now)
    row = made.of("ingested")[0].row
    with sqlite3.connect(tmp_path / "input" / "gen2repo" / "registry.sqlite3") as registry:
        registry.execute(f"create table later as select * from raw where expId = {row['expId']}")
        registry.execute("delete from raw where expId = ?", (row["expId"],))
    link = made.of("ingested")[0].link
    link.rename(tmp_path / "link")
    given = ("--input_dir", tmp_path / "input", "--output_dir", tmp_path / "site")
    assert run(*given, *BOTH, now=now) == 0
    assert counts(nights(tmp_path / "site")["2020-02-12"]) == {
        "ingested": 4,
        "failed": 1,
        "missing": 2,
    }
    (tmp_path / "link").rename(link)
    with sqlite3.connect(tmp_path / "input" / "gen2repo" / "registry.sqlite3") as registry:
        registry.execute("insert into raw select * from later")
    assert run(*given, "--first_day", AFTER, "--last_day", AFTER, now=now) == 0
    assert counts(nights(tmp_path / "site")["2020-02-12"]) == {
        "ingested": 5,
        "failed": 1,
        "missing": 1,
    }


def test_only_changed_pages_are_written(tmp_path):
    """A new file of one night does not change its neighbour's page."""
    now = later()
    make(tmp_path / "input", now)
    given = ("--input_dir", tmp_path / "input", "--output_dir", tmp_path / "site")
    assert run(*given, *BOTH, now=now) == 0
    before, index = (
        times(tmp_path / "site"),
        tmp_path / "site" / "data" / "stream=input" / "index.json",
    )
    judged_at = {
        night: row["judged_at"] for night, row in json.loads(index.read_text())["nights"].items()
    }
    (tmp_path / "input" / "storage" / AFTER.isoformat() / "notes.txt").write_text("seeing 0.7")
    assert run(*given, *BOTH, now=now + datetime.timedelta(seconds=1)) == 0
    after = times(tmp_path / "site")
    rows = json.loads(index.read_text())["nights"]
    assert {night for night, row in rows.items() if row["judged_at"] != judged_at[night]} == {
        "2020-02-13"
    }
    assert {
        name for name in after if after[name] != before.get(name) and name.endswith(".html")
    } == {
        "2020-02-13.html",
        "2020.html",
        "index.html",
    }


@pytest.mark.parametrize(
    "what", [slice(0, 0), slice(0, 3), slice(None)], ids=["gone", "cut", "whole"]
)
def test_unmatched_files_are_enough(tmp_path, what):
    """Unmatched files alone give the same result as whole tables."""
    now = later()
    make(tmp_path / "input", now)
    assert (
        run("--input_dir", tmp_path / "input", "--output_dir", tmp_path / "site", *BOTH, now=now)
        == 0
    )
    expected = contents(tmp_path / "site")
    store = Store(Output(tmp_path / "site"), "input")
    whole, unmatched = (
        {night: read(night) for night in (BEFORE, AFTER)}
        for read in (store.load, store.load_unmatched)
    )
    assert all(0 < len(unmatched[night].files) < len(whole[night].files) for night in whole)
    for night in (BEFORE, AFTER):
        tables, found = cross_night.assign_to_nights(night, whole[night], whole)
        by_unmatched, found_by_unmatched = cross_night.assign_to_nights(
            night, whole[night], unmatched
        )
        assert (
            found
            == found_by_unmatched
            == cross_night.assign_to_nights(night, unmatched[night], unmatched)[1]
            != []
        )
        assert tables.files.equals(by_unmatched.files)
        assert tables.ingests.equals(by_unmatched.ingests)
    kept = sorted(tmp_path.glob("site/data/*/*/_halves.*"))
    assert [path.name for path in kept] == ["_halves.files.parquet", "_halves.ingests.parquet"] * 2
    for path in kept:
        data = path.read_bytes()[what]
        path.write_bytes(data) if data else path.unlink()
    for page in tmp_path.glob("site/*.html"):
        page.unlink()
    assert (
        run(
            "publish", "--input_dir", tmp_path / "input", "--output_dir", tmp_path / "site", now=now
        )
        == 0
    )
    made = contents(tmp_path / "site")
    assert {name: data for name, data in made.items() if "halves" not in name} == {
        name: data for name, data in expected.items() if "halves" not in name
    }


def test_other_files_are_not_matched(tmp_path):
    """A raw is not matched with another raw's file."""
    now = later()
    make_night(tmp_path / "input", BEFORE, {"missing": 9}, now=now, camera="comCam", layout="night")
    make_night(tmp_path / "input", AFTER, {"lost": 9}, now=now, camera="comCam", layout="night")
    assert (
        run("--input_dir", tmp_path / "input", "--output_dir", tmp_path / "site", *BOTH, now=now)
        == 0
    )
    told = nights(tmp_path / "site")
    assert counts(told["2020-02-12"]) == {"missing": 9} and counts(told["2020-02-13"]) == {
        "ingested": 9
    }
    assert told["2020-02-13"]["n_lost"] == 9 and not any(
        "dates" in text for text in findings(tmp_path / "site", AFTER)
    )


@pytest.mark.parametrize("name", ["latiss_gen2", "comCam_gen2", "latiss_gen3", "comCam_gen3"])
@pytest.mark.parametrize("days", [-1, 1])
def test_real_repositories(shared_data, tmp_path, name, days):
    """A raw of a real repository follows its file to another night."""
    root = tmp_path / "input"
    shutil.copytree(shared_data / "rubin" / name, root)
    night = datetime.date(2019, 5, 30) if name.startswith("comCam") else datetime.date(2018, 9, 20)
    other = night + datetime.timedelta(days=days)
    folder = root / "storage" / f"{other:%Y%m%d}"
    if name.endswith("2"):
        (root / "storage" / night.isoformat()).rename(folder)
    else:
        folder.mkdir(parents=True)
        (raw,) = root.glob("raw/**/*.fits")
        (folder / raw.name).hardlink_to(raw)
    first, last = sorted((night, other))
    given = (
        "--input_dir",
        root,
        "--output_dir",
        tmp_path / "site",
        "--gen",
        name[-1],
        "--first_day",
        first,
        "--last_day",
        last,
    )
    assert run(*given) == 0
    told = nights(tmp_path / "site")
    assert (
        counts(told[other.isoformat()]) == {"ingested": 1}
        and told[other.isoformat()]["status"] == "normal"
    )
    assert counts(told[night.isoformat()]) == {} and told[night.isoformat()]["n_files"] == 0
