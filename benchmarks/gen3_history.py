"""A Gen3 repository of millions of raws on SQLite."""

import contextlib
import datetime
import sqlite3

from trees import FIRST

N_DETECTORS = 9
FIRST_BEGINS_NS = 1_581_555_667_000_000_000
DAY_NS = 86_400_000_000_000

FAST = """
pragma journal_mode = off;
pragma synchronous = off;
pragma cache_size = -2000000
"""
NUMBERS = "with recursive s(i) as (select 2 union all select i + 1 from s where i <= :n)"
AT = ":at + s.i * 2500000000"
# in the order of time, like the keys that a Butler makes
KEY = "printf('%012x7%03x8000%012x', :k + 1, s.i % 4096, s.i * 16 + d.id)"
PATH = ":night || '/AT_O_' || :text || printf('_%06d-R22S%02d.fits', s.i, d.id)"

DAYS = "insert or ignore into day_obs (instrument, id) select name, :day from instrument"
GROUPS = f"""{NUMBERS}
insert into "group"
select name, :text || printf('%05d', s.i) from s cross join instrument
"""
EXPOSURES = f"""{NUMBERS}
insert into exposure (instrument, id, day_obs, "group", physical_filter, obs_id, exposure_time,
    seq_num, timespan_begin, timespan_end)
select o.instrument, :day * 100000 + s.i, :day, :text || printf('%05d', s.i), o.physical_filter,
    'AT_O_' || :text || printf('_%06d', s.i), 30.0, s.i, {AT}, {AT} + 2000000000
from s cross join exposure o where o.rowid = 1
"""
# table -> the values of a row per exposure and detector; `o` is a row of the Butler's own
DATASETS = {
    "dataset": f"{KEY}, o.dataset_type_id, {AT} + 60000000000, o.run_id",
    "{tags}": f"o.dataset_type_id, {KEY}, o.collection_id, o.instrument, d.id, :day * 100000 + s.i",
    "dataset_location": f"o.datastore_name, {KEY}",
    "file_datastore_records": f"{KEY}, {PATH}, o.formatter, o.storage_class, o.component, "
    "o.checksum, o.file_size",
}


def gen3_history(n_nights, n_raws, folder):
    """Make a Gen3 repository of nine detectors.

    lsst-daf-butler makes the tables and the first raws; the other rows are copies of these. Only
    the last night has files: no benchmark reads the others.
    """
    import gen3repo

    n_exposures = n_raws // N_DETECTORS
    root = folder / "gen3repo"
    gen3repo.make_repository(root, first_raws(folder / "storage"))
    with contextlib.closing(
        sqlite3.connect(root / "gen3.sqlite3", isolation_level=None)
    ) as registry:
        registry.executescript(FAST)
        with _without_indexes(registry):
            for n in range(n_nights):
                registry.execute("begin")
                _copy_night(registry, n, n_exposures)
                registry.execute("commit")
    make_raws(root, FIRST + datetime.timedelta(days=n_nights - 1), n_exposures)


def first_raws(storage):
    """Make the first exposure's files; return its raws."""
    import gen3repo

    storage.mkdir(parents=True, exist_ok=True)
    return [
        gen3repo.Raw(gen3repo.raw_file(storage, FIRST, 1, detector=detector), 1, FIRST, detector)
        for detector in range(N_DETECTORS)
    ]


def make_raws(root, night, n_exposures):
    """Make the files of a night's exposures from number 2 on."""
    import gen3repo

    for number in range(2, n_exposures + 2):
        for detector in range(N_DETECTORS):
            gen3repo.raw_file(root, night, number, detector=detector)


@contextlib.contextmanager
def _without_indexes(registry):
    """Drop all indexes and make them anew at the end.

    This is faster than to keep them.
    """
    indexes = registry.execute(
        "select name, sql from sqlite_master where type = 'index' and sql is not null"
    ).fetchall()
    for name, _ in indexes:
        registry.execute(f'drop index "{name}"')
    yield
    for _, sql in indexes:
        registry.execute(sql)


def _copy_night(registry, n, n_exposures):
    """Insert the rows of a night's exposures."""
    night = FIRST + datetime.timedelta(days=n)
    values = {
        "day": int(f"{night:%Y%m%d}"),
        "text": f"{night:%Y%m%d}",
        "night": night.isoformat(),
        "n": n_exposures,
        "k": n,
        "at": FIRST_BEGINS_NS + n * DAY_NS,
    }
    for statement in (DAYS, GROUPS, EXPOSURES):
        registry.execute(statement, values)
    ((tags,),) = registry.execute("select tag_association_table from dataset_type").fetchall()
    for name, row in DATASETS.items():
        table = name.format(tags=tags)
        one = f"(select * from {table} limit 1)"
        registry.execute(
            f"{NUMBERS} insert into {table} "
            f"select {row} from s cross join detector d cross join {one} o",
            values,
        )
