"""Known issues: entries, and their effect on findings."""

import csv
import datetime
import json
import re

import pytest
from conftest import CHECKOUT
from gen2tree import later, make_night
from running import CLASSES, nights, run, times

from observing_monitor.judging.known_issues import Issue, KnownIssues, read_known

NIGHTS = [datetime.date(2020, 2, day) for day in (12, 13, 14)]
ONE = ((datetime.date(2026, 3, 1), datetime.date(2026, 3, 1)),)
BOTH = ("auxTel", "comCam")
FIVE = ((datetime.date(2026, 3, 1), datetime.date(2026, 3, 5)),)


def read(tmp_path, text):
    path = tmp_path / "known.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_known(path, ["auxTel", "comCam"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            '- night: 2026-03-01\n  pattern: "*_guider.fits"\n  reason: no header\n',
            ("*_guider.fits", "no header", ONE),
        ),
        (
            "- night: 2026-03-01\n  pattern: *_guider.fits\n  reason: no header\n",
            ("*_guider.fits", "no header", ONE),
        ),
        (
            "- night: 2026-03-01\n  pattern: [ab]*.fits\n  reason: broken: see log  # ask\n",
            ("[ab]*.fits", "broken: see log", ONE),
        ),
        ("- Night: 20260301\n  File: a\n  Why: no\n", ("a", "no", ONE)),
        (
            "-\tnight: 2026/3/1\n\tpattern: 'a b'\n\treason: two\n\t  lines\n",
            ("a b", "two lines", ONE),
        ),
        ("night: 2026-03-01\npattern: a\nreason: b\n", ("a", "b", ONE)),
        ("known:\n  - night: 2026-03-01\n    pattern: a\n    reason: b\n", ("a", "b", ONE)),
        (
            "---\n# c\n- reason: |\n    b\n    - c\n  night: 2026-03-01\n  pattern: a\n",
            ("a", "b - c", ONE),
        ),
        ("\ufeff- night: 2026-03-01\r\n  pattern: a\r\n  reason: b\r\n", ("a", "b", ONE)),
        ("- {night: 2026-03-01, pattern: a, reason: b}\n", ("a", "b", ONE)),
        ("- night: 2026-03-01 to 2026-03-05\n  pattern: a\n  reason: b\n", ("a", "b", FIVE)),
        ("- nights: 2026-03-01 - 2026-03-05\n  pattern: a\n  reason: b\n", ("a", "b", FIVE)),
        ("- nights: 20260301-20260305\n  pattern: a\n  reason: b\n", ("a", "b", FIVE)),
        ("- nights: 2026-03-01..2026-03-05\n  pattern: a\n  reason: b\n", ("a", "b", FIVE)),
        ("- from: 2026-03-01\n  to: 2026-03-05\n  pattern: a\n  reason: b\n", ("a", "b", FIVE)),
        ("- night: 2026-03-01\n  until: 2026-03-05\n  pattern: a\n  reason: b\n", ("a", "b", FIVE)),
        (
            "- night: since 2026-03-01\n  pattern: a\n  reason: b\n",
            ("a", "b", ((datetime.date(2026, 3, 1), None),)),
        ),
        (
            "- night: [2026-03-01, 2026-03-03]\n  pattern: a\n  reason: b\n",
            ("a", "b", (*ONE, (datetime.date(2026, 3, 3),) * 2)),
        ),
        (
            "- night: 2026-03-01\n  pattern: a\n  reason: b\n  stream: auxTel, comCam\n  who: c\n",
            ("a", "b", ONE, BOTH, "c"),
        ),
        (
            "- night: 2026-03-01\n  pattern: a\n  reason: b\n  streams:\n    - auxTel\n",
            ("a", "b", ONE, ("auxTel",)),
        ),
    ],
)
def test_entries(tmp_path, text, expected):
    """An entry follows YAML's rules, or is read line by line if it does not."""
    known = read(tmp_path, text)
    assert known.problems == [] and known.issues == [Issue(*expected)]


