"""A night of many exposures: its own pages list them all, and belong to the night's files."""

import datetime
import re
import shutil

import pytest
from dead_links import dead_links
from exposure_nights import NIGHT, NOW, exposure_name, observe, run_again
from running import contents, run, times

from observing_monitor.pages import night as night_pages
from observing_monitor.pages.night_page import MAX_GROUPS, MAX_OF_PART

N_EXPOSURES = MAX_OF_PART + 30


def listed(page):
    """Return the exposures that have a row on a page, in order."""
    return re.findall(
        r'<th scope="row"><bdi>(MC_O_\w+)</bdi></th><td>\d+</td><td>2</td>'
        r'<td><span class="chip ingested">2 ',
        page.read_text(),
    )


def parts(folder):
    """Return the names of the pages of exposures."""
    return sorted(path.name for path in (folder / "site" / "camera").glob("*.exposures*"))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A night of more exposures than one page has room for."""
    folder = tmp_path_factory.mktemp("many") / "it"
    observe(folder, N_EXPOSURES)
    return folder


@pytest.fixture
def many(made, tmp_path):
    """A copy of that night."""
    shutil.copytree(made, tmp_path / "it")
    run_again(tmp_path / "it")  # its source has another path
    return tmp_path / "it"


def test_every_exposure_has_a_row(many):
    """The pages list each exposure once, in order; the night's page has the newest."""
    pages = many / "site" / "camera"
    assert parts(many) == [f"{NIGHT}.exposures-2.html", f"{NIGHT}.exposures.html"]
    first, second, night = (
        pages / f"{NIGHT}{ending}.html" for ending in (".exposures", ".exposures-2", "")
    )
    names = [exposure_name(number) for number in range(N_EXPOSURES)]
    assert listed(first) + listed(second) == names
    assert listed(night) == names[-MAX_GROUPS:]
    link = f'<a href="{NIGHT}.exposures.html">Show all 1,530</a>'
    assert f"The newest {MAX_GROUPS}. {link}" in night.read_text()
    assert f'<a href="{NIGHT}.exposures-2.html">1,501 to 1,530</a>' in first.read_text()
    assert dead_links(many / "site") == []
    assert max(path.stat().st_size for path in (first, second, night)) < 500_000


def test_a_lost_page_of_exposures_is_made_again(many):
    """A run with nothing new writes nothing; one that finds a page removed writes the same."""
    before, seen = contents(many / "site"), times(many / "site")
    run_again(many)
    assert times(many / "site") == seen
    (many / "site" / "camera" / f"{NIGHT}.exposures-2.html").unlink()
    run_again(many)
    assert contents(many / "site") == before


def test_a_night_that_shrinks(many):
    """If a night turns out to have fewer exposures, the pages that it no longer needs go."""
    shutil.rmtree(many / "site" / "data")
    observe(many, MAX_OF_PART)
    assert parts(many) == [f"{NIGHT}.exposures.html"] and dead_links(many / "site") == []
    shutil.rmtree(many / "site" / "data")
    observe(many, MAX_GROUPS)
    night = many / "site" / "camera" / f"{NIGHT}.html"
    assert parts(many) == [] and dead_links(many / "site") == []
    assert len(listed(night)) == MAX_GROUPS and "The newest" not in night.read_text()


@pytest.mark.parametrize("many_files", [0, 20_000], ids=["parallel", "one by one"])
@pytest.mark.parametrize("ending", [".csv", ".files.js", ".json", ".exposures-2.html"])
def test_no_page_before_its_files(many, capfd, monkeypatch, ending, many_files):
    """If a file of a night cannot be written, its page stays as it was; the message names it."""
    monkeypatch.setattr(night_pages, "MANY_FILES", many_files)
    pages = many / "site" / "camera"
    page = pages / f"{NIGHT}.html"
    before = page.read_bytes()
    (pages / f"{NIGHT}{ending}").unlink()
    (pages / f"{NIGHT}{ending}" / "in the way").mkdir(parents=True)
    capfd.readouterr()
    observe(many, N_EXPOSURES + 1, code=2)
    error = capfd.readouterr().err
    assert error.count("\n") == 1 and f"{NIGHT}{ending}: is a directory" in error
    assert page.read_bytes() == before
    shutil.rmtree(pages / f"{NIGHT}{ending}")
    run_again(many)
    assert f">Show all {N_EXPOSURES + 1:,}</a>" in page.read_text()
    assert (pages / f"{NIGHT}{ending}").is_file()


def test_pruned_with_the_page(many):
    """They are removed when the page is pruned, and come back with it."""
    before, later = contents(many / "site"), NOW + datetime.timedelta(days=5)
    page = many / "site" / "camera" / f"{NIGHT}.html"
    arguments = ("prune", "-c", many / "site.toml", "--keep_pages_days")
    assert run(*arguments, 4, "--yes", now=later) == 0
    assert parts(many) == [] and 'content="pruned"' in page.read_text()
    assert dead_links(many / "site") == []
    assert run(*arguments, 9, "--yes", now=later) == 0
    after = contents(many / "site")
    names = [name for name in before if "exposures" in name]
    assert names and [before[name] for name in names] == [after.get(name) for name in names]
    assert sorted(names) == sorted(name for name in after if "exposures" in name)
