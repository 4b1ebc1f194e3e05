"""After damage to the store, runs make the same pages."""

import json
import os
import shutil

from breakage import broken
from running import run
from small_inputs import KINDS, NIGHT, NOW

from observing_monitor.storage.output import Output
from observing_monitor.storage.sealed import is_sealed
from observing_monitor.storage.store import Store

OF_RUNS = ("heartbeat.js", "observing_monitor.prom", "changes.atom", ".observing_monitor")
RECORDS = {
    "index.json",
    "looked.json",
    "heartbeat.json",
    "since.json",
    "feed.json",
    "told.json",
}


def of_pages(folder):
    """Return the bytes of all pages, without times of runs."""
    found = {}
    for path in folder.rglob("*"):
        relative = path.relative_to(folder)
        if path.is_file() and relative.parts[0] != "data" and path.name not in OF_RUNS:
            data = path.read_bytes()
            if path.name == "nights.json":
                data = json.dumps({**json.loads(data), "generated_at": None}).encode()
            found[str(relative)] = data
    return found


def site_with_all_records(tmp_path):
    """Make a site with all records; return the run's arguments."""
    KINDS["gen2"](tmp_path / "input")
    (tmp_path / "site.toml").write_text(
        '[observing_monitor]\noutput_dir = "site"\n'
        f'first_day = "{NIGHT}"\nlast_day = "{NIGHT}"\n'
        '[notify.desk]\ntype = "command"\ncommand = ["true"]\n[streams.s]\ninput_dir = "input"\n'
    )
    assert run("-c", tmp_path / "site.toml", now=NOW) == 0
    return "-c", tmp_path / "site.toml"


def test_records_with_any_bit_changed(tmp_path):
    """A record with a changed bit is read right or not at all."""
    site_with_all_records(tmp_path)
    output = Output(tmp_path / "site")
    records = sorted((tmp_path / "site" / "data").rglob("*.json"))
    assert {path.name for path in records} == RECORDS
    for path in records:
        whole, relative = path.read_bytes(), path.relative_to(tmp_path / "site").as_posix()
        value = output.read_json(relative)
        assert value and "seal" not in value and is_sealed(whole, or_never=False), relative
        for at in range(len(whole)):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << at % 7]) + whole[at + 1 :])
            read = output.read_json(relative)
            # a bit in the letters of "seal" itself leaves all else as it was
            assert read is None or {name: read[name] for name in value} == value, (relative, at)


def test_store_with_any_byte_changed(tmp_path, capfd):
    """The second run after any damage makes the same pages."""
    given = site_with_all_records(tmp_path)
    shutil.copytree(tmp_path / "site", tmp_path / "good")
    expected = of_pages(tmp_path / "good")
    targets = sorted(
        path.relative_to(tmp_path / "good")
        for path in (tmp_path / "good" / "data").rglob("*")
        if path.is_file()
    )
    assert {path.name for path in targets} >= {*RECORDS, "files.parquet", "ingests.parquet"}
    for number, target in enumerate(targets * 3):
        shutil.rmtree(tmp_path / "site")
        shutil.copytree(tmp_path / "good", tmp_path / "site")
        (tmp_path / "site" / target).write_bytes(
            broken((tmp_path / "good" / target).read_bytes(), number)
        )
        assert [run(*given, now=NOW), run(*given, now=NOW)][1] == 0, (number, target)
        assert of_pages(tmp_path / "site") == expected, (number, target)
    assert "Traceback" not in capfd.readouterr().err


def test_notes_of_a_killed_run_with_any_byte_changed(tmp_path):
    """A killed run's rows are ignored if any byte changed."""
    output = Output(tmp_path)
    output.make()
    store = Store(output, "s")
    os.makedirs(tmp_path / "data" / "stream=s")
    row = {"summary": {"night": NIGHT.isoformat(), "n_files": 3}, "basis": "x" * 20}
    store.note(NIGHT, row)
    path = tmp_path / "data" / "stream=s" / "index.notes"
    whole = path.read_bytes()
    assert store.read_index()["nights"] == {NIGHT.isoformat(): row}
    for at in range(len(whole) - 1):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert store.read_index()["nights"] == {}, at


def test_a_damaged_table_costs_only_itself(tmp_path, capfd):
    """A damaged table is set aside; the others stay."""
    (tmp_path / "input").mkdir()
    KINDS["lasair"](tmp_path / "input")
    (tmp_path / "site.toml").write_text(
        '[observing_monitor]\noutput_dir = "site"\n'
        '[[streams.a.sources]]\ntype = "lasair"\npath = "input"\n'
    )
    given = ("-c", tmp_path / "site.toml", "--first_day", NIGHT, "--last_day", NIGHT)
    assert run(*given, now=NOW) == 0
    folder = tmp_path / "site" / "data" / "stream=a" / f"night={NIGHT}"
    ingests, metrics = folder / "ingests.parquet", (folder / "metrics.parquet").read_bytes()
    ingests.write_bytes(ingests.read_bytes()[:-20])
    (tmp_path / "input" / "status_1137.json").unlink()  # no source has the metrics any more
    assert run(*given, now=NOW) == 1
    error = capfd.readouterr().err
    assert "ingests.parquet: can't be read: it is cut or damaged" in error
    assert "set aside as ingests.parquet.damaged" in error and "Traceback" not in error
    assert (folder / "metrics.parquet").read_bytes() == metrics
