"""A folder of tonight that cannot be listed is a fault of its source."""

import datetime
import json
import shutil

import pytest
from conftest import need
from filestore import put
from nobody import can_drop, nobody, opened_above
from page_reader import Reader
from running import nights, run

NIGHT = "2020-02-12"
NOW = datetime.datetime(2020, 2, 13, 6, tzinfo=datetime.UTC)
SITE = """\
[observing_monitor]
output_dir = "out/site"
[streams.s]
[[streams.s.sources]]
type = "files"
path = "store"
"""


@pytest.fixture
def folder(tmp_path, capsys):
    """The folder of a site of another user than root, who runs the test."""
    need(can_drop(), "root reads every folder, and there is no other user to become")
    (tmp_path / "site.toml").write_text(SITE)
    # all that runs import is imported before the user changes, who may not read Python's own files
    put(tmp_path / "store" / NIGHT / "early.fits")
    run("-c", tmp_path / "site.toml", now=NOW)
    shutil.rmtree(tmp_path / "store")
    run("-c", tmp_path / "site.toml", now=NOW)
    shutil.rmtree(tmp_path / "out")
    capsys.readouterr()
    opened_above(tmp_path)
    tmp_path.chmod(0o777)
    with nobody():
        (tmp_path / "out").mkdir()
        yield tmp_path


def run_at(folder, minutes=0):
    """Run the program; return the exit code."""
    return run("-c", folder / "site.toml", now=NOW + datetime.timedelta(minutes=minutes))


def words_of(folder):
    """Return the texts of the page of the night."""
    return Reader((folder / f"out/site/s/{NIGHT}.html").read_text()).words


def test_folder_of_tonight(folder, capsys):
    """stderr and pages say so in every run, until it can be listed."""
    closed = put(folder / "store" / NIGHT / "a.fits").parent
    closed.chmod(0)
    fault = (
        f"{closed}: permission denied (let the user that runs this read it); "
        "its files stay as last seen"
    )
    for number in range(2):
        code = run_at(folder, number * 5)
        lines = capsys.readouterr().err.splitlines()
        assert (code, lines) == (1, [f"observing_monitor: s: {fault}"])
        tonight = nights(folder / "out/site/s")[NIGHT]
        assert tonight["status"] == "error"
        assert tonight["info"] == f"files could not be read since 2020-02-13 06:00 UTC: {fault}"
        assert "No files are known of this night, because a source could not be read" in words_of(
            folder
        )
        assert "nothing was taken" not in words_of(folder)
    status = json.loads((folder / "out/site/status.json").read_text())
    assert status["status"] == "error"
    assert status["streams"][0]["sources"][0]["problem"] == fault
    closed.chmod(0o755)
    assert run_at(folder, 15) == 0
    tonight = nights(folder / "out/site/s")[NIGHT]
    assert (tonight["status"], tonight["n_files"]) == ("normal", 1)


def test_folder_inside(folder, capsys):
    """The other folders are read all the same, and what was known stays."""
    put(folder / "store" / NIGHT / "a.fits")
    closed = put(folder / "store" / NIGHT / "inner" / "b.fits").parent
    assert run_at(folder) == 0
    closed.chmod(0)
    put(folder / "store" / NIGHT / "c.fits")
    assert run_at(folder, 5) == 1
    assert f"{closed}: permission denied" in capsys.readouterr().err
    tonight = nights(folder / "out/site/s")[NIGHT]
    assert (tonight["status"], tonight["n_files"]) == ("error", 3)


def test_folder_beside(folder, capsys):
    """A folder that is of no night, such as lost+found, is only noted."""
    put(folder / "store" / NIGHT / "a.fits")
    (folder / "store" / "lost+found").mkdir(mode=0)
    assert run_at(folder) == 0
    assert capsys.readouterr().err == ""
    assert "lost+found: permission denied" in words_of(folder)
    assert nights(folder / "out/site/s")[NIGHT]["status"] == "warning"


@pytest.mark.parametrize("path", ["logs/{night}/*.csv", "logs/{night}/all.csv"])
def test_folder_of_a_table(folder, capsys, path):
    """A folder of tables that cannot be listed is a fault, not an empty night."""
    source = f'type = "table"\npath = "{folder}/{path}"\nvalues = {{ v = "v" }}\n'
    (folder / "out/site.toml").write_text(
        f'[observing_monitor]\noutput_dir = "site"\n[[streams.s.sources]]\n{source}'
    )
    closed = folder / "logs" / NIGHT
    closed.mkdir(parents=True)
    (closed / "all.csv").write_text("v\n1\n")
    closed.chmod(0)
    for code, mode in ((1, 0o755), (0, 0)):
        assert run("-c", folder / "out/site.toml", now=NOW) == code
        err = capsys.readouterr().err
        assert (f"{closed}" in err and "permission denied" in err) == bool(code)
        closed.chmod(mode)
