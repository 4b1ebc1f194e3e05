"""Exposures of Gen3 registries, real and made here."""

import datetime
import json
import re

import pandas as pd
import pytest
from gen3repo import Raw, edit, make_repository, raw_file, records, three  # noqa: F401 - a fixture
from running import run
from test_gen3 import NIGHT, source

from observing_monitor.model import columns
from observing_monitor.model.nights import EPOCH, TAI_MINUS_UTC_S, night_named

SEEN = (
    ("dark_time", 30.5),
    ("observation_type", "skyexp"),
    ("observation_reason", "dither"),
    ("target_name", "NGC 253"),
    ("science_program", "BLOCK-365"),
    ("tracking_ra", 11.888),
    ("tracking_dec", -25.288),
    ("sky_angle", 12.5),
    ("azimuth", 271.0),
    ("zenith_angle", 60.0),
    ("can_see_sky", True),
)


def of_tai(ns):
    """Return nanoseconds of TAI as an instant in UTC, to the microsecond."""
    return EPOCH + datetime.timedelta(microseconds=ns // 1000, seconds=-TAI_MINUS_UTC_S)


@pytest.mark.parametrize(("name", "type_"), [("latiss_gen3", None), ("comCam_gen3", "bias")])
def test_real_repositories(shared_data, name, type_):
    """The exposure has what its registry says."""
    repository = shared_data / "rubin" / name
    wanted = """id, obs_id, seq_num, instrument, timespan_begin, timespan_end, exposure_time,
        dark_time, observation_type, observation_reason, target_name, science_program,
        physical_filter, group_name, day_obs"""
    (theirs,) = records(repository, f"select {wanted} from exposure")
    reading = source(repository).read(night_named(str(theirs[-1])))
    (made,) = reading.exposures.itertuples(index=False)
    begin, end = map(of_tai, theirs[4:6])
    assert (made.exposure, made.obsid, made.seq_num, made.instrument) == (
        str(theirs[0]),
        *theirs[1:4],
    )
    assert (made.started_at, made.ended_at) == (begin, end)
    assert (made.exposure_time_s, made.dark_time_s) == theirs[6:8]
    assert made.observation_type_original == theirs[8]
    assert made.observation_type == type_ or (type_ is None and pd.isna(made.observation_type))
    assert (made.observation_reason, made.target, made.program) == theirs[9:12]
    assert (made.physical_filter, made.group) == theirs[12:14]
    sql = f"select band from physical_filter where name = '{theirs[12]}'"
    assert made.band == records(repository, sql)[0][0]
    assert pd.isna(made.airmass) and pd.isna(made.ra_deg) and made.can_see_sky is pd.NA
    (counts,) = reading.counts.values()
    assert (counts.n_read, counts.n_left_out) == (2, 0)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_schema_of_today(tmp_path, postgres, kind):
    """Today's Butler gives one row per exposure, with all its facts."""
    files = [raw_file(tmp_path / "storage", NIGHT, 1, detector=n) for n in (0, 1)]
    raws = [Raw(file, 1, NIGHT, n, facts=SEEN) for n, file in enumerate(files)]
    raws.append(Raw(raw_file(tmp_path / "storage", NIGHT, 2), 2, NIGHT))
    if kind == "sqlite":
        make_repository(tmp_path / "repo", raws)
    else:
        url = postgres.create("gen3")
        postgres.execute("create extension btree_gist", "create schema latiss", dbname="gen3")
        make_repository(tmp_path / "repo", raws, db=url, namespace="latiss")
    reading = source(tmp_path / "repo").read(NIGHT)
    first, second = reading.exposures.itertuples(index=False)
    assert list(reading.exposures.columns) == [column.name for column in columns.EXPOSURES]
    assert len(reading.attempts) == 3 and sum(c.n_read for c in reading.counts.values()) == 5
    assert (first.exposure, first.obsid) == (str(raws[0].exposure), "AT_O_20240102_000001")
    assert first.ended_at == raws[0].ended_at
    assert first.started_at == raws[0].ended_at - datetime.timedelta(seconds=30)
    assert (first.observation_type, first.observation_type_original) == ("science", "skyexp")
    assert (first.target, first.program, first.observation_reason) == (
        "NGC 253",
        "BLOCK-365",
        "dither",
    )
    assert (first.physical_filter, first.band, first.group) == ("r", "r", str(raws[0].exposure))
    assert (first.ra_deg, first.dec_deg, first.rotation_deg) == (11.888, -25.288, 12.5)
    assert (first.altitude_deg, first.azimuth_deg) == (30.0, 271.0)
    assert first.airmass == pytest.approx(1.9932, abs=1e-4) and bool(first.can_see_sky)
    assert second.exposure_time_s == 30.0 and pd.isna(second.target)
    assert second.can_see_sky is pd.NA and pd.isna(second.observation_type)


def test_page_of_a_repository_of_today(tmp_path):
    """The log has type, target, filter and time as the registry has them."""
    files = [raw_file(tmp_path / "input" / "storage", NIGHT, number) for number in (1, 2)]
    facts = {1: SEEN, 2: ()}
    raws = [Raw(file, n, NIGHT, facts=facts[n]) for n, file in enumerate(files, 1)]
    make_repository(tmp_path / "input" / "gen3repo", raws)
    days = ("--first_day", NIGHT, "--last_day", NIGHT)
    places = ("--input_dir", tmp_path / "input", "--output_dir", tmp_path / "out")
    assert run("--gen", "3", *places, *days) == 0
    data = json.loads(next((tmp_path / "out").rglob(f"{NIGHT}.json")).read_text())
    asked = ("observation_type", "target", "physical_filter", "exposure_time_s", "n_files")
    assert [[one.get(name) for name in asked] for one in data["exposures"]] == [
        ["science", "NGC 253", "r", 30.0, 1],
        [None, None, "r", 30.0, 1],
    ]
    page = next((tmp_path / "out").rglob(f"{NIGHT}.html")).read_text()
    rows = re.findall(r'<tr id="exposure-.*?</tr>', page, re.DOTALL)
    words = [" ".join(re.sub(r"<[^>]*>", " ", row).split()) for row in rows]
    (seen,) = (row for row in words if "NGC 253" in row)
    assert len(rows) == 2 and "science NGC 253" in seen and " r 30 s " in seen


def test_a_target_that_is_corrected(tmp_path, three):  # noqa: F811
    """Each fact of an exposure that is corrected later is noticed."""
    repository = tmp_path / "input" / "gen3repo"
    known = json.loads(json.dumps(source(repository).look(NIGHT, None)))
    assert source(repository).look(NIGHT, known) == known
    for change in ("target_name = 'M 31'", "can_see_sky = 1", "zenith_angle = 20"):
        edit(repository, f"update exposure set {change} where seq_num = 1")
        look = json.loads(json.dumps(source(repository).look(NIGHT, known)))
        assert look != known
        known = look
    made = source(repository).read(NIGHT).exposures
    assert made["target"].tolist()[0] == "M 31" and made["altitude_deg"].tolist()[0] == 70
    edit(repository, "update physical_filter set band = 'i'")
    assert source(repository).look(NIGHT, known) != known


def test_values_of_any_type(tmp_path, three):  # noqa: F811
    """A value of another type costs only itself."""
    repository = tmp_path / "input" / "gen3repo"
    edit(
        repository,
        "update exposure set exposure_time = 'long', target_name = 7, zenith_angle = 99, "
        "can_see_sky = 5, timespan_end = 4102444800000000000 where seq_num = 1",
    )
    first, second = source(repository).read(NIGHT).exposures.itertuples(index=False)
    assert first.target == "7" and pd.isna(first.exposure_time_s) and pd.isna(first.ended_at)
    assert first.altitude_deg == -9 and pd.isna(first.airmass) and first.can_see_sky is pd.NA
    assert second.exposure_time_s == 30


def test_exposures_without_raws(tmp_path, three):  # noqa: F811
    """An exposure of which no raw was ingested is there all the same."""
    repository = tmp_path / "input" / "gen3repo"
    ((tags,),) = records(repository, "select tag_association_table from dataset_type")
    edit(repository, f"delete from {tags}")
    reading = source(repository).read(NIGHT)
    assert len(reading.exposures) == 2 and reading.attempts.empty


def test_a_night_is_found_by_an_index(tmp_path, three):  # noqa: F811
    """The exposures of a night are found by the index of their day."""
    repository = source(tmp_path / "input" / "gen3repo").registry
    with repository.connect() as registry:
        sql = f"explain query plan {repository.exposures_sql(registry)}"
        plan = [row[3] for row in registry.ask(sql, {"instrument": "LATISS", "day": 20240102})]
    steps = {step.split()[1]: step for step in plan}
    assert re.match(r"SEARCH e USING INDEX \w*day_obs\w* ", steps["e"]), plan
    assert steps["p"].startswith("SEARCH p USING INDEX"), plan
