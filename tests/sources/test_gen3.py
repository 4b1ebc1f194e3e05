"""Gen3 repositories, real and made here, on SQLite and PostgreSQL."""

import csv
import dataclasses
import datetime
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from gen3repo import Raw, age, butler, edit, grow, ingest, make_repository, raw_file, records, three  # noqa: F401 - a fixture
from running import counts, nights, run

from observing_monitor.errors import SourceError
from observing_monitor.model.nights import NightRule
from observing_monitor.settings import read
from observing_monitor.sources.base import Asked
from observing_monitor.sources.gen3 import Gen3Repository
from observing_monitor.sources.gen3_registry import PLANS

NIGHT = datetime.date(2024, 1, 2)
ASKED = ("--first_day", NIGHT, "--last_day", NIGHT)


def source(path, **settings):
    """Make the source of a repository."""
    asked = Asked("stream", NightRule(), datetime.datetime.now(datetime.UTC))
    return Gen3Repository(Gen3Repository.Settings(path=path, **settings), asked)


def arguments(folder, out, *nights):
    """Return the arguments of a run over a Gen3 repository."""
    return ["--gen", 3, "--input_dir", folder, "--output_dir", out, *(nights or ASKED)]


def rows(folder, night=NIGHT):
    """Return the rows of a night's CSV by file name."""
    with open(folder / f"{night}.csv", newline="") as file:
        return {row["path"].rpartition("/")[2]: row for row in csv.DictReader(file)}


def instant(text):
    """Return an instant of a CSV."""
    return datetime.datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("name", "night"), [("latiss_gen3", "2018-09-20"), ("comCam_gen3", "2019-05-30")]
)
def test_real_repositories(shared_data, tmp_path, name, night):
    """A raw has the exposure and times of its registry."""
    repository = shared_data / "rubin" / name
    days = ("--first_day", night, "--last_day", night)
    assert run(*arguments(repository, tmp_path / "out", *days)) == 0
    sql = "select tag_association_table from dataset_type where name = 'raw'"
    ((tags,),) = records(repository, sql)
    sql = f"""
        select e.obs_id, e.id, e.seq_num, e.timespan_end, d.ingest_date, f.path, f.file_size,
            n.full_name
        from dataset d join {tags} t on t.dataset_id = d.id join exposure e on e.id = t.exposure
        join file_datastore_records f on f.dataset_id = d.id
        join detector n on n.id = t.detector and n.instrument = t.instrument"""
    ((obsid, exposure, seq_num, ended_ns, ingested, path, size, detector),) = records(
        repository, sql
    )
    ((_, row),) = rows(tmp_path / "out", night).items()
    assert (
        row["path"] == f"gen3:{path}"
        and row["file_class"] == "ingested"
        and int(row["size_bytes"]) == size
    )
    assert (row["obsid"], row["exposure"], int(row["seq_num"]), row["detector"]) == (
        obsid,
        str(exposure),
        seq_num,
        detector,
    )
    closed = datetime.datetime.fromtimestamp(ended_ns / 1e9 - 37, datetime.UTC)
    assert abs(instant(row["created_at"]) - closed) < datetime.timedelta(milliseconds=1)
    assert instant(row["ingested_at"]) == datetime.datetime.fromisoformat(ingested + "+00:00")
    values = nights(tmp_path / "out")[night]
    assert values["ingest_delay_median_s"] == pytest.approx(
        (instant(row["ingested_at"]) - closed).total_seconds(), abs=0.01
    )
    assert obsid in (tmp_path / "out" / f"{night}.html").read_text()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_schema_of_today(tmp_path, postgres, kind):
    """A night of the current Butler has all facts."""
    storage, repository = tmp_path / "input" / "storage", tmp_path / "input" / "gen3repo"
    files = [raw_file(storage, NIGHT, number) for number in (1, 2, 3)]
    raws = [Raw(path, number, NIGHT) for number, path in enumerate(files[:2], 1)]
    age(files[2], raws[1].ended_at)
    before = datetime.datetime.now(datetime.UTC)
    if kind == "sqlite":
        make_repository(repository, raws)
    else:
        url = postgres.create("gen3")
        postgres.execute("create extension btree_gist", "create schema latiss", dbname="gen3")
        make_repository(repository, raws, db=url, namespace="latiss")
    after = datetime.datetime.now(datetime.UTC)
    settings = tmp_path / "site.toml"
    settings.write_text(
        '[observing_monitor]\noutput_dir = "site"\n[streams.latiss]\ninput_dir = "input"\ngen = 3\n'
    )
    assert run("-c", settings, *ASKED) == 0
    site = tmp_path / "site" / "latiss"
    values = nights(site)["2024-01-02"]
    assert counts(values) == {"ingested": 2, "missing": 1} and values["n_exposures"] == 3
    found = rows(site)
    for raw in raws:
        row = found[raw.path.name]
        assert instant(row["created_at"]) == raw.ended_at
        # the registry's clock is TAI: read as UTC, the file would come 37 s later than now
        assert (
            before - datetime.timedelta(seconds=2)
            <= instant(row["ingested_at"])
            <= after + datetime.timedelta(seconds=2)
        )
        assert (row["exposure"], row["seq_num"], row["detector"]) == (
            str(raw.exposure),
            str(raw.seq_num),
            "R22_S00",
        )
    page = (site / "2024-01-02.html").read_text()
    assert files[2].name in page and "1 file never tried" in page
    assert "password" not in page


