"""After any change of settings, publishing equals publishing from scratch."""

import functools

import pytest
from running import run
from support import known_settings
from support.observatory import NOW, PLACES, changed
from support.settings_text import to_toml
from support.site_contents import assert_same, copy_site, shown, site_of
from support.sweep_cases import (
    EVERY_SOURCE,
    NOT_SWEPT,
    OBSERVATORIES,
    OTHER_CHANGES,
    READING,
    SWEPT,
)

pytestmark = pytest.mark.long

CASES = [*SWEPT, *OTHER_CHANGES]


class Workshop:
    """Collects each observatory once, and publishes copies of its store."""

    def __init__(self, folder):
        self.folder = folder
        self.collected = functools.cache(self._collected)
        self.published = functools.cache(self._published)
        self.after_change = functools.cache(self._after_change)
        self.n_copies = 0

    def _collected(self, name):
        folder = self.folder / name
        folder.mkdir()
        observatory = OBSERVATORIES[name]()
        return observatory, observatory.collect(folder)

    def _published(self, name):
        return self.publish(name, {})

    def _after_change(self, number):
        case = CASES[number]
        return self.publish(case.where, case.changes, case.files, self.published(case.where))

    def publish(self, name, changes, files=(), onto=None):
        """Publish an observatory with changed settings; return the folder.

        `onto` is a folder published before. Without it, a store that was only collected is.
        """
        observatory, collected = self.collected(name)
        self.n_copies += 1
        folder = self.folder / f"copy-{self.n_copies}"
        for place in PLACES.values():
            copy_site((onto or collected) / place, folder / place)
        for file, text in dict(files).items():
            (folder / file).write_text(text)
        path = folder / "site.toml"
        path.write_text(to_toml(changed(observatory.settings, changes)))
        assert run("publish", "-c", path, "--jobs", 1, now=NOW) == 0
        return folder


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    return Workshop(tmp_path_factory.mktemp("sweep"))


EVERY_CASE = pytest.mark.parametrize("number", range(len(CASES)), ids=[case.id for case in CASES])


@EVERY_CASE
def test_a_changed_setting(workshop, number):
    """A change gives the site that is published from scratch with it."""
    case = CASES[number]
    fresh = site_of(workshop.publish(case.where, case.changes, case.files) / "site")
    before = site_of(workshop.published(case.where) / "site")
    assert shown(before) != shown(fresh), "the change has an effect"
    assert_same(site_of(workshop.after_change(number) / "site"), fresh, case.leftovers)


@EVERY_CASE
def test_a_setting_changed_back(workshop, number):
    """A setting that is changed and changed back leaves no trace."""
    case = CASES[number]
    again = workshop.publish(case.where, {}, onto=workshop.after_change(number))
    before = site_of(workshop.published(case.where) / "site")
    assert_same(site_of(again / "site"), before, case.leftovers)


@pytest.mark.parametrize("kind", READING)
def test_settings_that_only_say_how_a_source_reads(workshop, kind):
    """Settings listed as such leave pages as they are."""
    others = READING[kind] | EVERY_SOURCE
    changes = {f"streams.one.sources.it.{name}": value for name, value in others.items()}
    before = workshop.published(kind)
    fresh = site_of(workshop.publish(kind, changes) / "site")
    assert_same(shown(fresh), shown(site_of(before / "site")))
    assert_same(site_of(workshop.publish(kind, changes, onto=before) / "site"), fresh)


def test_every_setting_is_swept_or_listed(tmp_path, capsys):
    """Each setting is changed by the sweep, or listed with a reason."""
    swept = {(case.table, case.setting) for case in SWEPT}
    listed = {(table, name) for table, names in NOT_SWEPT.items() for name in names}
    known = {
        (table, name)
        for table, names in known_settings.tables(tmp_path, capsys).items()
        for name in names
    }
    assert sorted(known - swept - listed) == [], "neither swept nor listed"
    assert sorted(swept & listed) == [], "both swept and listed"
    # these are read before the others of their tables, and are in no complaint
    beside = {("from", "night"), ("known.yaml", "known.yaml")}
    beside |= {("every source", "name"), ("every source", "type"), ("streams", "from")}
    assert sorted((swept | listed) - known - beside) == [], "no setting of the program"
