"""Faults in plain words, never in those of a library."""

import json
import sqlite3

import pytest
import yaml

from observing_monitor.readers.fault_words import json_words, sqlite_words, yaml_words


def raised(function, *arguments):
    """Return the exception that a call raises."""
    with pytest.raises(Exception) as caught:
        function(*arguments)
    return caught.value


def test_sqlite(tmp_path):
    """Faults of SQLite are words that follow a path."""
    (tmp_path / "text").write_text("no database " * 100)
    connection = sqlite3.connect(tmp_path / "text")
    assert sqlite_words(raised(connection.execute, "select 1 from a")) == "is no SQLite database"
    connection = sqlite3.connect(":memory:")
    assert sqlite_words(raised(connection.execute, "select 1 from a")) == "has no table a"
    assert sqlite_words(raised(connection.execute, "select b")) == "has no column b"
    odd = raised(connection.execute, "selec")
    assert sqlite_words(odd) == 'SQLite says: “near "selec": syntax error”'
    assert sqlite_words(PermissionError(13, "Permission denied")) == "permission denied"


def test_json():
    """A fault of JSON has its place, not the parser's words."""
    error = raised(json.loads, '{"a": 1,\n "b" 2}')
    assert json_words(error) == "no JSON from line 2, character 6 on, or cut short"
    assert json_words(RecursionError("maximum recursion depth")) == "no JSON, or cut short"


def test_yaml():
    """A fault of YAML has its place, not the parser's words."""
    error = raised(yaml.safe_load, "registry: {db: [")
    assert yaml_words(error) == "is not YAML from line 1, character 17 on"
