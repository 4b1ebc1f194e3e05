"""Exposures of real Butler repositories, from the registry to the store."""

import contextlib
import sqlite3

import pytest
from running import run

from observing_monitor.model.nights import night_named
from observing_monitor.storage.output import Output
from observing_monitor.storage.store import Store

GEN2 = "select expId, imageType, object, filter, expTime, obsid, seqNum, dayObs from raw"
GEN3 = """select id, observation_type, target_name, physical_filter, exposure_time, obs_id, seq_num,
    day_obs from exposure"""


@pytest.mark.parametrize(
    ("name", "registry", "sql"),
    [
        (f"{camera}_gen{gen}", registry, sql)
        for camera in ("latiss", "comCam")
        for gen, registry, sql in (
            (2, "gen2repo/registry.sqlite3", GEN2),
            (3, "gen3.sqlite3", GEN3),
        )
    ],
)
def test_from_registry_to_store(shared_data, tmp_path, name, registry, sql):
    """Type, target, filter and time are stored as the registry has them."""
    place = shared_data / "rubin" / name
    address = f"file:{place / registry}?immutable=1"
    with contextlib.closing(sqlite3.connect(address, uri=True)) as connection:
        ((number, type_, *facts, day),) = connection.execute(sql).fetchall()
    night = night_named(str(day))
    days = ("--first_day", night, "--last_day", night)
    command = ("--gen", name[-1], "--input_dir", place, "--output_dir", tmp_path / "out", *days)
    assert run(*command) == 0
    (stream,) = (tmp_path / "out" / "data").glob("stream=*")
    tables = Store(Output(tmp_path / "out"), stream.name.removeprefix("stream=")).load(night)
    (made,) = tables.exposures.itertuples(index=False)
    assert (made.exposure, made.observation_type_original) == (str(number), type_)
    found = (made.target, made.physical_filter, made.exposure_time_s, made.obsid, made.seq_num)
    assert found == tuple(facts)
    known = made.observation_type if isinstance(made.observation_type, str) else None
    assert known == {"bias": "bias", "unknown": None}[type_.lower()]
    assert set(tables.files["exposure"]) == {made.exposure} and made.source == f"gen{name[-1]}"