def test_nothing_new(tmp_path, three):  # noqa: F811
    """A run with nothing new imports no database library."""
    code = (
        "import sys; from observing_monitor.cli import main; main(sys.argv[1:]);"
        "print({'sqlalchemy', 'pandas'} & set(sys.modules))"
    )
    command = arguments(tmp_path / "input", tmp_path / "out")
    assert run(*command) == 0
    page = tmp_path / "out" / "2024-01-02.html"
    was = page.stat().st_mtime_ns
    again = subprocess.run(
        [sys.executable, "-c", code, *map(str, command)], capture_output=True, text=True, check=True
    )
    assert again.stdout.strip() == "set()" and page.stat().st_mtime_ns == was
    with butler(tmp_path / "input" / "gen3repo") as opened:
        ingest(opened, [Raw(three[0].path.with_name("AT_O_20240102_000003.fits"), 3, NIGHT)])
    assert run(*command) == 0
    assert counts(nights(tmp_path / "out")["2024-01-02"]) == {"ingested": 3}


def test_other_nights_do_not_change_a_night(tmp_path, three):  # noqa: F811
    """An ingest for another night leaves a night's look unchanged."""
    repository = tmp_path / "input" / "gen3repo"
    known = json.loads(json.dumps(source(repository).look(NIGHT, None)))
    other = datetime.date(2024, 1, 3)
    with butler(repository) as opened:
        ingest(opened, [Raw(raw_file(tmp_path / "input" / "storage", other, 1), 1, other)])
    assert source(repository).look(NIGHT, known) == known
    assert source(repository).nights() == {NIGHT, other}
    assert source(repository).read(other).attempts["obsid"].tolist() == ["AT_O_20240103_000001"]


def test_copies_are_matched_by_name_and_may_be_lost(tmp_path):
    """Copies are matched by name; a removed one is lost."""
    files = [raw_file(tmp_path / "storage", NIGHT, 1, detector=number) for number in (0, 1)] + [
        raw_file(tmp_path / "storage", NIGHT, 2)
    ]
    raws = [Raw(files[0], 1, NIGHT), Raw(files[1], 1, NIGHT, detector=1), Raw(files[2], 2, NIGHT)]
    make_repository(tmp_path, raws, transfer="copy")
    command = arguments(tmp_path, tmp_path.with_name("out"))
    assert run(*command) == 0
    values = nights(tmp_path.with_name("out"))["2024-01-02"]
    assert counts(values) == {"ingested": 3} and values["n_files"] == 3 and values["n_lost"] == 0
    assert set(rows(tmp_path.with_name("out"))) == {path.name for path in files}
    ((copy,),) = records(tmp_path, "select path from file_datastore_records order by path limit 1")
    (tmp_path / copy).unlink()
    run(*command)
    assert nights(tmp_path.with_name("out"))["2024-01-02"]["n_lost"] == 1
    assert (
        "the registry has it, but its file is gone"
        in (tmp_path.with_name("out") / "2024-01-02.html").read_text()
    )


def test_records_of_another_machine(tmp_path, three):  # noqa: F811
    """Paths of another machine are matched by name."""
    repository = tmp_path / "input" / "gen3repo"
    first, second = (raw.path.name for raw in three)
    edit(
        repository,
        (
            "update file_datastore_records set path = ?, file_size = -1 where path like ?",
            (f"file:///other%20disk/a/{first}", f"%{first}"),
        ),
        (
            "update file_datastore_records set path = ?, file_size = null where path like ?",
            (f"/other disk/a/{second}", f"%{second}"),
        ),
        "update exposure set timespan_end = 4102444800000000000 where seq_num = 2",
    )
    assert run(*arguments(tmp_path / "input", tmp_path / "out")) == 0
    values = nights(tmp_path / "out")["2024-01-02"]
    assert (
        counts(values) == {"ingested": 2, "missing": 1}
        and values["n_lost"] == 0
        and values["size_bytes"] == 60_000
    )
    # an exposure without an end gives no time: the file's own is left
    assert instant(rows(tmp_path / "out")[second]["created_at"]) == three[
        1
    ].ended_at + datetime.timedelta(seconds=5)
    alone = source(repository).read(NIGHT).attempts
    assert alone["destination"].tolist() == [f"/other disk/a/{first}", f"/other disk/a/{second}"]
    assert alone["size_bytes"].isna().all() and set(alone["status"]) == {"success"}


