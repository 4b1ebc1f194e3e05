"""An output that cannot be used is named; exit code 2."""

import datetime
import shutil

import pytest
from gen2tree import later, make_night
from one_stream import arguments
from running import contents, run

from observing_monitor.pages import render

NIGHT = datetime.date(2020, 2, 12)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path.write_text(""), "output_dir must be a folder that can be written"),
        (
            lambda path: (path.parent / "site").symlink_to("/proc/nowhere"),
            "output_dir must be a folder that can be written",
        ),
    ],
)
def test_output_that_cannot_be_written(tmp_path, capsys, make, words):
    """An output that cannot be created is named."""
    (tmp_path / "input").mkdir()
    make(tmp_path / "site")
    assert run("--input_dir", tmp_path / "input", "--output_dir", tmp_path / "site") == 2
    error = capsys.readouterr().err
    assert words in error and str(tmp_path / "site") in error and len(error.splitlines()) == 1


def test_output_inside_what_is_read(tmp_path, capsys):
    """An output inside the file store is refused."""
    (tmp_path / "input" / "storage").mkdir(parents=True)
    assert (
        run(
            "--input_dir",
            tmp_path / "input",
            "--output_dir",
            tmp_path / "input" / "storage" / "www",
        )
        == 2
    )
    assert "choose a folder outside it" in capsys.readouterr().err


def test_output_inside_what_is_read_by_another_name(tmp_path, capsys):
    """A link does not hide that the output is in the store."""
    (tmp_path / "input" / "storage").mkdir(parents=True)
    (tmp_path / "www").symlink_to(tmp_path / "input" / "storage")
    assert run("--input_dir", tmp_path / "input", "--output_dir", tmp_path / "www" / "pages") == 2
    assert "choose a folder outside it" in capsys.readouterr().err


def test_output_of_another_stream(tmp_path, capsys):
    """A second stream without a settings file is refused."""
    for name in ("auxTel", "comCam"):
        make_night(tmp_path / name, NIGHT, {"ingested": 1}, now=later())
    days = ("--output_dir", tmp_path / "site", "--first_day", NIGHT, "--last_day", NIGHT)
    assert run("--input_dir", tmp_path / "auxTel", *days) == 0
    before = contents(tmp_path / "site")
    assert run("--input_dir", tmp_path / "comCam", *days) == 2
    assert (
        "holds the pages of auxTel; choose another folder, or describe the streams in a "
        "settings file" in capsys.readouterr().err
    )
    assert contents(tmp_path / "site") == before


def test_output_that_turns_unreadable(tmp_path, capsys):
    """An output that cannot be read is named, and stays as it is."""
    make_night(tmp_path / "input", NIGHT, {"ingested": 2}, now=later())
    asked = arguments(tmp_path, NIGHT)
    assert run(*asked) == 0
    index = tmp_path / "site" / "data" / "stream=input" / "index.json"
    index.unlink()
    index.mkdir()
    before = contents(tmp_path / "site")
    assert run(*asked) == 2
    error = capsys.readouterr().err
    assert f"{index}: is a directory" in error and len(error.splitlines()) == 1
    assert contents(tmp_path / "site") == before


def test_output_that_cannot_be_listed(tmp_path, capsys):
    """A folder of the output that cannot be listed is named."""
    make_night(tmp_path / "input", NIGHT, {"ingested": 2}, now=later())
    asked = arguments(tmp_path, NIGHT)
    assert run(*asked) == 0
    shutil.rmtree(tmp_path / "site" / "data")
    (tmp_path / "site" / "data").symlink_to("data")
    assert run(*asked) == 2
    error = capsys.readouterr().err
    assert f"{tmp_path}/site/data: too many levels of symbolic links; the user who" in error
    assert len(error.splitlines()) == 1


def test_error_that_is_not_of_the_output(tmp_path, monkeypatch, capsys):
    """An unrelated error keeps its traceback, and blames no output."""
    make_night(tmp_path / "input", NIGHT, {"ingested": 2}, now=later())
    gone = tmp_path / "installed" / "night.html"
    monkeypatch.setattr(render, "template_files", lambda: [gone])
    hidden = ("--redact", str(tmp_path), "--store_dir", tmp_path / "store")
    with pytest.raises(FileNotFoundError, match=str(gone)):
        run(*arguments(tmp_path, NIGHT), *hidden)
    assert "output_dir" not in capsys.readouterr().err
    assert not (tmp_path / "site").exists()
