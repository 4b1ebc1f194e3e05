"""The observing log of a night as a script."""

import json

import logged_night
import pandas as pd
import pytest
from file_tables import unpacked
from logged_night import exposure_name, observe

from observing_monitor.pages import file_list, log_script


@pytest.fixture
def scripts(tmp_path):
    """Return a function that gives the columns of log and files."""

    def scripts(n, **options):
        page = observe(tmp_path, n, **options)
        made = []
        for ending, function in ((".exposures.js", log_script), (".files.js", file_list)):
            text = page.with_suffix(ending).read_text()
            made.append(unpacked(text, function.FUNCTION))
        return made

    return scripts


def named(table):
    """Return the columns of a table by name."""
    return {column["name"]: column for column in table["columns"]}


def test_exposure_of_each_file(scripts):
    """Each row of the list of files has the row of its exposure, as steps."""
    log, files = scripts(4)
    assert log["of_files"] == [0, 0, 1, 0, 1, 0, 1, 0]
    assert files["n"] == 8
    assert named(log)["exposure"]["words"] == [exposure_name(n) for n in range(4)]


def test_classes_of_files(scripts):
    """Numbers of files are words in the colour of the worst class."""
    log, files = scripts(101)
    columns = named(log)
    assert columns["files"]["words"] == ["2 Ingested", "1 Ingested, 1 Failed"]
    assert columns["files"]["chips"] == ["ingested", "failed"]
    assert [name for name, one in columns.items() if one.get("is_count")] == [
        "n_files",
        "ingested",
        "failed",
    ]
    assert [step for step in columns["failed"]["values"] if step] == [1, -1]
    assert [name for name, one in columns.items() if one.get("is_measure")] == ["seeing"]
    tried = named(files)["tried_at"]["values"]
    assert [step for step in tried if step is not None] == [0]  # of the file that failed


def test_flags_are_words():
    """A flag is yes, no or nothing."""
    made = log_script._flags(pd.Series([None, True, False, True], dtype="boolean"))
    assert made == {"words": ["yes", "no"], "codes": [-1, 1, 1, -1]}


def test_redacted_texts_are_in_no_script(scripts, tmp_path, monkeypatch):
    """Texts and names of numbers are redacted before they are packed."""
    renamed = logged_night.SETTINGS.replace("{ seeing =", "{ seeing_dimm2 =")
    monkeypatch.setattr(logged_night, "SETTINGS", renamed)
    hidden = ("y <b>galaxies</b>", "seeing_dimm2")
    more = f'redact = {json.dumps(hidden)}\nstore_dir = "{tmp_path}/store"\n'
    log, _ = scripts(4, more=more)
    text = json.dumps(log)
    assert not [word for word in hidden if word in text]
    measures = [one["label"] for one in log["columns"] if one.get("is_measure")]
    assert len(measures) == 1 and "field 3" in text
