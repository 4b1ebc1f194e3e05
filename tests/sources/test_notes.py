"""Notes of a night: text and Markdown files as remarks."""

import codecs
import datetime
import gzip
import os
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from night_tables import plain

from observing_monitor.errors import SourceError, UsageError
from observing_monitor.model import columns
from observing_monitor.model.nights import NightRule
from observing_monitor.readers.bounded import Limits
from observing_monitor.sources.base import Asked
from observing_monitor.sources.notes import Notes
from observing_monitor.sources.notes_text import Clock, split_notes

NIGHT = datetime.date(2026, 11, 30)
NOW = datetime.datetime(2026, 12, 1, 4, tzinfo=datetime.UTC)
LIMITS = Limits()
CHILE = "America/Santiago"  # UTC−3 h in November


def source(path, zone="", rule="UTC-12h", limits=LIMITS):
    """Return a source on a path."""
    asked = Asked("any", NightRule.parse(rule), NOW, limits=limits)
    return Notes(Notes.Settings(path=path, zone=zone), asked)


def said(folder, text, night=NIGHT, **options):
    """Return times and texts of a night's notes; the times are those of UTC."""
    (folder / f"{night}.md").write_text(text)
    reading = source(folder, **options).read(night)
    return [
        (None if pd.isna(begin) else f"{begin:%d %H:%M:%S}".removesuffix(":00"), words)
        for begin, words in zip(reading.remarks["begin_at"], reading.remarks["text"], strict=True)
    ]


# --- times ----------------------------------------------------------------------------------------


def test_a_whole_night(tmp_path):
    """Times of lines and headings are local; the rest belongs to the night."""
    text = (
        "# Night of 30 November\n"
        "Observer: support\n"
        "\n"
        "## 21:40 Open\n"
        "Seeing 0.8.\n"
        "### Detail\n"
        "more\n"
        "- 23:05 clouds\n"
        "- 00:30 clear again\n"
        "\n"
        "  since the wind turned\n"
        "## Summary\n"
        "Two hours lost.\n"
    )
    assert said(tmp_path, text, zone=CHILE) == [
        (None, "# Night of 30 November\nObserver: support"),
        ("01 00:40", "## 21:40 Open\nSeeing 0.8.\n### Detail\nmore"),
        ("01 02:05", "- 23:05 clouds"),
        ("01 03:30", "- 00:30 clear again\n\n  since the wind turned"),
        (None, "## Summary\nTwo hours lost."),
    ]


@pytest.mark.parametrize(
    ("zone", "rule", "time", "instant"),
    [
        # the night begins at noon UTC: at 9 h in Chile, at 2 h of the same date on Hawaii
        *[("UTC", "UTC-12h", "12:00", "30 12:00"), ("UTC", "UTC-12h", "11:59", "01 11:59")],
        *[(CHILE, "UTC-12h", "09:00", "30 12:00"), (CHILE, "UTC-12h", "08:59", "01 11:59")],
        ("Pacific/Honolulu", "UTC-12h", "02:00", "30 12:00"),
        ("Pacific/Honolulu", "UTC-12h", "01:59", "01 11:59"),
        ("Pacific/Honolulu", "UTC-12h", "19:00", "01 05:00"),
        # the night is the date of UTC, or begins the day before
        *[("UTC", "UTC", "00:00", "30 00:00"), ("UTC", "UTC", "23:59", "30 23:59")],
        ("Asia/Tokyo", "UTC+9h", "00:30", "29 15:30"),
        ("Asia/Tokyo", "UTC+9h", "23:30", "30 14:30"),
        # a time may have its own zone
        (CHILE, "UTC-12h", "03:12 UTC", "01 03:12"),
        *[
            (CHILE, "UTC-12h", "3:12Z", "01 03:12"),
            (CHILE, "UTC-12h", "03:12:45 ut", "01 03:12:45"),
        ],
        *[("UTC", "UTC-12h", "9:40 pm", "30 21:40"), ("UTC", "UTC-12h", "12:05 a.m.", "01 00:05")],
        # a date says more than the night
        ("UTC", "UTC-12h", "2026-12-01 00:10", "01 00:10"),
        (CHILE, "UTC-12h", "2026-11-30T21:00", "01 00:00"),
    ],
)
def test_times(tmp_path, zone, rule, time, instant):
    """A time before the night's start belongs to the next date."""
    text = f"{time} clouds"
    assert said(tmp_path, text, zone=zone, rule=rule) == [(instant, text)]


