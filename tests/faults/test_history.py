"""Stores that are purged, moved or remade, files that change or come late: history stays, and the night's page tells what happened."""

import datetime
import json
import os
import shutil
from pathlib import Path

import pytest
from gen2tree import later, make_night
from running import counts, nights, run

NIGHT = datetime.date(2020, 2, 12)
UTC = datetime.UTC


@pytest.fixture
def night(tmp_path):
    """A night of six ingested files that was collected; its input and the arguments of a run."""
    made = make_night(tmp_path / "input", NIGHT, {"ingested": 6}, now=later())
    arguments = (
        "--input_dir",
        tmp_path / "input",
        "--output_dir",
        tmp_path / "site",
        "--first_day",
        NIGHT,
        "--last_day",
        NIGHT,
    )
    assert run(*arguments, now=later()) == 0
    return tmp_path, made, arguments


def told(folder):
    """What the night's page says was found, in order, from its data; each stands on the page itself too."""
    import html

    findings = json.loads((folder / "site" / "2020-02-12.json").read_text())["findings"]
    page = html.unescape((folder / "site" / "2020-02-12.html").read_text())
    assert all(finding["text"] in page for finding in findings)
    return [(finding["level"], finding["text"]) for finding in findings]


def test_size_changed_after_ingest(night):
    """A file whose size changed after it was ingested is a warning that names it and both sizes, and stays one."""
    folder, made, arguments = night
    path = made.files[2].path
    os.truncate(path, 30_000)
    again = later(4)
    assert run(*arguments, "--full", now=again) == 0
    words = f"1 file changed its size after it was ingested: 2020-02-12/{path.name} (20,002 to 30,000 bytes)"
    words += f"; seen {again:%Y-%m-%d %H:%M} UTC"
    assert told(folder) == [("warning", words)] and counts(
        nights(folder / "site")["2020-02-12"]
    ) == {"ingested": 6}
    os.utime(path)  # another reading, without another size
    assert run(*arguments, "--full", now=later(5)) == 0
    assert told(folder) == [("warning", words)]
    (folder / "site" / "data" / "stream=input" / "index.json").unlink()
    assert run("publish", *arguments, now=later(5)) == 0
    assert told(folder) == [("warning", words)]


@pytest.mark.parametrize(
    "how", [os.rename, lambda old, new: (shutil.copy2(old, new), old.unlink())]
)
def test_night_whose_files_were_moved(night, how):
    """Files moved into a folder within their night, on the same disk or another, are the same files: when they came is kept."""
    folder, made, arguments = night
    before = nights(folder / "site")["2020-02-12"]
    deeper = folder / "input" / "storage" / "2020-02-12" / "science"
    deeper.mkdir()
    for file in made.files:
        how(file.path, deeper / file.path.name)
        link = Path(file.link)
        linked_at = link.lstat().st_mtime_ns
        link.unlink()
        link.symlink_to(deeper / file.path.name)
        os.utime(link, ns=(linked_at, linked_at), follow_symlinks=False)
    assert run(*arguments, now=later(4)) == 0
    after = nights(folder / "site")["2020-02-12"]
    assert counts(after) == {"ingested": 6} and {**after, "info": ""} == {**before, "info": ""}
    ((level, words),) = told(folder)
    first = made.files[0].path.name
    assert level == "normal"
    assert words.startswith(
        f"6 files were moved: 2020-02-12/science/{first} (from 2020-02-12/{first}) and 5 more; seen 2"
    )


def test_transfer_a_week_late(night):
    """Files that come a week after their night are on its page, which says how late they came."""
    folder, made, arguments = night
    storage = folder / "input" / "storage" / "2020-02-12"
    (storage / "AT_O_20200212_000099.fits").write_bytes(bytes(20_000))
    came_at = datetime.datetime.fromtimestamp(
        (storage / "AT_O_20200212_000099.fits").stat().st_ctime, UTC
    )
    assert run(*arguments, now=later(4)) == 0
    days = (came_at - datetime.datetime(2020, 2, 13, 12, tzinfo=UTC)).days
    assert (
        "normal",
        f"1 file came late: 2020-02-12/AT_O_20200212_000099.fits ({days} days after the night); seen ",
    ) in [
        (level, words[: words.index("seen ") + 5])
        for level, words in told(folder)
        if "seen" in words
    ]


def test_store_that_is_purged(night):
    """Files that were ingested and then purged stay ingested, and the page says that they are no longer on disk."""
    folder, made, arguments = night
    for file in made.files:  # a repository of its own copies
        file.link.unlink()
        shutil.copy2(file.path, file.link)
    assert run(*arguments, now=later(4)) == 0
    for file in made.files[:4]:
        file.path.unlink()
    assert run(*arguments, now=later(5)) == 0
    assert counts(nights(folder / "site")["2020-02-12"]) == {"ingested": 6}
    assert [words.partition(";")[0] for level, words in told(folder) if "on disk" in words] == [
        f"4 files are no longer on disk: 2020-02-12/{made.files[0].path.name} and 3 more"
    ]


def test_whole_store_that_is_purged(night):
    """A night's folder that is gone leaves what is known of it, with since when."""
    folder, made, arguments = night
    shutil.rmtree(folder / "input" / "storage" / "2020-02-12")
    assert run(*arguments, now=later(4)) == 1
    after = nights(folder / "site")["2020-02-12"]
    assert after["n_files"] == 6 and after["n_ingested"] == 6
    assert any(
        "files could not be read since" in words and "its files stay as last seen" in words
        for _, words in told(folder)
    )


