"""Numbers of exposures are recorded, read back and shown."""

import csv
import datetime

import pytest
from metric_places import NID, PLACES, make_place
from running import run

from observing_monitor.metrics import Metrics
from observing_monitor.metrics.values import split_exposure

NOW = datetime.datetime(2024, 1, 4, 13, tzinfo=datetime.UTC)
SITE = """
[streams.cam]
night_rule = "UTC"

[[streams.cam.sources]]
type = "table"
path = "log.csv"
feeds = "exposures"
columns = {{ exposure = "id", obsid = "name", started_at = "start", observation_type = "type" }}

[[streams.cam.sources]]
name = "pipeline"
type = "lasair"
{place}
"""
LOG = """id,name,start,type
101,AT_O_20240104_000001,2024-01-04T02:00:00Z,science
102,AT_O_20240104_000002,2024-01-04T02:05:00Z,science
"""


@pytest.fixture(params=PLACES)
def where(request, tmp_path):
    """An empty place of each kind."""
    return make_place(request, tmp_path)


def test_set_and_add(where):
    """Each exposure has numbers of its own, beside those of the night."""
    with Metrics(where) as metrics:
        metrics.set({"seeing": 0.75, "n_stars": 7}, NID, exposure="AT_O_20240104_000001")
        metrics.set({"seeing": 1.25}, NID, exposure="102")
        metrics.set({"seeing": 1.5}, NID, exposure="102")
        metrics.add({"n_stars": 3}, NID, exposure="AT_O_20240104_000001")
        metrics.set({"seeing": 9}, NID)
        assert metrics.read(NID) == {
            "seeing[AT_O_20240104_000001]": 0.75,
            "n_stars[AT_O_20240104_000001]": 10,
            "seeing[102]": 1.5,
            "seeing": 9,
        }


@pytest.mark.parametrize(
    ("name", "exposure", "error"),
    [
        ("seeing", "", ValueError),
        ("seeing", " 1", ValueError),
        ("seeing", "a\nb", ValueError),
        ("seeing", "1[2]", ValueError),
        ("seeing[2]", "1", ValueError),
        ("seeing", 1, TypeError),
    ],
)
def test_wrong_exposures(tmp_path, name, exposure, error):
    """Names that could not be read back are refused, and nothing is written."""
    with pytest.raises(error):
        Metrics(tmp_path).set({name: 1}, NID, exposure=exposure)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("key", "parts"),
    [
        ("seeing[1]", ("seeing", "1")),
        ("seeing_0[A B]", ("seeing_0", "A B")),
        ("seeing", ("seeing", None)),
        ("[1]", ("[1]", None)),
        ("seeing[]", ("seeing[]", None)),
        ("seeing[1]s", ("seeing[1]s", None)),
    ],
)
def test_keys(key, parts):
    """Brackets at the end of a key are its exposure."""
    assert split_exposure(key) == parts


def test_command(tmp_path, capsys):
    """The command records the numbers of an exposure."""
    words = ("metrics", "set", tmp_path, NID, "seeing=0.8", "--exposure", "AT_O_20240104_000001")
    assert run(*words) == 0
    assert run("metrics", "add", tmp_path, NID, "seeing=0.2", "--exposure", "102") == 0
    assert Metrics(tmp_path).read(NID) == {"seeing[AT_O_20240104_000001]": 0.8, "seeing[102]": 0.2}
    assert run("metrics", "set", tmp_path, NID, "seeing=1", "--exposure", "") == 2
    assert "'' cannot name an exposure" in capsys.readouterr().err


@pytest.mark.parametrize("form", ["folder", "sqlite"])
def test_log_of_the_night(tmp_path, form):
    """The log has the numbers of each exposure, by any of its names."""
    folder = tmp_path / "status"
    where = str(folder) if form == "folder" else f"sqlite:///{tmp_path / 'numbers.db'}"
    key = "path" if form == "folder" else "url"
    (tmp_path / "log.csv").write_text(LOG)
    (tmp_path / "site.toml").write_text(SITE.format(place=f'{key} = "{where}"'))
    words = ("-c", tmp_path / "site.toml", "--output_dir", tmp_path / "out")
    with Metrics(where, create=True) as metrics:
        metrics.set({"seeing": 0.75}, NID, exposure="AT_O_20240104_000001")
        metrics.set({"seeing": 1.25}, NID, exposure="AT_O_20240104_000002")
        metrics.set({"depth": 24.5}, NID, exposure="102")
        metrics.set({"n_alerts": 5}, NID)
        assert run(*words, now=NOW) == 0
        assert _log(tmp_path) == [("101", "0.75", ""), ("102", "1.25", "24.5")]
        metrics.set({"seeing": 0.5}, NID, exposure="AT_O_20240104_000001")
        assert run(*words, now=NOW + datetime.timedelta(minutes=5)) == 0
    assert [seeing for _, seeing, _ in _log(tmp_path)] == ["0.5", "1.25"]
    page = (tmp_path / "out" / "cam" / "2024-01-04.html").read_text()
    assert "no source reported" not in page


def _log(folder):
    """Return the exposures of the night with two of their numbers."""
    with open(folder / "out" / "cam" / "2024-01-04.exposures.csv", newline="") as file:
        return [(row["exposure"], row["seeing"], row["depth"]) for row in csv.DictReader(file)]
