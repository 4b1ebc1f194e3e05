"""Rows of CSV text, and of columns that blanks align."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observing_monitor.errors import SourceError, UsageError
from observing_monitor.readers.csv_rows import (
    NOT_CLOSED,
    TOO_FEW,
    TOO_MANY,
    check_separator,
    separators_of,
    split_rows,
)

NAMES = ["night", "n", "comment"]
# a cell that CSV has to quote, or that looks like a comment
CELL = st.text(st.sampled_from('ab#", \n\r;'), max_size=6).map(str.strip)


def split(text, separator=",", comment="#", wanted=()):
    """Return the table in a text."""
    lines = io.StringIO(text, newline="").readlines()
    return split_rows(lines, separators_of(separator), comment, set(wanted).issubset)


def written(rows):
    """Return rows as Python's own writer writes them."""
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows(rows)
    return text.getvalue()


@given(st.lists(st.tuples(st.just("2026-11-20"), CELL, CELL), max_size=6))
def test_written_rows_are_read(rows):
    """Rows that a CSV writer wrote are read, whatever is inside quotes."""
    table = split(written([NAMES, *rows]))
    assert table.header == NAMES and not table.left_out
    assert [tuple(row) for row in table.rows] == rows


@given(st.lists(st.tuples(st.just("x"), CELL, CELL), min_size=1, max_size=6), st.data())
def test_quote_that_is_never_closed_costs_its_own_line(rows, data):
    """A line with a quote that is never closed is left out, and no other row."""
    place = data.draw(st.integers(0, len(rows)))
    before = written([NAMES, *rows[:place]])
    table = split(before + '2026-11-21,50,"clouds\r\n' + written(rows[place:]))
    assert [tuple(row) for row in table.rows] == rows
    number = len(io.StringIO(before, newline="").readlines()) + 1
    assert table.left_out == {NOT_CLOSED: [number]}


def test_comment_inside_quotes_is_text():
    """A line inside quotes is no comment, one outside is."""
    table = split('night,n,comment\n#off\n20,1,"a\n#17 and #18"\n21,2,b\n  # "odd\n22,3,c\n')
    assert table.rows == [("20", "1", "a\n#17 and #18"), ("21", "2", "b"), ("22", "3", "c")]
    assert table.numbers == [3, 5, 7] and not table.left_out


@pytest.mark.parametrize(
    ("text", "separator"),
    [
        ("night,n\n20,1\n21,2\n", ","),
        ("night,n\n20,1,\n21,2,\n", ","),
        ("night,n,\n20,1\n21,2,,\n", ","),
        ("# written by hand\n# night,n\n# second part\n20,1\n21,2\n", ","),
        ("#night,n\n20,1\n21,2\n", ","),
        ("night,n\n20,1\nnight,n\n21,2\n", ","),
        ("night;n\n20;1\n21;2\n", ""),
        ("night\tn\n20\t1\n21\t2\n", ""),
        ("night|n\n20|1|\n21|2|\n", ""),
        ("night     n\n20        1\n21       2\n", " "),
        ("  night n\n  20    1\n  21    2  \n", " "),
        ("night\tn\n20\t\t1\n21\t2\n", " "),
        ("# night n\n20  1\n21  2\n", ""),
        ('"night","n"\n"20",1\n21,2', ","),
    ],
)
def test_forms_that_are_plainly_readable(text, separator):
    """The same two rows, in each form that people write."""
    table = split(text, separator, wanted=("night", "n"))
    assert table.header[:2] == ["night", "n"] and not table.left_out
    assert [row[:2] for row in table.rows] == [("20", "1"), ("21", "2")]


@pytest.mark.parametrize(
    ("line", "cells"),
    [
        ("2021-09-01 05:13:01   3", ("2021-09-01 05:13:01", "3")),
        ("2021-09-01 05:13:01 3", ("2021-09-01T05:13:01", "3")),
        ("2021-09-01 05:13:01.5 UTC 3", ("2021-09-01T05:13:01.5Z", "3")),
        ("2021-09-01T05:13:01 3", ("2021-09-01T05:13:01", "3")),
    ],
)
def test_instant_with_a_blank_inside(line, cells):
    """Between columns that blanks align, an instant may have a blank."""
    assert split(f"time                  v\n{line}\n", " ").rows == [cells]


def test_names_with_blanks_inside():
    """If names have blanks, columns are two blanks apart."""
    table = split("obs time    sky level\n20  1\n", "", wanted=("obs time", "sky level"))
    assert table.header == ["obs time", "sky level"] and table.rows == [("20", "1")]


def test_rows_that_do_not_fit():
    """Rows with too few or too many cells are left out with their lines."""
    table = split("a,b\n1\n1,2,3\n1,2\n")
    assert table.rows == [("1", "2")] and table.left_out == {TOO_FEW: [2], TOO_MANY: [3]}


def test_text_without_rows():
    """A text without rows has no header; an open quote is an error."""
    assert split("").header is None and split("# only this\n").header is None
    with pytest.raises(SourceError, match="line 2: a quote is never closed"):
        split('\n"night,n\n20,1\n')


def test_separators_of_the_settings():
    """One character or two blanks separate cells; anything else is refused."""
    for separator in ("", ",", "\t", " ", "  ", "§"):
        check_separator(separator)
    for separator in ("||", '"', "\n", "   "):
        with pytest.raises(UsageError, match="separates no cells"):
            check_separator(separator)
