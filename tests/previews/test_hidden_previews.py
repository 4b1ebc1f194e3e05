"""Pictures of proprietary exposures."""

import datetime

import pytest
from preview_night import DAYS, NIGHT, add, made
from running import run, times
from support.settings_text import to_toml

NOW = datetime.datetime(2020, 2, 14, tzinfo=datetime.UTC)
RELEASE = datetime.datetime(2020, 8, 1, tzinfo=datetime.UTC)
ROWS = (
    "exposure,at,target,released\n"
    "3020021200001,2020-02-13T01:01:00Z,NGC 1234,2020-08-01T00:00:00Z\n"
    "3020021200002,2020-02-13T01:02:00Z,Vega,2020-02-13T00:00:00Z\n"
    "3020021200003,2020-02-13T01:03:00Z,Deneb,\n"
)


@pytest.fixture
def go(tmp_path):
    """Return a function that runs for a night of four images."""
    for number in range(1, 5):
        add(tmp_path, number, name=f"30200212{number:05}-NGC_1234_of_{number}.fits")
    (tmp_path / "exposures.csv").write_text(ROWS)
    pattern = r"(?P<exposure>\d{13})-"
    files = {"type": "files", "path": tmp_path / "store", "name_pattern": pattern}
    columns = {"exposure": "exposure", "started_at": "at", "target": "target"}
    exposures = {"type": "table", "path": tmp_path / "exposures.csv", "feeds": "exposures"}
    exposures["columns"] = columns | {"released_at": "released"}

    def go(now=NOW, command=(), **settings):
        stream = {"previews": True, "sources": [files, exposures], **settings}
        site = {"output_dir": tmp_path / "site", "store_dir": tmp_path / "tables"}
        text = to_toml({"observing_monitor": site, "streams": {"cam": stream}})
        (tmp_path / "site.toml").write_text(text)
        assert run(*command, "-c", tmp_path / "site.toml", *DAYS, "--jobs", 1, now=now) == 0
        return made(tmp_path)

    return go


def test_only_released_exposures_have_pictures(go):
    """Only a picture of an exposure that is known and released is made."""
    pictures, page = go(hide=["target"])
    assert [picture.name.partition("-")[0] for picture in pictures] == ["image"]
    assert pictures[0].name in page and 'alt="Preview of 3020021200002' in page
    assert "NGC" not in page and "of 4 images" not in page


def test_release_by_the_clock(go, tmp_path):
    """A picture appears when its exposure is released."""
    before, _ = go(hide=["ra_deg"])
    last = times(tmp_path / "site")
    go(now=RELEASE - datetime.timedelta(seconds=1), hide=["ra_deg"])
    assert times(tmp_path / "site") == last
    after, page = go(now=RELEASE, hide=["ra_deg"])
    assert len(before) == 1 and len(after) == 2 and before[0] in after
    assert all(picture.name in page for picture in after)
    last = times(tmp_path / "site")
    go(now=RELEASE + datetime.timedelta(days=1), hide=["ra_deg"])
    assert times(tmp_path / "site") == last


def test_pictures_are_removed(go, tmp_path):
    """Pictures that are hidden now are removed, even without their files."""
    assert len(go()[0]) == 4
    (tmp_path / "store" / NIGHT).rename(tmp_path / "away")
    (tmp_path / "store").rmdir()
    pictures, page = go(hide=["target"], command=["publish"])
    assert pictures == [] and "previews/" not in page


def test_months_after_the_night(go):
    """After the months, every image has a picture."""
    end = datetime.datetime(2020, 4, 13, 12, tzinfo=datetime.UTC)
    assert len(go(hide=["target"], hide_until=2)[0]) == 0
    assert len(go(now=end, hide=["target"], hide_until=2)[0]) == 4