def test_every_dataset_counts_once(tmp_path, three):  # noqa: F811
    """A raw is one attempt per run, not per collection."""
    known = json.loads(json.dumps(source(tmp_path / "input").look(NIGHT, None)))
    with butler(tmp_path / "input" / "gen3repo") as opened:
        refs = list(opened.registry.queryDatasets("raw", collections=["raw/all"]))
        opened.registry.registerCollection("best")
        opened.registry.associate("best", refs)
    assert source(tmp_path / "input").look(NIGHT, known) == known
    with butler(tmp_path / "input" / "gen3repo") as opened:
        ingest(opened, [three[0]], run="raw/again")
    attempts = source(tmp_path / "input").read(NIGHT).attempts
    assert sorted(zip(attempts["seq_num"], attempts["attempt"], strict=True)) == [
        (1, 1),
        (1, 2),
        (2, 1),
    ]
    assert attempts.loc[attempts["seq_num"] == 1, "attempted_at"].is_monotonic_increasing


WANTED = ("t.exposure", "f0.path")


@pytest.mark.parametrize("name", ["today", "latiss_gen3"])
def test_a_night_is_found_by_indexes(tmp_path, three, shared_data, name):  # noqa: F811
    """A night's query reads no table of datasets as a whole."""
    path = tmp_path / "input" / "gen3repo" if name == "today" else shared_data / "rubin" / name
    repository = source(path).registry
    with repository.connect() as registry:
        values = repository.values(repository.layout(registry), NIGHT, "LATISS")
        plan = [
            row[3]
            for row in registry.ask(
                f"explain query plan {repository.sql(registry, WANTED)}", values
            )
        ]
    of = {
        word: [step for step in plan if re.match(rf"(SEARCH|SCAN) {word}\b", step)]
        for word in ("t", "d", "f0")
    }
    assert all(len(steps) == 1 and steps[0].startswith("SEARCH") for steps in of.values()), plan
    assert (
        "instrument=? AND exposure=?" in of["t"][0]
        and "(id=?)" in of["d"][0]
        and "dataset_id=?" in of["f0"][0]
    )


def test_a_night_is_found_by_indexes_on_postgresql(tmp_path, postgres):
    """PostgreSQL finds a night by indexes."""
    url = postgres.create("gen3")
    postgres.execute("create extension btree_gist", "create schema latiss", dbname="gen3")
    make_repository(
        tmp_path,
        [Raw(raw_file(tmp_path / "storage", NIGHT, 1), 1, NIGHT)],
        db=url,
        namespace="latiss",
    )
    grow(postgres, "gen3", "latiss", NIGHT, n_nights=30, n_exposures=1500)
    repository = source(tmp_path).registry
    with repository.connect() as registry:
        values = repository.values(repository.layout(registry), NIGHT, "LATISS")

        of_raws = repository.sql(registry, WANTED)

        def plan(sql=of_raws, values=values):
            """Return each table's step and index condition."""
            ((answer,),) = registry.ask(f"explain (format json) {sql}", values)
            to_do, steps = [answer[0]["Plan"]], {}
            while to_do:
                step = to_do.pop()
                to_do += step.get("Plans", [])
                if "Alias" in step:
                    steps[step["Alias"]] = (
                        step["Node Type"],
                        step.get("Index Cond") or step.get("Recheck Cond") or "",
                    )
            return steps

        ours = plan()
        of_night = {name: values[name] for name in ("instrument", "day")}
        kind, condition = plan(repository.exposures_sql(registry), of_night)["e"]
        assert kind in ("Index Scan", "Bitmap Heap Scan") and "day_obs" in condition
        registry.ask(
            "select set_config(name, reset_val, true) from pg_settings where name = any(:names)",
            {"names": list(PLANS)},
        )
        theirs = plan()
    conditions = {
        "e": ("instrument", "day_obs"),
        "t": ("instrument", "exposure"),
        "d": ("id",),
        "f0": ("dataset_id",),
    }
    assert set(ours) == set(conditions) and all(
        kind in ("Index Scan", "Bitmap Heap Scan") for kind, _ in ours.values()
    ), ours
    assert all(
        re.search(rf"\b{column}\b", ours[alias][1])
        for alias, names in conditions.items()
        for column in names
    ), ours
    assert any(kind == "Seq Scan" for kind, _ in theirs.values()), theirs
    reading = source(tmp_path).read(NIGHT)
    assert len(reading.attempts) == len(reading.exposures) == 1501


