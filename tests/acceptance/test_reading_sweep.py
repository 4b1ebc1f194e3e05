"""After a corrected setting, a run equals a run from scratch."""

import dataclasses
import datetime
import functools

import pytest
from running import run
from support.reading_cases import CASES, NOT_SWEPT
from support.settings_text import to_toml
from support.site_contents import assert_same, copy_site, shown, site_of
from support.small_inputs import KINDS, NIGHT, NOW
from support.sweep_cases import READING

from observing_monitor.sources.registry import source_class

pytestmark = pytest.mark.long

DAY = datetime.timedelta(days=1)


class Inputs:
    """Makes each input once, and runs with changed settings."""

    def __init__(self, folder):
        self.folder = folder
        self.sources = functools.cache(self._sources)
        self.fresh = functools.cache(self._fresh)
        self.unchanged = functools.cache(self.run)
        self.n_copies = 0

    def _sources(self, kind):
        place = self.folder / kind.replace(" ", "-")
        place.mkdir()
        sources, _ = KINDS[kind](place)
        return sources

    def _fresh(self, number):
        return self.run(CASES[number].kind, CASES[number])

    def run(self, kind, case=None, onto=None):
        """Run with the settings of a case; return the folder.

        Without `onto`, a folder of an earlier run, nothing is known yet.
        """
        sources = [dict(source) for source in self.sources(kind)]
        if case:
            sources[case.source] |= case.changes
        self.n_copies += 1
        folder = self.folder / f"copy-{self.n_copies}"
        folder.mkdir()
        if onto:
            copy_site(onto / "site", folder / "site")
        rule = case.rule if case else "UTC-12h"
        streams = {"one": {"night_rule": rule, "sources": sources}}
        settings = {"observing_monitor": {"output_dir": folder / "site"}, "streams": streams}
        (folder / "site.toml").write_text(to_toml(settings))
        days = ("--first_day", NIGHT - DAY, "--last_day", NIGHT)
        assert run("-c", folder / "site.toml", *days, "--jobs", 1, now=NOW) in (0, 1)
        return folder


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    return Inputs(tmp_path_factory.mktemp("reading"))


def numbered():
    return [pytest.param(number, id=case.id) for number, case in enumerate(CASES)]


@pytest.mark.parametrize("number", numbered())
def test_a_changed_setting(inputs, number):
    """A changed setting gives the site of a first run with it."""
    case = CASES[number]
    before, fresh = inputs.unchanged(case.kind), inputs.fresh(number)
    changed = inputs.run(case.kind, case, onto=before)
    assert_same(site_of(changed / "site"), site_of(fresh / "site"))


@pytest.mark.parametrize("number", numbered())
def test_a_setting_changed_back(inputs, number):
    """A setting that is changed back gives the site of a first run."""
    case = CASES[number]
    corrected = inputs.run(case.kind, onto=inputs.fresh(number))
    assert_same(site_of(corrected / "site"), site_of(inputs.unchanged(case.kind) / "site"))


def test_cases_have_an_effect(inputs):
    """Each case changes the site."""
    same = [
        case.id
        for number, case in enumerate(CASES)
        if shown(site_of(inputs.fresh(number) / "site"))
        == shown(site_of(inputs.unchanged(case.kind) / "site"))
    ]
    assert same == []


def test_every_setting_of_reading_is_swept_or_listed():
    """Each setting that affects reading has a case, or a reason."""
    swept = {(type_of(case), setting) for case in CASES for setting in case.changes}
    listed = {(kind, setting) for kind, settings in NOT_SWEPT.items() for setting in settings}
    known = {
        (kind, field.name)
        for kind, settings in READING.items()
        for field in dataclasses.fields(source_class(kind).Settings)
        if field.name in settings and field.metadata.get("affects_reading", True)
    }
    assert sorted(known - swept - listed) == [], "neither swept nor listed"
    assert sorted(listed & swept) == [], "both swept and listed"
    assert sorted(listed - known) == [], "no setting that affects reading"


def type_of(case):
    """Return the type of the source that a case changes."""
    kind = case.kind.partition(",")[0]
    return "files" if kind == "gen2" and case.source == 0 else kind
