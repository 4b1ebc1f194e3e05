"""Exposures in FitsStorage's table `header`."""

import datetime

import pandas as pd
import pytest
from fitsdata import NIGHT, UTC, made_database, put_file, source

ENTERED = "2016-03-19 06:00:00+00"
SCIENCE = {
    "instrument": "GMOS-N",
    "program_id": "GN-2016A-Q-1",
    "observation_id": "GN-2016A-Q-1-5",
    "observation_type": "OBJECT",
    "observation_class": "science",
    "object": "NGC 4151",
    "ra": "182.635745",
    "dec": "39.405730",
    "azimuth": "120.5",
    "elevation": "60.25",
    "airmass": "1.1515",
    "cass_rotator_pa": "-12.5",
    "filter_name": "r",
    "qa_state": "Pass",
    "release": "2017-09-19",
}


@pytest.fixture
def fitsdata(postgres, request):
    """An empty FitsStorage database."""
    yield from made_database(postgres, request.node.name)


def exposures(do, **settings):
    """Return the exposures of the night by their names."""
    made = source(do, **settings).read(NIGHT).exposures
    return {row.exposure: row for row in made.itertuples(index=False)}


def test_facts(fitsdata):
    """An exposure has what `header` says of it."""
    put_file(fitsdata, 1, "N20160319S0018.fits.bz2", ENTERED, label="L-1", facts=SCIENCE)
    (made,) = exposures(fitsdata).values()
    assert (made.exposure, made.obsid, made.seq_num) == ("N20160319S0018", "L-1", 18)
    assert made.started_at == datetime.datetime(2016, 3, 19, 5, tzinfo=UTC)
    assert (made.instrument, made.program, made.group) == (
        "GMOS-N",
        "GN-2016A-Q-1",
        "GN-2016A-Q-1-5",
    )
    assert (made.observation_type, made.observation_type_original) == ("science", "OBJECT")
    assert (made.target, made.physical_filter, made.comment) == ("NGC 4151", "r", "QA: Pass")
    assert (made.ra_deg, made.dec_deg, made.airmass) == (182.635745, 39.40573, 1.1515)
    assert (made.altitude_deg, made.azimuth_deg, made.rotation_deg) == (60.25, 120.5, -12.5)
    assert made.released_at == datetime.datetime(2017, 9, 19, tzinfo=UTC)
    assert made.exposure_time_s == 30 and made.observation_reason == "science"


def test_classes_and_versions(fitsdata):
    """A class tells acquisitions; a data label is one exposure."""
    acq = {**SCIENCE, "observation_class": "acq", "ut_datetime": "2016-03-19 04:00:00"}
    put_file(fitsdata, 1, "N20160319S0001.fits", ENTERED, label="L-1", facts=acq)
    flat = {"observation_type": "FLAT", "observation_class": "acqCal", "object": ""}
    put_file(fitsdata, 2, "N20160319S0002.fits", ENTERED, label="L-2", facts=flat)
    put_file(fitsdata, 3, "N20160319S0002_flat.fits", ENTERED, label="L-2", facts=flat)
    put_file(fitsdata, 4, "N20160319S0003.fits", ENTERED)
    old = {"canonical": False, "file_id": 1}
    put_file(fitsdata, 5, "N20160319S0001.fits.bz2", ENTERED, label="L-0", facts=acq, **old)
    made = exposures(fitsdata)
    assert list(made) == ["N20160319S0001", "N20160319S0002"]
    assert [row.observation_type for row in made.values()] == ["acquisition", "flat"]
    second = made["N20160319S0002"]
    assert pd.isna(second.target) and pd.isna(second.released_at) and pd.isna(second.comment)


def test_a_header_that_is_corrected(fitsdata):
    """A target that is corrected in `header` alone is noticed."""
    put_file(fitsdata, 1, "N20160319S0018.fits", ENTERED, label="L-1", facts=SCIENCE)
    known = source(fitsdata).look(NIGHT, None)
    assert source(fitsdata).look(NIGHT, known)["files"] == known["files"]
    fitsdata("update header set object = 'NGC 4051'")
    assert source(fitsdata).look(NIGHT, known)["files"] != known["files"]
    assert exposures(fitsdata)["N20160319S0018"].target == "NGC 4051"


def test_what_observers_said(fitsdata):
    """Comments are the exposure's, in order; later ones are noticed."""
    put_file(fitsdata, 1, "N20160319S0018.fits", ENTERED, label="L-1", facts=SCIENCE)
    flat = {"observation_type": "FLAT"}
    put_file(fitsdata, 2, "N20160319S0019.fits", ENTERED, label="L-2", facts=flat)
    put_file(fitsdata, 3, "N20160319S0020.fits", ENTERED, label="L-3", facts=flat)
    without = source(fitsdata).look(NIGHT, None)
    fitsdata(
        "create table obslog_comment (id serial primary key, data_label text, comment text)",
        "insert into obslog_comment (data_label, comment) values ('L-1', 'clouds'), "
        "('L-2', 'lamp off'), ('L-1', '  '), ('L-1', 'guiding lost'), ('L-9', 'of none'), "
        "('L-3', null)",
    )
    known = source(fitsdata).look(NIGHT, None)
    assert known["files"] != without["files"]
    made = exposures(fitsdata)
    assert made["N20160319S0018"].comment == "QA: Pass; clouds; guiding lost"
    assert made["N20160319S0019"].comment == "lamp off"
    assert pd.isna(made["N20160319S0020"].comment)
    assert source(fitsdata).look(NIGHT, known)["files"] == known["files"]
    fitsdata("update obslog_comment set comment = 'lamp on' where data_label = 'L-2'")
    assert source(fitsdata).look(NIGHT, known)["files"] != known["files"]


def test_without_header(fitsdata):
    """A database without `header`, or with few of its columns, is read."""
    put_file(fitsdata, 1, "N20160319S0018.fits", ENTERED, label="L-1", facts=SCIENCE)
    fitsdata("alter table header drop column release, drop column object, drop column airmass")
    made = exposures(fitsdata)["N20160319S0018"]
    assert pd.isna(made.target) and pd.isna(made.airmass) and made.ra_deg == 182.635745
    fitsdata("drop table header")
    assert exposures(fitsdata) == {}
