"""A wrong settings file is described in our own words."""

import pytest
from running import run

from observing_monitor.errors import UsageError
from observing_monitor.settings.build import merged_order
from observing_monitor.settings.read import streams_of_file
from observing_monitor.settings.receivers import receivers_of_file

INPUT = '[streams.a]\ninput_dir = "x"\n'
TABLE = '[[streams.a.sources]]\ntype = "table"\npath = "x.csv"\n'


def complaint(folder, text):
    """Return the message about a settings file."""
    path = folder / "site.toml"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        streams_of_file(path)
        receivers_of_file(path)
    return str(caught.value).removeprefix(f"{folder}/")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            f"{INPUT}pending_limit_s = '1h'",
            '[streams.a] pending_limit_s: a number of seconds, such as 3600, not "1h"',
        ),
        (f"{INPUT}pending_limit_s = true", "such as 3600, not true"),
        (
            f"{INPUT}small_bytes = 2.5",
            "small_bytes: a whole number of bytes, such as 10000, not 2.5",
        ),
        (f"{INPUT}gen = '2'", 'gen: a whole number, such as 2, not "2"'),
        (f"{INPUT}title = 3", 'title: text, such as "Auxiliary telescope", not 3'),
        (f"{INPUT}previews = 'yes'", 'previews: true, false or a table, not "yes"'),
        (
            f"{INPUT}previews = {{ size = 'big' }}",
            "[streams.a] previews: size: a whole number, such",
        ),
        (
            f"{INPUT}ignore = ['a', 3]",
            'ignore: a list of texts, such as ["*_guider.fits"], not one with 3',
        ),
        (f"{INPUT}title = '{'x' * 99}'\nlatitude_deg = '{'9' * 99}'", f'not "{"9" * 59}…'),
        ("[streams.a]\nsources = [3]", "sources: a list of tables, not one with 3"),
        ("[streams.a]\ninput_dir = ''", "[streams.a] input_dir: is empty; name a file or a folder"),
        (
            f"{TABLE}columns = {{ a = 3 }}",
            "source 'table': columns: a table of texts, "
            'such as { sampled_at = "time" }, not one with 3',
        ),
        (
            f"{TABLE}feeds = 'file'",
            '"files", "ingests", "metrics", "exposures" or "remarks", not "file"',
        ),
        (
            "[[streams.a.sources]]\ntype = 'table'",
            "[streams.a] source 'table': path is missing: a path",
        ),
        (
            f"{INPUT}[[streams.a.from]]\nnight = '2020-02-30'",
            'such as 2026-01-31, not "2020-02-30"',
        ),
        (
            f"[storage]\noptions = 3\n{INPUT}",
            '[storage] options: a table, such as { project = "observatory" }, not 3',
        ),
        (
            f"{INPUT}[notify.x]\ntype = 'command'",
            '[notify.x] command is missing: a list of texts, such as ["/usr/local/bin/tell"',
        ),
        (
            f"{INPUT}[streams.a.notify.x]\ntype = 'webhook'\nsecurity = 'tls'",
            "[streams.a.notify.x] unknown key 'security'; known are of, when, timeout_s, url",
        ),
    ],
)
def test_wrong_value(tmp_path, text, message):
    """A value of a wrong type is named, with what to write."""
    said = complaint(tmp_path, text)
    assert said.startswith("site.toml: [") and message in said
    assert "xpected `" not in said


def test_wrong_text_is_not_quoted_where_a_list_is_expected(tmp_path):
    """Text in place of a list is not repeated: it may have a password."""
    said = complaint(
        tmp_path, f"{INPUT}[notify.x]\ntype = 'command'\ncommand = 'tell --key=s3cret'"
    )
    assert said.endswith("not text") and "s3cret" not in said


