"""Proprietary facts are in no published file, and complete in the store."""

import datetime
import json
import re

import pandas as pd
import pytest
from running import times
from support.hidden_nights import (
    FILES,
    HIDE,
    NIGHT,
    NOW,
    OPEN_PROGRAM,
    OPEN_TARGET,
    PROGRAM,
    RELEASE,
    SHORT,
    TARGET,
    HiddenNight,
)

SECRETS = (TARGET, PROGRAM, SHORT, "150.11713", "83.63308")


@pytest.fixture
def night(tmp_path):
    """The night before its first run."""
    return HiddenNight(tmp_path)


def test_no_file_has_a_trace(night):
    """No written file has a hidden fact; the store has all."""
    night.run(hide=[])
    seen = night.traces(*SECRETS)
    endings = (".html", ".json", ".csv", ".files.js", ".exposures.csv", ".metrics.csv")
    assert {f"gmos/{NIGHT}{ending}" for ending in endings} <= set(seen)
    assert set().union(*seen.values()) == set(SECRETS)
    night.run()
    assert night.traces(*SECRETS) == {}
    tables = night.store / f"stream=gmos/night={NIGHT}"
    stored = pd.read_parquet(tables / "exposures.parquet")
    assert list(stored["target"]) == [TARGET, "M74", OPEN_TARGET]
    assert stored["ra_deg"].notna().all()
    assert list(pd.read_parquet(tables / "files.parquet")["file_id"]) == sorted(FILES)


def test_images_that_systems_report(night):
    """Images of hidden exposures are left out; no image has a hidden name."""
    night.run(hide=[])
    names = sorted(path.name.rpartition("-")[0] for path in night.site.rglob("*.images/*.png"))
    assert names == ["focus", "focus-NGC-1234"]
    night.run()
    [image] = night.site.rglob("*.images/*.png")
    code = night.json()["exposures"][0]["target"]
    assert image.name.startswith(f"focus-{code}-") and image.name in night.text()


def test_first_run_has_no_trace(night):
    """The first run hides as much as later ones."""
    night.run()
    assert night.traces(*SECRETS) == {}
    assert night.traces(OPEN_TARGET)


def test_rows_remain_distinguishable(night):
    """Counts and hours remain; a name has one code everywhere."""
    night.run()
    first, second, third = night.json()["exposures"]
    assert (third["target"], third["program"], third["ra_deg"]) == (
        OPEN_TARGET,
        OPEN_PROGRAM,
        279.23473,
    )
    assert re.fullmatch("hidden-[0-9a-f]{8}", first["target"])
    assert first["program"] == second["program"] != first["target"] != second["target"]
    assert first["exposure"] == f"{first['program']}-001"
    assert {"ra_deg", "dec_deg", "airmass"}.isdisjoint(first)
    assert first["comment"] == f"pointing at {first['target']}"
    assert [one["exposure_time_s"] for one in (first, second, third)] == [120, 121, 122]
    assert [one["n_files"] for one in (first, second, third)] == [1, 1, 1]
    assert first["measures"] == {"seeing": 0.8, "sky": 20.25}
    told = night.text(".csv")
    assert f"2026-08-03/{first['program']}-001_{first['target']}.fits" in told
    assert f"2026-08-03/{first['program']}-002_{second['target']}_r.fits" in told
    assert FILES[2] in told and f"{first['target']}_finder.fits" in told
    row = json.loads((night.site / "gmos/nights.json").read_text())["nights"][0]
    assert (row["n_exposures_science"], row["science_s"], row["n_failed"]) == (3, 363, 3)


def test_codes_need_the_key_of_the_store(night, tmp_path):
    """Another store has other codes; without its key they can't be computed."""
    night.run()
    (tmp_path / "other").mkdir()
    other = HiddenNight(tmp_path / "other")
    other.run()
    here, there = (one.json()["exposures"][0]["program"] for one in (night, other))
    assert here != there
    key = json.loads((night.store / "hidden.json").read_text())["key"]
    assert len(key) == 64 and night.traces(key) == {}


