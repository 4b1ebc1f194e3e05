"""Slow patterns of the settings do not stop a run."""

import time

import pandas as pd
import pytest
from running import nights, run, start

from observing_monitor.processes import slow_patterns
from observing_monitor.readers.patterns import Pattern

DAYS = ("--first_day", "2021-02-16", "--last_day", "2021-02-16")
NESTED = r"^(?P<obsid>([A-Z]+_?)+\d+_\d+)\.fits$"
LOOKING = rf"(?!x){NESTED}"
ODD = "A" * 60 + "!.fits"
GOOD = "AT_O_20210216_000001.fits"


def make_site(folder, pattern):
    """Write two streams of files, one matched by a pattern."""
    for name in (f"in/2021-02-16/{GOOD}", f"in/2021-02-16/{ODD}", "good/2021-02-16/g.fits"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (folder / "site.toml").write_text(f"""
[observing_monitor]
output_dir = "site"
[streams.a]
[[streams.a.sources]]
type = "files"
path = "in"
name_pattern = '{pattern}'
[streams.b]
[[streams.b.sources]]
type = "files"
path = "good"
""")
    return folder / "site.toml"


@pytest.mark.parametrize("pattern", [NESTED, LOOKING])
def test_a_run_ends_whatever_the_names(tmp_path, pattern):
    """A run with an odd name ends and has all files."""
    settings = make_site(tmp_path, pattern)
    process = start("-c", settings, *DAYS)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, out + err
    assert nights(tmp_path / "site" / "a")["2021-02-16"]["n_files"] == 2
    assert nights(tmp_path / "site" / "b")["2021-02-16"]["n_files"] == 1


def test_a_name_that_takes_too_long_is_reported(tmp_path):
    """The page names the file and the setting."""
    run("-c", make_site(tmp_path, LOOKING), *DAYS)
    page = (tmp_path / "site" / "a" / "2021-02-16.html").read_text()
    assert "name_pattern took too long for 1 of 2 texts" in page and ODD[:60] in page
    (stored,) = (tmp_path / "site" / "data" / "stream=a").rglob("files.parquet")
    obsids = dict(pd.read_parquet(stored)[["name", "obsid"]].dropna().values)
    assert obsids == {GOOD: "AT_O_20210216_000001"}


def test_check_says_that_a_pattern_is_matched_in_a_process(tmp_path, capsys):
    """`check` names what RE2 lacks and ends."""
    run("check", "-c", make_site(tmp_path, LOOKING), *DAYS)
    out = capsys.readouterr().out
    assert "name_pattern has a look-ahead" in out and "took too long for 1 of 2" in out


def test_many_hostile_names_have_a_limit(monkeypatch):
    """The time for all hostile names is bounded."""
    monkeypatch.setattr(slow_patterns, "NAME_S", 0.1)
    monkeypatch.setattr(slow_patterns, "LATE_S", 1.0)
    texts = [GOOD, *(ODD for _ in range(1000)), GOOD]
    began = time.process_time()
    groups, late = slow_patterns.match_all(LOOKING, texts, False)
    assert time.process_time() - began < 10
    assert groups[0] == ("AT_O_20210216_000001",)
    assert late == list(range(1, 1002))


def test_a_few_hostile_names_cost_the_others_nothing(monkeypatch):
    """Ordinary names after hostile ones are read."""
    monkeypatch.setattr(slow_patterns, "NAME_S", 0.1)
    groups, late = slow_patterns.match_all(LOOKING, [ODD, ODD, GOOD], False)
    assert (groups[2], late) == (("AT_O_20210216_000001",), [0, 1])


def test_unusual_names_of_an_ordinary_pattern_have_a_limit():
    """A process matches names beyond ASCII."""
    made = Pattern("name_pattern", NESTED)
    found = made.groups([GOOD, f"é{ODD}", f"{ODD}\n"])
    assert made.remarks() == []
    assert found["obsid"].to_pylist() == ["AT_O_20210216_000001", None, None]


def test_a_process_that_cannot_be_interrupted_is_killed(monkeypatch):
    """The limit of the whole process ends it."""
    began = time.monotonic()
    answer = slow_patterns.call_in_process(time.sleep, 600, limit_s=1)
    assert answer is None and time.monotonic() - began < 30