@pytest.mark.parametrize(
    ("entry", "line", "said"),
    [
        (
            "- night: yesterday\n  pattern: a\n  reason: b",
            0,
            "night 'yesterday' is none; write YYYY-MM-DD",
        ),
        ("- night: 2026-02-30\n  pattern: a\n  reason: b", 0, "2026-02-30 is no date"),
        (
            "- night: 2026-03-05 to 2026-03-01\n  pattern: a\n  reason: b",
            0,
            "2026-03-01 comes before 2026-03-05",
        ),
        (
            "- night: 2026-03-01\n  pattern: a\n  until: 2026-02-01\n  reason: b",
            2,
            "until 2026-02-01 comes before its night",
        ),
        (
            "- night: 2026-03-01\n  reason: b",
            0,
            'it has no pattern; write pattern: "*" for all of the night',
        ),
        ("- night: 2026-03-01\n  pattern: a\n  reason:", 2, "it has no reason"),
        ("- pattern: a\n  reason: b", 0, "it has no night; write night: 2026-03-01"),
        (
            "- night: 2026-03-01\n  patern: a\n  reason: b",
            1,
            "unknown key 'patern'; did you mean 'pattern'?",
        ),
        (
            "- night: 2026-03-01\n  pattern: a\n  reason: b\n  stream: auxtel",
            3,
            "there is no stream 'auxtel'; did you mean 'auxTel'?",
        ),
        (
            "- night: 2026-03-01\n  pattern: a\n  reason: b\n  night: 2026-03-02",
            3,
            "a second 'night' in one entry",
        ),
        (
            "- night: 2026-03-01\n  pattern: [a, b]\n  reason: b",
            1,
            "it has several patterns; write an entry for each",
        ),
        ("- all of it is broken", 0, "'all of it is broken' is no entry"),
    ],
)
def test_a_wrong_entry(tmp_path, entry, line, said):
    """A wrong entry is one line with the remedy; others are used."""
    right = "- night: 2026-03-01\n  pattern: *.a\n  reason: x\n"
    known = read(tmp_path, f"# known\n\n{right}{entry}\n{right}")
    assert [issue.pattern for issue in known.issues] == ["*.a", "*.a"]
    (problem,) = known.problems
    assert (
        problem.startswith(f"{tmp_path}/known.yaml: line {6 + line}: ")
        and said in problem
        and problem.endswith("acknowledges nothing")
    )
    assert "\n" not in problem


@pytest.mark.parametrize("data", [b"", b"\n# none yet\n", b"known:\n", b"[]\n", b"---\n...\n"])
def test_no_entries(tmp_path, data):
    """A file without entries is no problem."""
    assert read(tmp_path, data) == KnownIssues()


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xfe\x00",
        b"- " * 9000,
        b"[" * 100_000,
        b"- night: &a [*a, *a]\n",
        b"a: &a [x]\n" * 2000,
        b"- {" * 500,
        bytes(range(256)) * 50,
    ],
)
def test_rubbish(tmp_path, data):
    """Rubbish acknowledges nothing, gives few lines, and raises nothing."""
    known = read(tmp_path, data)
    assert (
        known.issues == []
        and 1 <= len(known.problems) <= 21
        and not any("\n" in problem for problem in known.problems)
    )


def test_example():
    """The example file is understood, entry by entry."""
    known = read_known(CHECKOUT / "examples" / "known.yaml", ["auxTel"])
    assert known.problems == [] and [issue.pattern for issue in known.issues] == [
        "*_guider.fits",
        "AT_O_20200214_000022",
        "dimm could not be read",
    ]
    assert known.issues[2].nights == ((datetime.date(2020, 3, 1), datetime.date(2020, 4, 1)),)


def test_pattern():
    """A pattern matches names, and the beginnings of findings."""
    named = {
        "*_guider.fits": {"x_guider.fits": True, "X_GUIDER.FITS": True, "x_guider.fits.gz": False},
        "AT_O_20200212_000022": {
            "AT_O_20200212_000022.fits": True,
            "AT_O_20200212_0000221.fits": False,
        },
        "a.b": {"a.b": True, "axb": False},
    }
    for pattern, names in named.items():
        assert {name: Issue(pattern, "", ()).names([name]) for name in names} == names
    said = {
        "dimm could not be read": {
            "dimm could not be read since 2020-02-13: x": True,
            "the dimm could not be read": False,
        },
        "*could not be read": {"dimm could not be read since 2020-02-13: x": True},
        "17": {"3 of the sequence numbers 1–42 never came; missing: 17, 19, 20": False},
        "14 files failed": {
            "14 files failed since 03:12": True,
            "140 files failed": False,
            "114 files failed": False,
        },
        "AT_O_1": {"exposure AT_O_1: 8 of 9 detectors": True},
    }
    for pattern, texts in said.items():
        assert {text: Issue(pattern, "", ()).begins(text) for text in texts} == texts


@pytest.fixture
def site(tmp_path):
    """Three nights, each with 4 files failed, 2 missing and 1 small.

    `known` writes the file of known issues, `run` runs.
    """

    class Made:
        now = later()
        folder = tmp_path / "site" / "latiss"
        file = tmp_path / "known.yaml"

        def run(self):
            arguments = (
                "-c",
                tmp_path / "site.toml",
                "--first_day",
                NIGHTS[0],
                "--last_day",
                NIGHTS[-1],
            )
            return run(*arguments, now=self.now)

        def known(self, *entries):
            self.file.write_text(
                "".join(
                    "- night: {}\n  pattern: {}\n  reason: {}\n".format(*entry) for entry in entries
                )
            )

    for night in NIGHTS:
        Made.made = make_night(
            tmp_path / "input",
            night,
            {"ingested": 5, "failed": 4, "missing": 2, "small": 1},
            now=Made.now,
        )
    (tmp_path / "site.toml").write_text(
        '[observing_monitor]\noutput_dir = "site"\n[streams.latiss]\ninput_dir = "input"\n'
    )
    assert Made().run() == 0
    return Made()


