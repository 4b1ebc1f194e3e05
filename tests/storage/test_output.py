"""Files of the output, which are written completely or not at all."""

import os

import pytest

from observing_monitor.errors import OutputError
from observing_monitor.storage.output import Output
from observing_monitor.storage.redact import Redaction


def test_written_whole_or_not_at_all(tmp_path, monkeypatch):
    """If a file cannot be written, the old one stays and is named."""
    output = Output(tmp_path)
    output.make()
    output.write("a/page.html", "old")

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(
        OutputError, match=r"page\.html: no space left on device; it was left as it was"
    ):
        output.write("a/page.html", "new")
    assert (tmp_path / "a" / "page.html").read_text() == "old" and os.listdir(
        tmp_path / ".unfinished"
    ) == []


def test_files_written_in_parallel(tmp_path):
    """All files are written in parallel; then the first error is raised."""
    output = Output(tmp_path)
    output.make()
    (tmp_path / "3" / "in the way").mkdir(parents=True)
    (tmp_path / "5" / "in the way").mkdir(parents=True)
    with (
        pytest.raises(OutputError, match=r"/3: is a directory; it was left as it was"),
        output.parallel_writes(True) as begin,
    ):
        for number in range(9):
            begin(output.write, str(number), f"{number}" * 100_000)
    assert {name for name in os.listdir(tmp_path) if os.path.isfile(tmp_path / name)} == set(
        "0124678"
    )
    assert (tmp_path / "8").read_text() == "8" * 100_000 and os.listdir(
        tmp_path / ".unfinished"
    ) == []
    with pytest.raises(KeyError), output.parallel_writes(True) as begin:
        begin(output.write, "a", "a")
        raise KeyError
    assert (tmp_path / "a").exists()
    with output.parallel_writes(False) as begin:
        begin(output.write, "b", "b")
        assert (tmp_path / "b").exists()
        with pytest.raises(OutputError, match=r"/3: is a directory"):
            begin(output.write, "3", "3")


def test_files_written_in_parts(tmp_path):
    """A file in parts is written whole; an unchanged one keeps its time."""
    output = Output(tmp_path, Redaction(["/secret/place"]))
    output.make()
    parts = [b"a" * 9, b"", b"/secret/place\n"]
    assert (
        output.write_parts("n/list.csv", parts)
        and (tmp_path / "n" / "list.csv").read_bytes() == b"a" * 9 + b"[hidden]\n"
    )
    os.utime(tmp_path / "n" / "list.csv", (1, 1))
    assert (
        not output.write_parts("n/list.csv", iter(parts))
        and (tmp_path / "n" / "list.csv").stat().st_mtime == 1
    )
    for others in (parts[:2], [*parts, b"b"], [b"b" * 9, *parts[1:]], []):
        assert output.write_parts("n/list.csv", others) and not output.write_parts(
            "n/list.csv", others
        )
    assert (tmp_path / "n" / "list.csv").read_bytes() == b"" and os.listdir(
        tmp_path / ".unfinished"
    ) == []

    def broken():
        yield b"a"
        raise KeyError

    with pytest.raises(KeyError):
        output.write_parts("n/list.csv", broken())
    (tmp_path / "folder" / "in the way").mkdir(parents=True)
    with pytest.raises(OutputError, match="/folder: is a directory"):
        output.write_parts("folder", parts)
    assert (tmp_path / "n" / "list.csv").read_bytes() == b"" and os.listdir(
        tmp_path / ".unfinished"
    ) == []


def test_leavings_are_swept(tmp_path):
    """The next run removes the unfinished files of a killed one."""
    output = Output(tmp_path)
    output.make()
    (tmp_path / ".unfinished" / "host-1-1").write_text("half a pa")
    output.sweep()
    assert os.listdir(tmp_path / ".unfinished") == []


def test_surrogates_are_written_as_bytes_escaped(tmp_path):
    """Lone surrogates are written as escapes."""
    output = Output(tmp_path)
    output.make()
    output.write("x.json", "a\udcffb")
    assert (tmp_path / "x.json").read_bytes() == b"a\\udcffb"


def test_file_that_cannot_be_read(tmp_path):
    """A file that cannot be read is an error, not a missing file."""
    (tmp_path / "x.json").mkdir()
    message = (
        r"x\.json: is a directory; the user who runs this must be able to read all of output_dir"
    )
    with pytest.raises(OutputError, match=message):
        Output(tmp_path).read_json("x.json")


def test_changed_json(tmp_path):
    """A JSON file with a wrong seal counts as missing."""
    output = Output(tmp_path)
    output.make()
    output.write_json("a.json", {"b": 1})
    assert output.read_json("a.json") == {"b": 1}
    path = tmp_path / "a.json"
    path.write_bytes(path.read_bytes().replace(b"1", b"2", 1))
    assert output.read_json("a.json") is None
    path.write_text('{"b":2}')
    assert output.read_json("a.json") == {"b": 2}
    assert output.read_json("missing.json") is None
