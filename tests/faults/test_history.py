"""Input that is purged, moved, remade, changed or late.

The history stays, and the night's page says what happened.
"""

import datetime
import html
import json
import os
import shutil
from pathlib import Path

import pytest
from gen2tree import later, make_night
from running import counts, nights, run

NIGHT = datetime.date(2020, 2, 12)
UTC = datetime.UTC


def of_night(folder):
    """Return the arguments of a run over NIGHT."""
    days = ("--first_day", NIGHT, "--last_day", NIGHT)
    return ("--input_dir", folder / "input", "--output_dir", folder / "site", *days)


@pytest.fixture
def night(tmp_path):
    """A collected night: folder, files and the run's arguments."""
    made = make_night(tmp_path / "input", NIGHT, {"ingested": 6}, now=later())
    assert run(*of_night(tmp_path), now=later()) == 0
    return tmp_path, made, of_night(tmp_path)


def found(folder):
    """Return the night's findings, which its page shows."""
    findings = json.loads((folder / "site" / "2020-02-12.json").read_text())["findings"]
    page = html.unescape((folder / "site" / "2020-02-12.html").read_text())
    assert all(finding["text"] in page for finding in findings)
    return [(finding["level"], finding["text"]) for finding in findings]


def test_size_changed_after_ingest(night):
    """A file that changed after its ingest stays a warning."""
    folder, made, arguments = night
    path = made.files[2].path
    os.truncate(path, 30_000)
    again = later(4)
    assert run(*arguments, "--full", now=again) == 0
    words = (
        f"1 file changed its size after it was ingested: 2020-02-12/{path.name} "
        f"(20,002 to 30,000 bytes); seen {again:%Y-%m-%d %H:%M} UTC"
    )
    assert found(folder) == [("warning", words)]
    assert counts(nights(folder / "site")["2020-02-12"]) == {"ingested": 6}
    os.utime(path)  # another reading, without another size
    assert run(*arguments, "--full", now=later(5)) == 0
    assert found(folder) == [("warning", words)]
    (folder / "site" / "data" / "stream=input" / "index.json").unlink()
    assert run("publish", *arguments, now=later(5)) == 0
    assert found(folder) == [("warning", words)]


@pytest.mark.parametrize(
    "how", [os.rename, lambda old, new: (shutil.copy2(old, new), old.unlink())]
)
def test_night_whose_files_were_moved(night, how):
    """Files moved within their night stay the same files.

    They may be moved by renaming or, from disk to disk, by copying.
    """
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
    ((level, words),) = found(folder)
    first = made.files[0].path.name
    moved = f"2020-02-12/science/{first} (from 2020-02-12/{first}) and 5 more"
    assert level == "normal" and words.startswith(f"6 files were moved: {moved}; seen 2")


def test_transfer_a_week_late(night):
    """A late file's page says how late it was."""
    folder, _, arguments = night
    path = folder / "input" / "storage" / "2020-02-12" / "AT_O_20200212_000099.fits"
    path.write_bytes(bytes(20_000))
    came_at = datetime.datetime.fromtimestamp(path.stat().st_ctime, UTC)
    assert run(*arguments, now=later(4)) == 0
    days = (came_at - datetime.datetime(2020, 2, 13, 12, tzinfo=UTC)).days
    words = f"1 file came late: 2020-02-12/{path.name} ({days} days after the night); seen "
    assert ("normal", words) in [
        (level, text[: text.index("seen ") + 5]) for level, text in found(folder) if "seen" in text
    ]


def test_store_that_is_purged(night):
    """Purged files stay ingested and are said to be gone."""
    folder, made, arguments = night
    for file in made.files:  # a repository of its own copies
        file.link.unlink()
        shutil.copy2(file.path, file.link)
    assert run(*arguments, now=later(4)) == 0
    for file in made.files[:4]:
        file.path.unlink()
    assert run(*arguments, now=later(5)) == 0
    assert counts(nights(folder / "site")["2020-02-12"]) == {"ingested": 6}
    assert [words.partition(";")[0] for _, words in found(folder) if "on disk" in words] == [
        f"4 files are no longer on disk: 2020-02-12/{made.files[0].path.name} and 3 more"
    ]