def test_lost_key(night):
    """With a new key, all names of a night get new codes."""
    night.run()
    before = night.json()["exposures"][0]["target"]
    (night.store / "hidden.json").unlink()
    night.run(now=NOW + datetime.timedelta(minutes=5))
    after = night.json()["exposures"][0]["target"]
    assert after != before and night.traces(before) == {}
    assert after in night.text() and after in night.text(".csv")


def test_page_says_what_is_hidden(night):
    """The night's page counts hidden exposures, and says until when."""
    night.run()
    said = "2 exposures with hidden facts (until 2027-02-01 00:00 UTC, "
    said += "1 exposure without a known date of release): "
    said += "Target, Program, RA, Dec., Altitude, Azimuth, Airmass, Rotation. Settings: hide."
    assert said in night.text()


def test_release_by_the_clock(night):
    """At its release, a run without anything new shows an exposure."""
    night.run()
    before = times(night.site)
    night.run(now=RELEASE - datetime.timedelta(seconds=1))
    assert times(night.site) == before
    night.run(now=RELEASE)
    first, second, _ = night.json()["exposures"]
    assert (first["target"], first["program"], first["ra_deg"]) == (TARGET, PROGRAM, 150.11713)
    assert second["target"].startswith("hidden-") and "ra_deg" not in second
    # its own file is shown; the program of the other one is not
    assert FILES[0] in night.text(".csv") and FILES[1] not in night.text(".csv")
    assert night.traces("83.63308", SHORT) == {}
    assert "1 exposure with hidden facts (1 exposure without a known date" in night.text()


def test_rows_of_released_exposures(night):
    """Rows of released exposures show the names of such exposures."""
    night.exposures[2] |= {"program": PROGRAM, "target": f"near {TARGET}"}
    night.obsids[2], night.obsids[3] = "", f"{OPEN_PROGRAM}-003.obs"
    night.exposures[0]["target"] = "Fomalhaut"
    night.write()
    night.run()
    first, second, third = night.json()["exposures"]
    assert first["program"] == second["program"] and first["program"].startswith("hidden-")
    assert (third["program"], third["comment"]) == (PROGRAM, f"pointing at near {TARGET}")
    told = night.text(".csv")
    assert FILES[3] in told and FILES[0] not in told and "Vega_field" in told
    assert night.traces("Fomalhaut", SHORT, "150.11713") == {}


def test_hidden_name_in_a_row_of_a_released_exposure(night):
    """A name that only hidden exposures have is hidden in all rows."""
    night.obsids[3] = f"{OPEN_PROGRAM}-003.obs"
    night.write()
    night.run()
    assert night.json()["exposures"][2]["n_files"] == 2
    assert night.traces(*SECRETS) == {}


@pytest.mark.parametrize("months", [6, 18])
def test_months_after_the_night(night, months):
    """With months, only the date of the night counts."""
    year, month = divmod(NIGHT.year * 12 + NIGHT.month - 1 + months, 12)
    # the night of that date ends at noon UTC of the next day
    at = datetime.datetime(year, month + 1, NIGHT.day + 1, 12, tzinfo=datetime.UTC)
    night.run(hide_until=months)
    said = f"2 exposures with hidden facts (until {at:%Y-%m-%d} 12:00 UTC)"
    assert said.replace("2", "3", 1) in night.text()
    night.run(hide_until=months, now=at - datetime.timedelta(minutes=1))
    assert night.traces(*SECRETS, OPEN_TARGET) == {}
    night.run(hide_until=months, now=at)
    assert [one["target"] for one in night.json()["exposures"]] == [TARGET, "M74", OPEN_TARGET]
    assert "hidden facts" not in night.text() and "hidden-" not in night.text(".csv")