def test_repository_remade(night):
    """A repository remade from scratch, new links of the same names, is told as ingested anew, with when it was ingested before."""
    folder, made, arguments = night
    shutil.rmtree(folder / "input" / "gen2repo")
    shutil.rmtree(folder / "input" / "storage")
    make_night(folder / "input", NIGHT, {"ingested": 6}, now=later())
    anew = datetime.datetime(2020, 2, 20, 5, tzinfo=UTC).timestamp()
    for file in made.files:
        os.utime(file.link, (anew, anew), follow_symlinks=False)
    assert run(*arguments, now=later(4)) == 0
    assert counts(nights(folder / "site")["2020-02-12"]) == {"ingested": 6}
    said = [words for level, words in told(folder) if "anew" in words and level == "normal"]
    assert len(said) == 1 and said[0].startswith("6 files were ingested anew: ")
    assert "(2020-02-20 05:00 UTC, before that 2020-02-12 23:01 UTC) and 5 more" in said[0]


def test_repository_remade_empty(night):
    """Files that were ingested, and that the repository no longer knows, are told beside their being missing."""
    folder, made, arguments = night
    shutil.rmtree(folder / "input" / "gen2repo")
    shutil.rmtree(folder / "input" / "storage")
    make_night(folder / "input", NIGHT, {"missing": 6}, now=later())
    assert run(*arguments, now=later(4)) == 0
    assert counts(nights(folder / "site")["2020-02-12"]) == {"missing": 6}
    words = [words for level, words in told(folder) if level == "warning"]
    assert words[0].startswith("6 files were ingested, and are no longer known as such: ")
    assert "(ingested 2020-02-12 23:01 UTC) and 5 more" in words[0]


def test_file_from_the_future(tmp_path):
    """A file whose time lies in the future is told of, is not pending for years, and its night is its folder's."""
    now = later()
    made = make_night(tmp_path / "input", NIGHT, {"missing": 2}, now=now)
    ahead = (now + datetime.timedelta(days=4000)).timestamp()
    os.utime(made.files[0].path, (ahead, ahead))
    arguments = (
        "--input_dir",
        tmp_path / "input",
        "--output_dir",
        tmp_path / "site",
        "--first_day",
        NIGHT,
        "--last_day",
        NIGHT,
    )
    assert run(*arguments, now=now) == 0
    assert counts(nights(tmp_path / "site")["2020-02-12"]) == {"missing": 2}
    assert any(
        "1 file dated later than it came, by up to 4,000 d" in words for _, words in told(tmp_path)
    ), told(tmp_path)


def settings(folder, sources):
    text = '[observing_monitor]\noutput_dir = "site"\n[streams.a]\n'
    for kind, name, path in sources:
        text += f'[[streams.a.sources]]\ntype = "{kind}"\nname = "{name}"\npath = "{path}"\n'
    (folder / "site.toml").write_text(text)
    return ("-c", folder / "site.toml", "--first_day", NIGHT, "--last_day", NIGHT)


def test_source_that_is_renamed_or_removed(tmp_path):
    """What a source told that the settings no longer name is kept and said to be; by another name it is told once, not twice."""
    make_night(
        tmp_path / "input",
        NIGHT,
        {"ingested": 3, "failed": 1, "missing": 2, "lost": 1},
        now=later(),
        link="copy",
    )
    files, gen2 = ("files", "files", "input/storage"), ("gen2", "gen2", "input/gen2repo")
    assert run(*settings(tmp_path, [files, gen2]), now=later()) == 0
    before = nights(tmp_path / "site" / "a")["2020-02-12"]
    assert (
        run(
            *settings(
                tmp_path,
                [("files", "storage", "input/storage"), ("gen2", "butler", "input/gen2repo")],
            ),
            now=later(),
        )
        == 0
    )
    assert nights(tmp_path / "site" / "a")["2020-02-12"] == before
    assert run(*settings(tmp_path, [("files", "storage", "input/storage")]), now=later()) == 0
    data = json.loads((tmp_path / "site" / "a" / "2020-02-12.json").read_text())
    assert "butler is no longer a source of this stream: its last data are kept" in [
        finding["text"] for finding in data["findings"]
    ]
    import pyarrow.parquet

    kept = pyarrow.parquet.read_table(
        tmp_path / "site/data/stream=a/night=2020-02-12/ingests.parquet", partitioning=None
    ).to_pandas()
    assert set(kept["source"]) == {"butler"} and len(kept) == 5


def test_stream_that_is_removed(tmp_path, capsys):
    """`check` tells of the pages and the store of a stream that the settings no longer name; a run leaves them as they are."""
    for name in ("input", "other"):
        make_night(tmp_path / name, NIGHT, {"ingested": 2}, now=later())
    text = '[observing_monitor]\noutput_dir = "site"\n[streams.a]\ninput_dir = "input"\n'
    (tmp_path / "site.toml").write_text(text + '[streams.b]\ninput_dir = "other"\n')
    arguments = ("-c", tmp_path / "site.toml", "--first_day", NIGHT, "--last_day", NIGHT)
    assert run(*arguments, now=later()) == 0
    (tmp_path / "site.toml").write_text(text)
    assert run(*arguments, now=later()) == 0
    assert counts(nights(tmp_path / "site" / "b")["2020-02-12"]) == {"ingested": 2}
    capsys.readouterr()
    assert run("check", *arguments, now=later()) == 0
    assert (
        "b: its pages and its store are there, and the settings don't name it; remove"
        in capsys.readouterr().out
    )