@pytest.mark.parametrize(
    "line",
    [
        "03:12",
        *["# 03:12 clouds", "###### 03:12", "- 03:12 clouds", "* 3:12: clouds", "1. 03:12 clouds"],
        *["**03:12** clouds", "[03:12] clouds", "(03:12) clouds", "03:12, clouds", "03:12. clouds"],
        *["## **03:12 UTC** clouds", "   03:12 – clouds", "- [03:12](https://a.example) clouds"],
    ],
)
def test_forms_of_a_line(tmp_path, line):
    """Marks of Markdown may be before a time."""
    assert said(tmp_path, f"before\n{line}\nafter") == [
        (None, "before"),
        ("01 03:12", f"{line}\nafter"),
    ]


@pytest.mark.parametrize(
    "line",
    [
        *[
            "at 03:12 clouds",
            "    03:12 code",
            "03:12.5 sidereal",
            "03:1 no",
            "103:12 no",
            "0312 no",
        ],
        *["3.12 no", "03:12:33.5 +41 00 M31", "03:12:33:44", "03:12x", "#03:12 no heading"],
    ],
)
def test_lines_without_a_time(tmp_path, line):
    """Other numbers are text."""
    assert said(tmp_path, line) == [(None, line)]


def test_ranges(tmp_path):
    """A range gives begin and end, also over midnight."""
    (tmp_path / "2026-11-30.txt").write_text("23:50–00:20 closed\n01:00 - 02:30 UTC wind\n")
    made = source(tmp_path).read(NIGHT).remarks
    ends = [end - begin for begin, end in zip(made["begin_at"], made["end_at"], strict=True)]
    assert ends == [pd.Timedelta("30min"), pd.Timedelta("90min")]


def test_summer_time(tmp_path):
    """The hour that occurs twice is standard time."""
    berlin = {"zone": "Europe/Berlin"}
    # on 25 October 2026 at 3 h, clocks go back to 2 h; on 28 March 2027 at 2 h, on to 3 h
    autumn = said(tmp_path, "02:30 a\n03:30 b", datetime.date(2026, 10, 24), **berlin)
    assert autumn == [("25 01:30", "02:30 a"), ("25 02:30", "03:30 b")]
    spring = said(tmp_path, "02:30 a\n03:30 b", datetime.date(2027, 3, 27), **berlin)
    assert spring == [("28 01:30", "02:30 a"), ("28 01:30", "03:30 b")]


def test_code_has_no_times(tmp_path):
    """A log between fences is part of its note; a fence that never ends too."""
    text = "03:12 restart\n```\n03:11:01 ERROR\n~~~\n# no heading\n```\n03:20 fine\n~~~\n03:30 log"
    assert said(tmp_path, text) == [
        ("01 03:12", "03:12 restart\n```\n03:11:01 ERROR\n~~~\n# no heading\n```"),
        ("01 03:20", "03:20 fine\n~~~\n03:30 log"),
    ]


def test_times_that_are_none(tmp_path):
    """Text that only looks like a time stays text, with a note."""
    path = tmp_path / "2026-11-30.md"
    path.write_text("03:12 a\n25:10 b\n13:00 pm c\n2026-02-30 01:00 d\n2026-01-01 00:00 e")
    reading = source(tmp_path).read(NIGHT)
    assert len(reading.remarks) == 2
    assert reading.notes == [
        f"{path} line 2: '25:10' is no time; taken as text",
        f"{path} line 3: '13:00 pm' is no time; taken as text",
        f"{path} line 4: '2026-02-30 01:00' is no time; taken as text",
        f"{path} line 5: the time is not of night 2026-11-30; kept all the same",
    ]


# --- files ----------------------------------------------------------------------------------------


def test_text_is_kept_as_it_is(tmp_path):
    """Nothing is rendered or cleaned; empty notes are none."""
    text = (
        '<script>alert(1)</script> {{ 7 * 7 }} [x](javascript:alert) ![](https://a.example/p)\t"é"'
    )
    assert said(tmp_path, f"\n\n{text}\n\n\n") == [(None, text)]
    assert said(tmp_path, " \n\n") == []


