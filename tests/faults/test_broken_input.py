"""Broken input costs only its own source, in words.

docs/quality.md has the figures of the campaigns of which these tests are a sample.
"""

import shutil

import fuzz
import pytest
from breakage import age, broken, upset
from hostile import one_night, stream_of
from small_inputs import KINDS, NOW

from observing_monitor.collecting.sources import make_sources

DATABASES = [kind for kind in KINDS if kind in ("gen2", "dbb", "lasair, a table", "sql")]


@pytest.mark.parametrize("kind", KINDS)
def test_broken_input(tmp_path, kind):
    """A night has its page although a source's file is broken."""
    folder = tmp_path / "input"
    folder.mkdir()
    sources, targets = KINDS[kind](folder)
    stream = stream_of(sources)
    outcome, done = one_night(stream, tmp_path / "whole")
    assert not outcome.problems and not done.problem and done.is_written
    whole = {target: target.read_bytes() for target in targets}
    for number in range(10):
        target = targets[number % len(targets)]
        if target.suffix == ".sqlite3" and number % 4 > 1:
            upset(target, f"{kind} {number}")
        else:
            target.write_bytes(broken(whole[target], f"{kind} {number}"))
        age(target)
        outcome, done = one_night(stream, tmp_path / "broken")
        assert not done.problem, number
        target.write_bytes(whole[target])
        shutil.rmtree(tmp_path / "broken")


@pytest.mark.parametrize("kind", DATABASES)
def test_any_type_in_any_cell(tmp_path, kind):
    """SQLite's values of any type do not stop a night."""
    folder = tmp_path / "input"
    folder.mkdir()
    sources, (target,) = KINDS[kind](folder)
    stream, whole = stream_of(sources), target.read_bytes()
    for number in range(12):
        target.write_bytes(whole)
        upset(target, f"cell {number}")
        _, done = one_night(stream, tmp_path / "broken")
        assert not done.problem, number
        shutil.rmtree(tmp_path / "broken")


@pytest.mark.parametrize("target", fuzz.TARGETS)
def test_inputs_that_the_fuzzer_kept(tmp_path, target):
    """Inputs that reach every known branch are read or refused."""
    once = fuzz.TARGETS[target][1](tmp_path)
    for data in fuzz.corpus(target):
        once(data)


@pytest.mark.parametrize("kind", fuzz.PARSERS)
def test_parsers_of_the_fuzzer(tmp_path, kind):
    """The fuzzer's parsers parse valid input."""
    sources, (target, *_) = KINDS[kind](tmp_path)
    (source, *_) = make_sources(stream_of(sources), NOW)
    assert fuzz.PARSERS[kind](source, target)


def test_years_of_postgresql_hide_no_row(postgres):
    """Years that Python lacks are read as None."""
    import sqlalchemy

    from observing_monitor.readers.sql import Database

    url = postgres.create("years")
    statement = (
        "select timestamp '4713-01-01 BC' a, timestamptz '20000-01-01' b, "
        "date '5874897-12-31' c, interval '178000000 years' d, 7 e"
    )
    with Database(url).connect() as connection:
        (row,) = connection.execute(sqlalchemy.text(statement)).fetchall()
    assert tuple(row) == (None, None, None, None, 7)