LIMIT = '[[streams.a.measure_limits]]\nmeasure = "seeing"\n'
OF_LIMIT = "[streams.a] measure_limits: table 1:"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("measure_limits = 3", "[streams.a] measure_limits: a list of tables, not 3"),
        (
            "[[streams.a.measure_limits]]\nwarning_above = 1",
            f'{OF_LIMIT} measure is missing: text, such as "seeing"',
        ),
        (
            "[[streams.a.measure_limits]]\nmeasure = ''\nwarning_above = 1",
            f"{OF_LIMIT} measure: is empty; write the name of a metric, such as seeing",
        ),
        (
            f"{LIMIT}warning_over = 1",
            f"{OF_LIMIT} unknown key 'warning_over'; did you mean 'warning_above'?",
        ),
        (
            f"{LIMIT}warning_above = '1.5'",
            f'{OF_LIMIT} warning_above: a number, such as 1.5, not "1.5"',
        ),
        (
            f"{LIMIT}error_above = nan",
            f"{OF_LIMIT} error_above: nan is no limit; write a number, or leave it out",
        ),
        (
            LIMIT,
            f"{OF_LIMIT} has no limit; set one of error_below, warning_below, warning_above, "
            "error_above",
        ),
        (
            f"{LIMIT}warning_above = 2\nerror_above = 2",
            f"{OF_LIMIT} warning_above: 2 is not below error_above (2); limits rise from "
            "error_below to warning_below to warning_above to error_above",
        ),
        (
            f"{LIMIT}types = ['flats']\nwarning_above = 2",
            f"{OF_LIMIT} types: there is no type 'flats'; did you mean 'flat'?",
        ),
        (
            f"{LIMIT}types = []\nwarning_above = 2",
            f"{OF_LIMIT} types: is empty; name types, or leave it out for science",
        ),
        (
            f"{LIMIT}warning_above = 2\n{LIMIT}filters = ['r']\nerror_above = 3",
            "[streams.a] measure_limits: table 2: never holds: seeing has its limits from table 1 "
            "already; put the narrower table first",
        ),
        (
            f"{LIMIT}warning_above = 2\n[[streams.a.from]]\nnight = 2026-03-01\n"
            "measure_limits = [{ measure = 'seeing' }]",
            "[[streams.a.from]] of night 2026-03-01: measure_limits: table 1: has no limit; "
            "set one of error_below, warning_below, warning_above, error_above",
        ),
        ("dome = 'open'", "[streams.a] dome: a table, not text"),
        (
            "dome = { closed = [0] }",
            '[streams.a] dome: metric is missing: text, such as "weather/dome"',
        ),
        (
            "dome = { metric = '', closed = [0] }",
            "[streams.a] dome: metric: is empty; write the name of a metric, such as dome",
        ),
        (
            "dome = { metric = 'dome', closed = 0 }",
            '[streams.a] dome: closed: a list, such as ["closed", 0], not 0',
        ),
        (
            "dome = { metric = 'dome', closed = [] }",
            "[streams.a] dome: closed: is empty; write the values of a closed dome, such as "
            '["closed", 0]',
        ),
        ("image_quality = 1", '[streams.a] image_quality: text, such as "seeing", not 1'),
    ],
)
def test_wrong_limit_of_a_measure(tmp_path, text, message):
    """A wrong limit, or a wrong dome, is named with what to write."""
    assert complaint(tmp_path, f"{INPUT}{text}") == f"site.toml: {message}"


def test_limits_that_overlap_in_part(tmp_path):
    """Narrower limits may come before those of all exposures."""
    wide = f"{LIMIT}types = ['science', 'focus']\nwarning_above = 3\n"
    text = f"{LIMIT}filters = ['r']\nwarning_above = 2\n{LIMIT}warning_above = 1\n{wide}"
    (tmp_path / "site.toml").write_text(INPUT + text)
    (stream,) = streams_of_file(tmp_path / "site.toml")
    assert [limit.warning_above for limit in stream.measure_limits] == [2, 1, 3]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            f"{INPUT}{INPUT}",
            "line 3: [streams.a] is there twice; write all its keys below one heading",
        ),
        (f"{INPUT}input_dir = 'y'", "line 3: a key is there twice; keep one of the two"),
        (f"{INPUT}x.y = 1\nx = 2\n", "line 4: a key is there twice; keep one of the two"),
        (f"{INPUT}title = {{ a = 1, a = 2 }}", "line 3: a key is there twice; keep one of the two"),
        (f'{INPUT}title = "\\d"', "line 3: a backslash in double quotes; write the text in single"),
        (
            f'{INPUT}title = "\\ud800"',
            "line 3: a backslash in double quotes; write the text in single",
        ),
        (f"{INPUT}title = telescope", "line 3: this is no value; write text in quotes"),
        (f'{INPUT}title = "abc\nx = 1', "line 3: text is not closed; add the quote at its end"),
        (f'{INPUT}title = "abc', "line 3: text is not closed; add the quote at its end"),
        (f"{INPUT}ignore = ['a' 'b']", "line 3: a list is not closed; add ]"),
        (f"{INPUT}ignore = ['a',\n", "line 3: a value or a closing ] is missing"),
        (f"{INPUT}previews = {{ size = 3", "line 3: a table is not closed; add }"),
        ("[streams.a\n", "line 1: a heading is not closed; write [NAME] or [[NAME]]"),
        ("[[streams.a]\n", "line 1: a heading is not closed; write [NAME] or [[NAME]]"),
        ("x\n", "line 1: this is not TOML; write KEY = VALUE, or [TABLE] as a heading"),
        ("\n\n= 3\n", "line 3: this is not TOML; write KEY = VALUE, or [TABLE] as a heading"),
    ],
)
def test_not_toml(tmp_path, text, message):
    """A file that is not TOML is described by line, with the remedy."""
    assert complaint(tmp_path, text).startswith(f"site.toml: {message}")


def test_file_that_cannot_be_opened(tmp_path, capsys):
    """A settings file that cannot be opened is one line that names -c."""
    for path, why in (
        (tmp_path / "no.toml", "no such file or directory"),
        (tmp_path, "is a directory"),
    ):
        assert run("-c", path) == 2
        assert (
            capsys.readouterr().err
            == f"observing_monitor: {path}: {why}; -c names the settings file\n"
        )


def test_settings_file_with_byte_order_mark(tmp_path):
    """The mark that some editors begin a file with is no error."""
    (tmp_path / "site.toml").write_bytes(b"\xef\xbb\xbf" + INPUT.encode())
    assert [stream.name for stream in streams_of_file(tmp_path / "site.toml")] == ["a"]


def test_order_of_stages():
    """Stages of several sources get an order that fits all of them."""
    assert merged_order([("a", "c"), ("a", "b", "c", "d")]) == ("a", "b", "c", "d")
    assert merged_order([("b",), ("a", "b")]) == ("a", "b")
    assert merged_order([("a", "b"), ("b", "a")]) == ("a", "b")
    assert merged_order([]) == ()