def test_remarks_are_whole(tmp_path):
    """Remarks are in the order of the file, with all columns."""
    (tmp_path / "2026-11-30.md").write_text("# A\n01:00 b\n# C\n02:00 d\n")
    (tmp_path / "2026-11-30.txt").write_text("e")
    reading = source(tmp_path).read(NIGHT)
    made = reading.remarks
    assert list(made) == [c.name for c in columns.REMARKS]
    assert plain(made, "text") == ["# A", "01:00 b", "# C", "02:00 d", "e"]
    assert made["remark_id"].is_unique and made["remark_id"].is_monotonic_increasing
    assert [(one.n_read, one.n_left_out) for one in reading.counts.values()] == [(4, 0), (1, 0)]


def test_nights_and_looks(tmp_path):
    """A folder has a night per name; a look notices a change."""
    for name in ("2026-11-30.md", "2026-12-01.txt", "2026-12-01.md~", ".2026-12-02.md.swp", "x.md"):
        (tmp_path / name).write_text("a")
    one = source(tmp_path)
    assert one.nights() == {NIGHT, datetime.date(2026, 12, 1)}
    first = one.look(NIGHT, None)
    assert one.look(NIGHT, first) == first
    (tmp_path / "2026-11-30.md").write_text("a, and b")
    assert one.look(NIGHT, first) != first
    nothing = one.look(datetime.date(2026, 12, 5), None)
    assert nothing == {"files": {}} and one.read(datetime.date(2026, 12, 5)).remarks.empty


def test_path_with_the_night(tmp_path):
    """The night may be anywhere in the path; a compressed file is read."""
    (tmp_path / "2026" / "11").mkdir(parents=True)
    (tmp_path / "2026" / "11" / "30.log.gz").write_bytes(gzip.compress(b"03:12 clouds"))
    one = source(tmp_path / "{night:%Y}" / "{night:%m}" / "{night:%d}.log.gz")
    assert one.nights() == {NIGHT}
    assert plain(one.read(NIGHT).remarks, "text") == ["03:12 clouds"]


@pytest.mark.parametrize("change", ["unlink", "empty"])
def test_a_file_that_is_gone_or_empty(tmp_path, change):
    """Notes that were read stay, if their file is gone or being written."""
    path = tmp_path / "2026-11-30.md"
    path.write_text("clouds")
    one = source(tmp_path)
    known = one.look(NIGHT, None)
    path.unlink() if change == "unlink" else path.write_text("")
    words = {"unlink": "no longer there", "empty": "is empty now; is it being written"}[change]
    with pytest.raises(SourceError, match=f"2026-11-30.md: {words}.*data stay as last read"):
        one.look(NIGHT, known)
    with pytest.raises(SourceError):
        one.look_again(NIGHT, known, {"zone"})
    assert one.look_again(NIGHT, known, {"path"}) is not None


@pytest.mark.parametrize(
    ("content", "text", "note"),
    [
        ("é".encode(), "é", ""),
        (codecs.BOM_UTF8 + b"a", "a", ""),
        ("03:12 é".encode("utf-16"), "03:12 é", ""),
        (b"a\r\nb\r\n", "a\nb", ""),
        (b"a\nb\xe9c", "a\nb\\xe9c", "line 2: is not in UTF-8; write the file in UTF-8"),
        (b"a\x1b[31mb", "a\N{REPLACEMENT CHARACTER}[31mb", ""),
    ],
)
def test_encodings(tmp_path, content, text, note):
    """Bytes that are no UTF-8 are shown as such, with a note."""
    path = tmp_path / "2026-11-30.txt"
    path.write_bytes(content)
    reading = source(tmp_path).read(NIGHT)
    assert plain(reading.remarks, "text") == [text]
    assert reading.notes == ([f"{path} {note}"] if note else [])


def left_out(reading):
    """Return the reasons of what is left out."""
    return [reason for one in reading.counts.values() for _, reason in one.examples]