def test_some_programs(night):
    """`hide_programs` limits it; an unknown program may be one of them."""
    for row in night.exposures:
        row["released"] = None
    night.exposures[1] |= {"exposure": "X-2", "program": ""}
    night.exposures.append(night.exposures[2] | {"exposure": "X-4", "target": ""})
    night.obsids[1] = "X-2.obs"
    night.write()
    night.run(hide_programs=["gn-2026?-q-*"])
    first, second, third, _ = night.json()["exposures"]
    assert first["program"].startswith("hidden-") and second["target"].startswith("hidden-")
    assert "program" not in second
    assert (third["target"], third["program"]) == (OPEN_TARGET, OPEN_PROGRAM)
    assert night.traces(TARGET, PROGRAM, "150.11713", "83.63308") == {}
    night.run(hide_programs=["ENG-*"])
    first, second, third, _ = night.json()["exposures"]
    assert first["target"] == TARGET and third["target"].startswith("hidden-")
    assert night.traces(OPEN_TARGET, OPEN_PROGRAM) == {}


@pytest.mark.parametrize("pattern", [PROGRAM, "gn-2026B-Q-*"])
def test_program_that_is_named_before_its_exposures(night, pattern):
    """Programs in `hide_programs` are hidden in files without an exposure."""
    night.exposures = night.exposures[2:]
    night.write()
    night.run(hide_programs=[pattern])
    assert night.traces(PROGRAM) == {} and night.traces(OPEN_PROGRAM)
    assert "hidden facts" not in night.text()


def test_program_has_one_code_and_target_one_per_night(night):
    """A released night says nothing about the targets of other nights."""
    from observing_monitor.judging.hidden_names import code_of

    key = "ab" * 32
    assert code_of("NGC 1", key, "2026-08-03") != code_of("NGC 1", key, "2026-08-04")
    assert code_of("NGC 1", key, "x") == code_of("ngc_1", key, "x") != code_of("NGC 1", "cd" * 32)


def test_only_the_position(night):
    """A coordinate hides the direction of the telescope, and no name."""
    night.run(hide=["dec_deg"])
    first = night.json()["exposures"][0]
    assert (first["target"], first["program"]) == (TARGET, PROGRAM)
    assert {"ra_deg", "dec_deg", "airmass", "altitude_deg"}.isdisjoint(first)
    assert night.traces("150.11713", "83.63308") == {}


def test_store_must_be_elsewhere(night, capsys):
    """`hide` is refused while a web server shows the store."""
    for store in ("", "site/private"):
        assert night.run(store=store) == 2
        said = capsys.readouterr().err
        assert "[streams.gmos] hide hides facts of exposures, but the store" in said
        assert "set store_dir to a folder that no web server shows" in said
    assert not night.site.exists()
    assert night.run(command=["check"], store="") == 2


def test_texts_about_sources(night):
    """Left-out rows and faults of a source are shown without hidden names."""
    night.run()
    files = night.folder / "files.csv"
    files.write_text(files.read_text() + f"2026-08-03/{PROGRAM}-9.fits,{TARGET},1,\n")
    night.run(now=NOW + datetime.timedelta(minutes=5))
    pages = [night.site / "gmos/index.html", night.site / "status.json"]
    assert all("hidden-" in page.read_text() for page in pages)
    assert night.traces(*SECRETS) == {}


def test_nothing_new_opens_no_table(night):
    """A run with nothing new reads no tables."""
    night.run()
    before, tables = times(night.site), night.store / f"stream=gmos/night={NIGHT}"
    assert len(list(tables.glob("*.parquet"))) == 5
    for path in tables.glob("*.parquet"):
        path.write_bytes(b"x" * path.stat().st_size)
    night.run(now=NOW + datetime.timedelta(minutes=5))
    assert times(night.site) == before


def test_all_columns_together(night):
    """Texts that `hide` names are empty."""
    night.run(hide=[*HIDE, "comment", "observer", "group", "observation_reason"])
    assert [one.get("comment") for one in night.json()["exposures"]] == [
        None,
        None,
        f"pointing at {OPEN_TARGET}",
    ]