def test_known_files_raise_no_alarm(site):
    """Known files keep their class; a night of only these is normal."""
    failed = [file.path.name for file in site.made.of("failed")]
    site.known(
        (NIGHTS[2], failed[0], "header: no DATE-OBS"),
        (NIGHTS[2], failed[1], "header: no DATE-OBS"),
        (NIGHTS[1], "*", "a test"),
    )
    before = nights(site.folder)
    assert site.run() == 0
    after = nights(site.folder)
    assert after["2020-02-12"] == before["2020-02-12"]
    for night in after:
        assert {name: after[night][f"n_{name}"] for name in CLASSES} == {
            name: before[night][f"n_{name}"] for name in CLASSES
        }
    part, whole = after["2020-02-14"], after["2020-02-13"]
    assert part["status"] == "error" and (
        part["n_acknowledged"],
        part["n_acknowledged_errors"],
    ) == (2, 2)
    assert re.match(
        r"4 files failed since 2020-02-1\d \d\d:\d\d UTC, 2 of them known: header: no DATE-OBS; "
        r"2 files never tried",
        part["info"],
    )
    assert (
        whole["status"] == "normal"
        and whole["info"] == ""
        and (whole["n_acknowledged"], whole["n_acknowledged_errors"]) == (7, 6)
    )
    assert (
        "4 files failed" in whole["acknowledged"]
        and "1 file too small to be an image, known: a test" in whole["acknowledged"]
    )
    data = json.loads((site.folder / "2020-02-13.json").read_text())
    assert {(finding["level"], finding["acknowledged"]) for finding in data["findings"]} == {
        ("normal", "a test")
    }
    with open(site.folder / "2020-02-14.csv", newline="") as file:
        reasons = {row["path"].rpartition("/")[2]: row["reason"] for row in csv.DictReader(file)}
    assert [
        name for name, reason in reasons.items() if reason.endswith("; known: header: no DATE-OBS")
    ] == sorted(failed[:2])
    page = (site.folder / "2020-02-13.html").read_text()
    assert (
        "acknowledged</span>" in page
        and "all of them known: a test" in page
        and '<p class="verdict error' not in page
    )
    assert "all of them known: a test" in (site.folder / "index.html").read_text()


def test_only_affected_nights_change(site, tmp_path):
    """A new entry rewrites only the pages of its nights."""
    before, first = times(tmp_path / "site"), nights(site.folder)
    site.known(
        ("2020-02-13", "small", "flats"), ("2020-01-01 to 2020-12-31", "nothing has this name", "x")
    )
    assert site.run() == 0
    after = times(tmp_path / "site")
    pages = {
        name
        for name in after
        if re.match(r"latiss/2020-\d", name) and after[name] != before.get(name)
    }
    assert pages == {
        f"latiss/2020-02-13.{ending}" for ending in ("html", "json", "csv", "files.js")
    }
    assert site.run() == 0 and times(tmp_path / "site") == after
    site.file.unlink()
    assert site.run() == 0 and nights(site.folder) == first


def test_run_with_a_wrong_entry(site, capfd, tmp_path):
    """A run with a wrong entry prints one line and ends with 1."""
    site.known((NIGHTS[1], "*", "a test"), ("2020-02-31", "*", "slip of the pen"))
    assert site.run() == 1
    assert capfd.readouterr().err == (
        f"observing_monitor: {tmp_path}/known.yaml: line 4: 2020-02-31 is no date; "
        "write YYYY-MM-DD; this entry acknowledges nothing\n"
    )
    assert nights(site.folder)["2020-02-13"]["status"] == "normal"


def test_known_silence(tmp_path):
    """A source known to be silent is no error of its stream."""
    now = later()
    make_night(tmp_path / "input", NIGHTS[0], {"ingested": 3}, now=now)
    (tmp_path / "site.toml").write_text(
        '[observing_monitor]\noutput_dir = "site"\n[streams.latiss]\ninput_dir = "input"\n'
    )
    arguments = ("-c", tmp_path / "site.toml", "--first_day", NIGHTS[0], "--last_day", NIGHTS[0])
    assert run(*arguments, now=now) == 0
    (tmp_path / "input" / "gen2repo").rename(tmp_path / "input" / "moved")
    assert run(*arguments, now=now) == 1
    assert json.loads((tmp_path / "site" / "status.json").read_text())["status"] == "error"
    (tmp_path / "issues.yaml").write_text(
        "- night: 2020-02-12\n  pattern: gen2 could not be read\n"
        "  reason: disk is moved\n  who: me\n"
    )
    assert run(*arguments, "--known_issues", tmp_path / "issues.yaml", now=now) == 1
    told = json.loads((tmp_path / "site" / "status.json").read_text())
    assert (
        told["status"] == told["streams"][0]["status"] == "normal"
        and told["streams"][0]["sources"][1]["silent_since"]
    )
    assert (
        "known: disk is moved (me)"
        in (tmp_path / "site" / "latiss" / "2020-02-12.html").read_text()
    )