def test_what_is_no_note_is_left_out(tmp_path):
    """Links outside, pipes and pictures are left out, the rest is read."""
    folder = tmp_path / "notes"
    folder.mkdir()
    (tmp_path / "secret").write_text("secret")
    (folder / "2026-11-30.md").symlink_to(tmp_path / "secret")
    os.mkfifo(folder / "2026-11-30.markdown")
    (folder / "2026-11-30.txt").write_text("clouds")
    reading = source(folder).read(NIGHT)
    assert plain(reading.remarks, "text") == ["clouds"]
    assert sorted(left_out(reading)) == [
        "it is not a plain file",
        "it lies outside the folders that are read",
    ]
    assert len(reading.notes) == 2
    (folder / "2026-11-30.txt").write_bytes(b"\x89PNG\0\0\0\rIHDR")
    assert "it is no text" in left_out(source(folder).read(NIGHT))


def test_huge_files(tmp_path):
    """A file above the limit can't be read; a line above it is left out."""
    path = tmp_path / "2026-11-30.md"
    path.write_text("x" * 2000)
    with pytest.raises(SourceError, match=r"2026-11-30.md: it holds more than 1,000 bytes"):
        source(tmp_path, limits=Limits(unpacked_bytes=1000)).read(NIGHT)
    path.write_bytes(gzip.compress(bytes(2000)))
    with pytest.raises(SourceError, match=r"its gzip holds more than 1,000 bytes"):
        source(tmp_path, limits=Limits(unpacked_bytes=1000)).read(NIGHT)
    path.write_text("01:00 a\n" + "y" * 200 + "\n02:00 b")
    reading = source(tmp_path, limits=Limits(line_bytes=100)).read(NIGHT)
    assert plain(reading.remarks, "text") == ["01:00 a", "02:00 b"]
    (counts,) = reading.counts.values()
    assert (counts.n_read, counts.n_left_out) == (3, 1)
    assert reading.notes == [f"{path} line 2: longer than 100 bytes (max_line_bytes); left out"]


def test_many_lines_are_fast(tmp_path):
    """Hostile lines take no time that grows with their square."""
    lines = ["#" * 50_000, "*" * 50_000, " " * 50_000 + "03:12", "1" * 50_000, "03:12 " * 10_000]
    (tmp_path / "2026-11-30.md").write_text("\n".join(lines * 20))
    assert len(source(tmp_path).read(NIGHT).remarks) == 21


def test_settings_that_cannot_work(tmp_path):
    """A wrong zone or path names what is wrong."""
    with pytest.raises(UsageError, match="zone 'Chile/Santiago' is no time zone"):
        source(tmp_path, zone="Chile/Santiago")
    with pytest.raises(UsageError, match="'day' is no way to write a night"):
        source(tmp_path / "{night:day}.md")
    with pytest.raises(SourceError, match="gone: no such directory"):
        source(tmp_path / "gone").nights()


LINES = st.sampled_from(
    [
        *[
            "",
            " ",
            "a",
            "# b",
            "## c",
            "###### d",
            "#",
            "```",
            "~~~~",
            "```py",
            "03:12 e",
            "## 4:05 f",
        ],
        *["- 25:00 g", "23:50–00:20 h", "2026-12-01 03:12 i", "2026-13-01 03:12 j", "0:00 am k"],
        *[
            "2026-01-01 00:00",
            "9999-12-31 23:59",
            "0001-01-01 00:00",
            "\u2028x",
            "\x0cy",
            "\ud7ffz",
        ],
    ]
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(LINES | st.text(max_size=20), max_size=30), st.sampled_from([CHILE, "Asia/Tokyo"]))
def test_no_line_is_lost(lines, zone):
    """Each line is in one part, in order, and each part has text."""
    text = "\n".join(lines)
    start = datetime.datetime(2026, 11, 30, 12, tzinfo=datetime.UTC)
    parts = split_notes(text, Clock(start, ZoneInfo(zone))).parts
    assert all(one.text.strip() for one in parts)
    kept = [line for one in parts for line in one.text.split("\n") if line.strip()]
    assert kept == [line for line in text.split("\n") if line.strip()]
    for one in parts:
        first = text.split("\n")[one.number - 1 :]
        assert "\n".join(first).strip("\n").startswith(one.text)
        assert one.end_at is None or one.begin_at <= one.end_at