def test_whole_store_that_is_purged(night):
    """A night whose folder is gone keeps its data."""
    folder, _, arguments = night
    shutil.rmtree(folder / "input" / "storage" / "2020-02-12")
    assert run(*arguments, now=later(4)) == 1
    after = nights(folder / "site")["2020-02-12"]
    assert after["n_files"] == 6 and after["n_ingested"] == 6
    assert any(
        "files could not be read since" in words and "its files stay as last seen" in words
        for _, words in found(folder)
    )


def test_repository_remade(night):
    """Files of a remade repository have both ingest times."""
    folder, made, arguments = night
    shutil.rmtree(folder / "input" / "gen2repo")
    shutil.rmtree(folder / "input" / "storage")
    make_night(folder / "input", NIGHT, {"ingested": 6}, now=later())
    anew = datetime.datetime(2020, 2, 20, 5, tzinfo=UTC).timestamp()
    for file in made.files:
        os.utime(file.link, (anew, anew), follow_symlinks=False)
    assert run(*arguments, now=later(4)) == 0
    assert counts(nights(folder / "site")["2020-02-12"]) == {"ingested": 6}
    (words,) = (text for level, text in found(folder) if "anew" in text and level == "normal")
    assert words.startswith("6 files were ingested anew: ")
    assert "(2020-02-20 05:00 UTC, before that 2020-02-12 23:01 UTC) and 5 more" in words


def test_repository_remade_empty(night):
    """Files that a repository lost are missing again."""
    folder, _, arguments = night
    shutil.rmtree(folder / "input" / "gen2repo")
    shutil.rmtree(folder / "input" / "storage")
    make_night(folder / "input", NIGHT, {"missing": 6}, now=later())
    assert run(*arguments, now=later(4)) == 0
    assert counts(nights(folder / "site")["2020-02-12"]) == {"missing": 6}
    words = [words for level, words in found(folder) if level == "warning"]
    assert words[0].startswith("6 files were ingested, and are no longer known as such: ")
    assert "(ingested 2020-02-12 23:01 UTC) and 5 more" in words[0]


def test_file_from_the_future(tmp_path):
    """A file with a time in the future is not pending."""
    now = later()
    made = make_night(tmp_path / "input", NIGHT, {"missing": 2}, now=now)
    ahead = (now + datetime.timedelta(days=4000)).timestamp()
    os.utime(made.files[0].path, (ahead, ahead))
    assert run(*of_night(tmp_path), now=now) == 0
    assert counts(nights(tmp_path / "site")["2020-02-12"]) == {"missing": 2}
    words = "1 file dated later than it came, by up to 4,000 d"
    assert any(words in text for _, text in found(tmp_path)), found(tmp_path)


def settings(folder, sources):
    """Write settings of sources; return a run's arguments."""
    text = '[observing_monitor]\noutput_dir = "site"\n[streams.a]\n'
    for kind, name, path in sources:
        text += f'[[streams.a.sources]]\ntype = "{kind}"\nname = "{name}"\npath = "{path}"\n'
    (folder / "site.toml").write_text(text)
    return ("-c", folder / "site.toml", "--first_day", NIGHT, "--last_day", NIGHT)


def test_source_that_is_renamed_or_removed(tmp_path):
    """Data of removed sources stay; renamed ones count once."""
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
    storage, butler = ("files", "storage", "input/storage"), ("gen2", "butler", "input/gen2repo")
    assert run(*settings(tmp_path, [storage, butler]), now=later()) == 0
    assert nights(tmp_path / "site" / "a")["2020-02-12"] == before
    assert run(*settings(tmp_path, [storage]), now=later()) == 0
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
    """`check` names a stream that the settings lack."""
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
        "b: its pages and its store are there, but the settings do not name it; remove"
        in capsys.readouterr().out
    )
