"""A night of many exposures: pages of their own list them all, a row each, and belong to the night's files like its page."""

import datetime
import re
import shutil

import pytest
from dead_links import dead_links
from running import contents, run, times

from observing_monitor.pages import night as night_pages
from observing_monitor.pages.night import MAX_GROUPS, MAX_OF_PART

NIGHT = datetime.date(2020, 2, 12)
START = datetime.datetime(2020, 2, 12, 23, tzinfo=datetime.UTC)
NOW = START + datetime.timedelta(hours=8)
SETTINGS = """
[observing_monitor]
output_dir = "site"

[streams.camera]
[[streams.camera.sources]]
type = "table"
path = "files.csv"
feeds = "files"
columns = { path = "path", size_bytes = "size", created_at = "created", transferred_at = "came", exposure = "exposure", seq_num = "number" }
"""


def name(number):
    return f"MC_O_20200212_{number:06d}"


def observe(folder, n_exposures, code=0):
    """A run that finds so many exposures, of two files each, and ends with that code."""
    lines = ["path,size,created,came,exposure,number\n"]
    for number in range(n_exposures):
        at = START + datetime.timedelta(seconds=number * 6)
        came = at + datetime.timedelta(seconds=4)
        lines += [
            f"{NIGHT}/{name(number)}_R22_S{n}.fits,30000000,{at:%FT%TZ},{came:%FT%TZ},{name(number)},{number + 1}\n"
            for n in range(2)
        ]
    folder.mkdir(exist_ok=True)
    (folder / "files.csv").write_text("".join(lines))
    (folder / "site.toml").write_text(SETTINGS)
    look(folder, code)


def look(folder, code=0):
    assert (
        run("-c", folder / "site.toml", "--first_day", NIGHT, "--last_day", NIGHT, now=NOW) == code
    )


def listed(page):
    """The exposures of which a page has a row, in order."""
    return re.findall(
        r'<th scope="row"><bdi>(MC_O_\w+)</bdi></th><td>\d+</td><td>2</td><td><span class="chip ingested">2 ',
        page.read_text(),
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A night of some more exposures than a page has room for."""
    folder = tmp_path_factory.mktemp("many") / "it"
    observe(folder, MAX_OF_PART + 30)
    return folder


@pytest.fixture
def many(made, tmp_path):
    """A copy of it."""
    shutil.copytree(made, tmp_path / "it")
    look(tmp_path / "it")  # its sources lie elsewhere
    return tmp_path / "it"


def parts(folder):
    return sorted(path.name for path in (folder / "site" / "camera").glob("*.exposures*"))


def test_every_exposure_has_a_row(many):
    """The pages list all exposures once, in order; the night's page has the newest and leads to them; each is below 500 kB."""
    pages = many / "site" / "camera"
    assert parts(many) == [f"{NIGHT}.exposures-2.html", f"{NIGHT}.exposures.html"]
    first, second, night = (
        pages / f"{NIGHT}{ending}.html" for ending in (".exposures", ".exposures-2", "")
    )
    assert listed(first) + listed(second) == [name(number) for number in range(MAX_OF_PART + 30)]
    assert listed(night) == [name(number) for number in range(MAX_OF_PART + 30)][-MAX_GROUPS:]
    assert (
        f'The newest {MAX_GROUPS}. <a href="{NIGHT}.exposures.html">Show all 1,530</a>'
        in night.read_text()
    )
    assert f'<a href="{NIGHT}.exposures-2.html">1,501 to 1,530</a>' in first.read_text()
    assert dead_links(many / "site") == []
    assert max(path.stat().st_size for path in (first, second, night)) < 500_000


def test_a_page_of_exposures_that_is_lost_is_made_again(many):
    """With nothing new they stay as they are; one that somebody removed comes back, the same."""
    before, seen = contents(many / "site"), times(many / "site")
    look(many)
    assert times(many / "site") == seen
    (many / "site" / "camera" / f"{NIGHT}.exposures-2.html").unlink()
    look(many)
    assert contents(many / "site") == before


def test_a_night_that_shrinks(many):
    """When a night is known to have fewer exposures the pages that it needs no longer go."""
    shutil.rmtree(many / "site" / "data")
    observe(many, MAX_OF_PART)
    assert parts(many) == [f"{NIGHT}.exposures.html"] and dead_links(many / "site") == []
    shutil.rmtree(many / "site" / "data")
    observe(many, MAX_GROUPS)
    night = many / "site" / "camera" / f"{NIGHT}.html"
    assert parts(many) == [] and dead_links(many / "site") == []
    assert len(listed(night)) == MAX_GROUPS and "The newest" not in night.read_text()


@pytest.mark.parametrize("many_files", [0, 20_000], ids=["side by side", "one by one"])
@pytest.mark.parametrize("ending", [".csv", ".files.js", ".json", ".exposures-2.html"])
def test_no_page_before_its_files(many, capfd, monkeypatch, ending, many_files):
    """Where one of a night's files can't be written its page stays as it was, and one line names the file; then all is made."""
    monkeypatch.setattr(night_pages, "MANY_FILES", many_files)
    pages = many / "site" / "camera"
    before = (pages / f"{NIGHT}.html").read_bytes()
    (pages / f"{NIGHT}{ending}").unlink()
    (pages / f"{NIGHT}{ending}" / "in the way").mkdir(parents=True)
    capfd.readouterr()
    observe(many, MAX_OF_PART + 31, code=2)
    error = capfd.readouterr().err
    assert error.count("\n") == 1 and f"{NIGHT}{ending}: is a directory" in error
    assert (pages / f"{NIGHT}.html").read_bytes() == before
    shutil.rmtree(pages / f"{NIGHT}{ending}")
    look(many)
    assert (
        f">Show all {MAX_OF_PART + 31:,}</a>" in (pages / f"{NIGHT}.html").read_text()
        and (pages / f"{NIGHT}{ending}").is_file()
    )


def test_pruned_with_the_page(many):
    """They are among the files of a page that goes; when it comes back, so do they."""
    before = contents(many / "site")
    later = NOW + datetime.timedelta(days=5)
    arguments = ("prune", "-c", many / "site.toml", "--keep_pages_days")
    assert run(*arguments, 4, "--yes", now=later) == 0
    assert (
        parts(many) == []
        and 'content="pruned"' in (many / "site" / "camera" / f"{NIGHT}.html").read_text()
    )
    assert dead_links(many / "site") == []
    assert run(*arguments, 9, "--yes", now=later) == 0
    assert {n: data for n, data in contents(many / "site").items() if "exposures" in n} == {
        n: data for n, data in before.items() if "exposures" in n
    }