def test_unknown_versions_are_refused(tmp_path, three, capfd):  # noqa: F811
    """A newer major version is refused; known data stay."""
    repository = tmp_path / "input" / "gen3repo"
    command = arguments(tmp_path / "input", tmp_path / "out")
    assert run(*command) == 0
    manager = "version:%DatasetRecordStorageManagerUUID"
    edit(repository, f"update butler_attributes set value = '9.1.0' where name like '{manager}'")
    assert run(*command) == 1
    errors = capfd.readouterr().err
    assert (
        "ByDimensionsDatasetRecordStorageManagerUUID 9.1.0" in errors and "gen3.sqlite3" in errors
    )
    assert nights(tmp_path / "out")["2024-01-02"]["n_ingested"] == 2
    assert "9.1.0" in (tmp_path / "out" / "2024-01-02.html").read_text()


def test_one_instrument_of_several(tmp_path):
    """All instruments are read, or the one that is set."""
    raws = [
        Raw(raw_file(tmp_path / "a", NIGHT, 1), 1, NIGHT),
        Raw(raw_file(tmp_path / "b", NIGHT, 1, obsid="CC_O"), 1, NIGHT, instrument="ComCam"),
    ]
    make_repository(tmp_path, raws)
    assert len(source(tmp_path).read(NIGHT).attempts) == 2
    assert source(tmp_path, instrument="ComCam").read(NIGHT).attempts["obsid"].tolist() == [
        "CC_O_20240102_000001"
    ]
    with pytest.raises(SourceError, match="'LSSTCam'.*ComCam, LATISS"):
        source(tmp_path, instrument="LSSTCam").look(NIGHT, None)


def test_a_fresh_repository(tmp_path):
    """A repository without raws has a note that says so."""
    with butler(tmp_path):
        pass
    reading = source(tmp_path).read(NIGHT)
    assert (
        source(tmp_path).nights() == set()
        and reading.attempts.empty
        and "no dataset type 'raw'" in reading.notes[0]
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "no such file, nor .*gen3repo/butler.yaml"),
        ("registry: {db: [", "is not YAML"),
        ("just words", "holds no tables"),
        ("registry: {db: 'sqlite:///<butlerRoot>/gen3.sqlite3'}", "gen3.sqlite3: no such file"),
        ("cls: lsst.daf.butler.remote_butler.RemoteButler", "read over HTTP"),
        (
            "registry: {db: 'postgresql://reader:s3cret@127.0.0.1:9/gen3'}",
            "127.0.0.1:9/gen3: .*refused",
        ),
    ],
)
def test_unreadable_repositories(tmp_path, text, words):
    """An unreadable repository is named, without password."""
    if text is not None:
        (tmp_path / "butler.yaml").write_text(text)
    with pytest.raises(SourceError, match=words) as error:
        source(tmp_path).look(NIGHT, None)
    assert "s3cret" not in str(error.value)


def test_a_cut_registry(tmp_path, three):  # noqa: F811
    """A truncated registry is an error."""
    path = tmp_path / "input" / "gen3repo" / "gen3.sqlite3"
    path.write_bytes(path.read_bytes()[:30_000])
    with pytest.raises(SourceError, match="gen3.sqlite3"):
        source(tmp_path / "input").look(NIGHT, None)


def test_a_store_that_vanished_keeps_its_files(tmp_path, three):  # noqa: F811
    """If storage/ disappears, its files stay."""
    command = arguments(tmp_path / "input", tmp_path / "out")
    assert run(*command) == 0
    was = counts(nights(tmp_path / "out")["2024-01-02"])
    shutil.move(tmp_path / "input" / "storage", tmp_path / "away")
    assert run(*command) == 1
    assert counts(nights(tmp_path / "out")["2024-01-02"]) == was and sum(was.values()) == 3


def test_settings_of_the_example():
    """examples/gen3.toml has every setting of this source, and no other."""
    text = (Path(__file__).parents[2] / "examples" / "gen3.toml").read_text()
    streams = read.streams_of_file(Path(__file__).parents[2] / "examples" / "gen3.toml")
    assert [[source.kind for source in stream.sources] for stream in streams] == [
        ["files", "gen3"],
        ["files", "gen3"],
    ]
    assert streams[0].sources[0].settings.optional and streams[0].sources[1].settings.path == Path(
        "/data/auxTel"
    )
    assert all(
        re.search(rf"^(# )?{field.name} = ", text, re.MULTILINE)
        for field in dataclasses.fields(Gen3Repository.Settings)
    )
