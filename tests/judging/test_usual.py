"""Usual values of a stream, and nights that are worse."""

import datetime
import re
import shutil
import statistics

import pytest
from gen2tree import later, make_night
from running import nights, run, times

from observing_monitor.judging import checks, usual

DAYS = [datetime.date(2020, 3, 1) + datetime.timedelta(days=n) for n in range(9)]


def summary(p90=None, n_files=100, n_error=0):
    return {
        "n_files": n_files,
        "n_error": n_error,
        "transfer_delay_p90_s": None,
        "ingest_delay_p90_s": p90,
    }


def test_limits_come_from_the_nights_before():
    """A limit is the 90 % point of the 30 nights before."""
    values = [float((7 * n) % 41) for n in range(80)]
    limits = usual.usual_limits([summary(value) for value in values])
    assert all("ingest_delay_p90_s" not in limit for limit in limits[: usual.LEAST])
    for n in (usual.LEAST, 29, 30, 31, 79):
        before = sorted(values[max(0, n - 30) : n])
        assert limits[n]["ingest_delay_p90_s"] == before[int(-(-0.9 * len(before) // 1)) - 1]


def test_nights_without_a_value():
    """A night without a value counts among the 30 nights."""
    limits = usual.usual_limits(
        [*[summary(50.0)] * 4, None, summary(None, n_files=0), *[summary(90.0)] * 30]
    )
    assert "ingest_delay_p90_s" not in limits[6] and limits[7]["ingest_delay_p90_s"] == 90.0
    assert "error_share" not in usual.usual_limits([summary(n_files=0)] * 20)[-1]


@pytest.mark.parametrize(
    ("night", "limits", "is_worse"),
    [
        (summary(300.0), {"ingest_delay_p90_s": 100.0}, True),
        (summary(149.0), {"ingest_delay_p90_s": 100.0}, False),
        (summary(30.0), {"ingest_delay_p90_s": 2.0}, False),
        (summary(300.0), {}, False),
        (summary(-300.0), {"ingest_delay_p90_s": -900.0}, False),
        (summary(n_error=10), {"error_share": 0.02}, True),
        (summary(n_error=3), {"error_share": 0.02}, False),
        (summary(n_files=2, n_error=2), {"error_share": 0.0}, False),
    ],
)
def test_what_is_worse(night, limits, is_worse):
    """A night is worse if it exceeds the limit by enough to matter."""
    assert usual.worse(night, limits) == (limits if is_worse else {})


def observed(n_science=5, **numbers):
    """Return the summary of a night with science exposures."""
    return {**summary(), "n_exposures_science": n_science, **numbers}


@pytest.mark.parametrize("name", usual.OF_EXPOSURES)
def test_limits_of_numbers_of_exposures(name):
    """These need ten nights with five science exposures each."""
    nights = [observed(**{name: float(n)}) for n in range(1, 11)]
    assert name not in usual.usual_limits(nights)[-1]
    # nine of the ten nights have at most 9
    assert usual.usual_limits([*nights, None])[-1] == {"error_share": 0.0, name: 9.0}
    few = [observed(4, **{name: 99.0}), observed(**{name: None}), observed(**{name: -1.0})]
    assert usual.usual_limits([*nights, *few, None])[-1][name] == 9.0
    assert name not in usual.usual_limits([*nights[:9], *few, None])[-1]


@pytest.mark.parametrize(
    ("night", "limits", "is_worse"),
    [
        (observed(image_quality_median=1.21), {"image_quality_median": 1.0}, True),
        (observed(image_quality_median=1.2), {"image_quality_median": 1.0}, False),
        (observed(4, image_quality_median=9.0), {"image_quality_median": 1.0}, False),
        (observed(overhead_median_s=24.5), {"overhead_median_s": 20.0}, True),
        (observed(overhead_median_s=23.5), {"overhead_median_s": 20.0}, False),
        # less than a second more
        (observed(overhead_median_s=2.9), {"overhead_median_s": 2.0}, False),
        (observed(overhead_median_s=3.1), {"overhead_median_s": 2.0}, True),
    ],
)
def test_numbers_of_exposures_that_are_worse(night, limits, is_worse):
    """More than 20 % above the limit is worse, and a second of overhead."""
    assert usual.worse(night, limits) == (limits if is_worse else {})


def test_slow_night_is_one_finding():
    """A delay beyond both limits is one finding, with the usual value."""
    classes = dict.fromkeys(
        [
            f"n_{name}"
            for name in ("failed", "missing", "gone", "small", "lost", "pending", "twice", "error")
        ],
        0,
    )
    numbers = {**classes, "n_files": 100, "transfer_delay_p90_s": None, "ingest_delay_p90_s": 700.0}
    worse = {"ingest_delay_p90_s": 40.0}
    over = checks.findings(checks.Night(numbers, delay_warning_s=600, worse=worse))
    under = checks.findings(checks.Night(numbers, worse=worse))
    assert [f.text for f in over] == [
        "slow ingest: one file in ten took longer than 11 min 40 s, usually at most 40 s"
    ]
    assert [f.text for f in under] == [
        "slower ingest than usual: one file in ten took longer than 11 min 40 s, "
        "usually at most 40 s"
    ]
    assert {f.level for f in (*over, *under)} == {"warning"}


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    """Nine nights, the last with ten times the usual failures."""
    folder = tmp_path_factory.mktemp("usual")
    now = later()
    for day in DAYS:
        make_night(
            folder / "input", day, {"ingested": 97, "failed": 30 if day == DAYS[-1] else 3}, now=now
        )
    arguments = (
        "--input_dir",
        folder / "input",
        "--output_dir",
        folder / "pages",
        "--first_day",
        DAYS[0],
        "--last_day",
        DAYS[-1],
    )
    assert run("--jobs", "1", *arguments, now=now) == 0
    return folder, now, arguments


def test_page_of_an_unusual_night(history):
    """A night with ten times the usual failures says so."""
    folder, _, _ = history
    page = (folder / "pages" / f"{DAYS[-1]}.html").read_text()
    sentence = (
        "more errors than usual: 23.6 % of the files failed or are missing, usually at most 3 %"
    )
    assert re.search(rf'<a href="#attention"><bdi>{re.escape(sentence)}</bdi></a>', page)
    assert sentence in nights(folder / "pages")[str(DAYS[-1])]["info"]
    assert not any(
        "usual" in night["info"]
        for day, night in nights(folder / "pages").items()
        if day != str(DAYS[-1])
    )
    assert statistics.median(n["n_failed"] for n in nights(folder / "pages").values()) == 3


def test_older_nights_turn_out_bad(history, tmp_path):
    """When older nights turn out bad, nights with a finding change."""
    folder, now, _ = history
    shutil.copytree(folder / "input", tmp_path / "input", symlinks=True)
    arguments = ("--input_dir", tmp_path / "input", "--first_day", DAYS[0], "--last_day", DAYS[-1])
    assert run(*arguments, "--output_dir", tmp_path / "pages", now=now) == 0
    before = times(tmp_path / "pages")
    for day in DAYS[1:3]:
        for number in range(70):
            with open(
                tmp_path / "input" / "storage" / str(day) / f"extra_{number}.fits", "wb"
            ) as file:
                file.truncate(28_800)
    later_on = now + datetime.timedelta(minutes=1)
    assert run(*arguments, "--full", "--output_dir", tmp_path / "pages", now=later_on) == 0
    after = times(tmp_path / "pages")
    written = {
        name
        for name in after
        if name.startswith("2020-") and name.endswith(".html") and after[name] != before.get(name)
    }
    assert written == {f"{DAYS[1]}.html", f"{DAYS[2]}.html", f"{DAYS[-1]}.html"}
    assert "usual" not in nights(tmp_path / "pages")[str(DAYS[-1])]["info"]
    assert (
        run("rebuild", *arguments, "--jobs", "2", "--output_dir", tmp_path / "anew", now=later_on)
        == 0
    )
    assert nights(tmp_path / "anew") == nights(tmp_path / "pages")


def test_last_night_alone(history, tmp_path):
    """A night read alone is compared with the nights before, as in a rebuild."""
    folder, now, _ = history
    shutil.copytree(folder / "input", tmp_path / "input", symlinks=True)
    arguments = ("--input_dir", tmp_path / "input", "--last_day", DAYS[-1])
    assert run(*arguments, "--first_day", DAYS[0], "--output_dir", tmp_path / "pages", now=now) == 0
    with open(tmp_path / "input" / "storage" / str(DAYS[-1]) / "extra.fits", "wb") as file:
        file.truncate(28_800)
    assert (
        run(*arguments, "--first_day", DAYS[-1], "--output_dir", tmp_path / "pages", now=now) == 0
    )
    assert "more errors than usual" in nights(tmp_path / "pages")[str(DAYS[-1])]["info"]
    assert (
        run(
            "rebuild",
            *arguments,
            "--first_day",
            DAYS[0],
            "--jobs",
            "1",
            "--output_dir",
            tmp_path / "anew",
            now=now,
        )
        == 0
    )
    assert nights(tmp_path / "anew") == nights(tmp_path / "pages")
