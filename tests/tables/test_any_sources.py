"""Any sources, in any order, have the right sums."""

import itertools
import random
from dataclasses import replace

import pytest
from fitsdata import made_database
from same_night import ALERTS, FAILED, INGESTED, NIGHT, NOW, SAYS, UNTRIED, make_sources

from observing_monitor.judging.same_faults import each_fault_once
from observing_monitor.model.reading import Tables
from observing_monitor.tables import classify, merge
from observing_monitor.tables.summary import summarise

PAIRS = list(itertools.combinations(SAYS, 2))
TRIPLES = list(itertools.combinations(SAYS, 3))


@pytest.fixture(scope="module")
def world(postgres, tmp_path_factory):
    """The sources, and what each reads of the night."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        database = made_database(postgres, "same night")
        folder = tmp_path_factory.mktemp("night")
        sources = make_sources(folder, next(database))
        readings = {}
        for name, source in sources.items():
            source.look(NIGHT, None)
            readings[name] = source.read(NIGHT)
        yield sources, readings
        next(database, None)


def expected_sums(names):
    """Return the right numbers of these sources."""
    files = set().union(*(SAYS[name].files for name in names))
    tried = [SAYS[name].tried for name in names if SAYS[name].tried is not None]
    outcome = {name: what for one in tried for name, what in one.items() if what != "untried"}
    classes = dict.fromkeys(("ingested", "failed", "missing", "not_fits"), 0)
    for name in files:
        if not tried or outcome.get(name) == "success":
            classes["ingested"] += 1
        elif name in ALERTS:
            classes["not_fits"] += 1
        else:
            classes["failed" if outcome.get(name) == "failure" else "missing"] += 1
    named = set().union(*(SAYS[name].files for name in names if SAYS[name].has_exposures))
    exposures = {name[:20] for name in named - set(ALERTS)}
    return {
        "n_files": len(files),
        **{f"n_{name}": n for name, n in classes.items()},
        "n_twice": 0,
        "n_lost": 0,
        "n_attempts": sum(map(len, tried)),
        "n_exposures": len(exposures) + _n_alert_exposures(names),
        "n_findings": len({"exposures"} if any(SAYS[n].n_missing_exposures for n in names) else ()),
    }


def _n_alert_exposures(names):
    """Return 1 if a listing names the exposure of alerts."""
    return int("bucket_listing" in names)


def sums(tables, sources, names):
    """Return the numbers of a night's tables."""
    staged = any(SAYS[name].tried is not None for name in names)
    limits = classify.Limits("ingest" if staged else "")
    judged = classify.classify(tables.files, tables.ingests, limits, NOW)
    summary = summarise(judged)
    findings = []
    for name in names:
        own = Tables(tables.files, tables.ingests, tables.metrics[tables.metrics["source"] == name])
        found = sources[name].check(NIGHT, own, sources[name].settings)
        findings += [replace(finding, source=name) for finding in found]
    never = [one for one in each_fault_once(findings) if "exposures never came" in one.text]
    counted = {
        key: summary[key] for key in expected_sums(names) if key not in ("n_attempts", "n_findings")
    }
    ingests = tables.ingests
    is_ingest = ingests["stage"] == "ingest"
    return counted | {"n_attempts": int(is_ingest.sum()), "n_findings": len(never)}


def check_night(world, names, n_silent=1):
    """Compare sums of sources that come and fall silent."""
    sources, readings = world
    wanted = expected_sums(names)
    tables = Tables.empty()
    for n in range(1, len(names)):
        tables = merge.update(tables, {name: readings[name] for name in names[:n]})
    tables = merge.update(tables, {name: readings[name] for name in names})
    assert sums(tables, sources, names) == wanted, names
    for silent in names[-n_silent:]:
        left = {name: readings[name] for name in names if name != silent}
        without = merge.update(tables, left, silent={silent})
        assert sums(without, sources, names) == wanted, ("silent", silent, names)
        again = merge.update(without, {name: readings[name] for name in names})
        assert sums(again, sources, names) == wanted, ("again", silent, names)


def check_at_once(world, names):
    """Compare sums of sources that are read first."""
    sources, readings = world
    tables = merge.update(Tables.empty(), {name: readings[name] for name in names})
    assert sums(tables, sources, names) == expected_sums(names), names


def orders(subsets):
    """Yield the subsets in every order."""
    for names in subsets:
        yield from itertools.permutations(names)


def test_the_night_itself():
    """The world has an image of each fate."""
    assert len(INGESTED) == 10 and SAYS["dbb"].tried[FAILED] == "failure"
    assert UNTRIED in SAYS["files"].files and UNTRIED not in SAYS["table"].files
    assert expected_sums(("files", "gen2", "table"))["n_missing"] == 1


def test_each_source_alone(world):
    """The sums of one source are what it says."""
    for name in SAYS:
        check_at_once(world, (name,))


def test_some_pairs_and_triples(world):
    """Some pairs and triples have the right sums."""
    chosen = random.Random(13)
    for names in chosen.sample(list(orders(PAIRS)), 12):
        check_night(world, names)
    for names in chosen.sample(list(orders(TRIPLES)), 12):
        check_at_once(world, names)


def test_all_sources(world):
    """All sources together have the right sums."""
    check_at_once(world, tuple(SAYS))
    check_at_once(world, tuple(reversed(SAYS)))


@pytest.mark.long
def test_every_pair_and_triple(world):
    """Every pair and triple has the right sums."""
    for names in orders(PAIRS):
        check_night(world, names, len(names))
    for names in orders(TRIPLES):
        check_at_once(world, names)
    for names in TRIPLES:
        check_night(world, names)


@pytest.mark.long
def test_random_subsets(world):
    """Any subset has the right sums, also in silence."""
    chosen = random.Random(29)
    for _ in range(60):
        names = chosen.sample(list(SAYS), chosen.randint(4, len(SAYS)))
        check_night(world, tuple(names))
