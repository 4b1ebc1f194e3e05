"""`check` shows what a run would find, and writes nothing."""

import datetime
import fcntl
import json
import os
import re
from pathlib import Path

from conftest import need
from gen2tree import later, make_night
from running import run

from observing_monitor.model import columns

NIGHT = datetime.date(2020, 2, 12)
NOON = datetime.datetime(2020, 2, 13, 18, tzinfo=datetime.UTC)  # in the night after NIGHT


def settings(folder, more=""):
    """Write a settings file of one stream; return its path."""
    path = folder / "site.toml"
    path.write_text(
        f'[observing_monitor]\noutput_dir = "site"\n{more}\n[streams.latiss]\ninput_dir = "input"\n'
    )
    return path


def checked(capsys, *arguments, now):
    """Run `check`; return its exit code, and its lines by heading."""
    code = run("check", *arguments, now=now)
    told, over = {}, ""
    for line in capsys.readouterr().out.splitlines():
        over = line.strip() if not line.startswith("         ") else over
        told.setdefault(over, []).append(line.strip())
    return code, told


def test_check_teaches(tmp_path, capsys):
    """`check` shows tonight and each source, and writes nothing."""
    make_night(tmp_path / "input", NIGHT, {"ingested": 5, "missing": 2}, now=later())
    config = settings(tmp_path)
    before = sorted(os.walk(tmp_path))
    code, told = checked(capsys, "-c", config, now=NOON)
    assert code == 0 and sorted(os.walk(tmp_path)) == before
    assert told["stream latiss: a run looks at 2020-02-12 to 2020-02-13"][1] == (
        "a night is the date of UTC−12h: now it is 2020-02-13, from 2020-02-13 12:00 UTC to "
        "2020-02-14 12:00 UTC"
    )
    first, second, third = told[f"ok     files at {tmp_path}/input/storage"][1:]
    assert third == "rows: 7 read, 7 understood, 0 left out"
    assert re.fullmatch(r"1 night, 2020-02-12 to 2020-02-12; answered in \d+\.\d\d s", first)
    assert second.startswith("of 2020-02-12: 7 files, the last at ")
    assert (
        told[f"ok     gen2 at {tmp_path}/input/gen2repo"][2]
        == "of 2020-02-12: 5 attempts, the last at 2020-02-12 23:02 UTC"
    )
    output = told[f"ok     output {tmp_path}/site"]
    assert (
        output[1].startswith(f"is not there yet, and can be made in {tmp_path}; ")
        and "no run has read the sources yet" in output
    )
    assert "3 looked at: 0 failed, 0 odd" in told
    assert run("-c", config, now=NOON) == 0
    code, told = checked(capsys, "-c", config, now=NOON + datetime.timedelta(minutes=12))
    output = told[f"ok     output {tmp_path}/site"]
    assert (
        "sources last read at 2020-02-13 18:00 UTC, 12 min 00 s ago" in output
        and "store of latiss: 2 nights, 2020-02-12 to 2020-02-13" in output
    )


def test_check_of_expectations_in_the_settings(tmp_path, capsys):
    """A source that reads no list has no night of its own; nothing is odd."""
    make_night(tmp_path / "input", NIGHT, {"ingested": 4}, now=later())
    config = tmp_path / "site.toml"
    config.write_text(
        '[observing_monitor]\noutput_dir = "site"\n[streams.a]\ninput_dir = "input"\n'
        '[[streams.a.sources]]\ntype = "expected"\nn_files = 4\n'
    )
    code, told = checked(capsys, "-c", config, now=NOON)
    (_, words, *rest) = told["ok     expected at the settings"]
    assert code == 0 and "0 failed, 0 odd" in "".join(told)
    assert words == "it reads no file: its settings say what is expected of every night"
    assert not any("knows of no night" in line for line in rest)


def test_check_says_what_is_odd(tmp_path, capsys):
    """Empty folders, future nights and files of other nights are odd."""
    (tmp_path / "input" / "storage").mkdir(parents=True)
    make_night(tmp_path / "input2", NIGHT, {"ingested": 4}, now=later())
    config = tmp_path / "site.toml"
    config.write_text(
        '[observing_monitor]\noutput_dir = "site"\n[streams.a]\n[[streams.a.sources]]\ntype '
        '= "files"\npath = "input/storage"\n'
        '[streams.b]\nnight_rule = "UTC-23.5h"\ninput_dir = "input2"\n'
    )
    code, told = checked(capsys, "-c", config, now=NOON)
    assert code == 0 and "4 looked at: 0 failed, 2 odd" in told
    assert (
        "it answers, but knows of no night; is it the right place?"
        in told[f"odd    files at {tmp_path}/input/storage"]
    )
    words = (
        "4 of 4 files of 2020-02-12 were created outside that night, 2020-02-12 23:30 UTC to "
        "2020-02-13 23:30 UTC; "
    )
    assert (
        f"{words}is night_rule UTC−23.5h right?"
        in told[f"odd    files at {tmp_path}/input2/storage"]
    )
    code, told = checked(capsys, "-c", config, now=NOON - datetime.timedelta(days=100))
    assert any(
        "it knows of nights that are yet to come, up to 2020-02-12" in line
        for lines in told.values()
        for line in lines
    )


def test_check_of_a_running_output(tmp_path, capsys):
    """`check` shows that a run holds the lock, without disturbing it."""
    make_night(tmp_path / "input", NIGHT, {"ingested": 1}, now=later())
    config = settings(tmp_path)
    assert run("-c", config, now=NOON) == 0
    with open(tmp_path / "site" / ".lock", "a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        code, told = checked(capsys, "-c", config, now=NOON)
    assert (
        code == 0 and "another run is at work on it now" in told[f"ok     output {tmp_path}/site"]
    )


def test_check_without_leave(tmp_path, capsys):
    """Places that this user may not use are named with the remedy."""
    need(os.geteuid() == 0, "only root can become another user")
    make_night(tmp_path / "input", NIGHT, {"ingested": 1}, now=later())
    config = settings(tmp_path)
    for folder in [tmp_path, *tmp_path.parents]:
        if folder.stat().st_uid == 0 and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o755)
    (tmp_path / "input" / "storage" / "2020-02-12").chmod(0o700)
    (tmp_path / "site").mkdir()
    assert checked(capsys, "-c", config, now=NOON)[0] == 0
    os.seteuid(65534)
    try:
        code, told = checked(capsys, "-c", config, now=NOON)
    finally:
        os.seteuid(0)
    (words,) = told[f"FAILED output {tmp_path}/site"][1:]
    assert code == 1 and words.startswith(
        f"{tmp_path}/site can't be written by this user (uid 65534); change its owner"
    )
    words = told[f"FAILED files at {tmp_path}/input/storage"][-1]
    assert words.startswith(f"{tmp_path}/input/storage/2020-02-12: permission denied")


def test_check_of_an_output_that_cannot_be(tmp_path, capsys):
    """An impossible output is named with its setting."""
    make_night(tmp_path / "input", NIGHT, {"ingested": 1}, now=later())
    config = tmp_path / "site.toml"
    (tmp_path / "file").touch()
    for line, place, words in (
        (
            "",
            "output",
            "output_dir is not set; give --output_dir DIR, or output_dir in "
            "[observing_monitor] of the settings file",
        ),
        (
            'output_dir = "file"',
            f"output {tmp_path}/file",
            f"{tmp_path}/file is no folder; choose another output_dir",
        ),
        (
            'output_dir = "file/in"',
            f"output {tmp_path}/file/in",
            f"{tmp_path}/file is no folder; choose another output_dir",
        ),
    ):
        config.write_text(f'[observing_monitor]\n{line}\n[streams.latiss]\ninput_dir = "input"\n')
        code, told = checked(capsys, "-c", config, now=NOON)
        assert (
            code == 1
            and told[f"FAILED {place}"][1:] == [words]
            and f"ok     files at {tmp_path}/input/storage" in told
        )


def test_check_of_a_store_apart(tmp_path, capsys):
    """Either of two outputs is named with its setting if impossible."""
    make_night(tmp_path / "input", NIGHT, {"ingested": 1}, now=later())
    (tmp_path / "file").touch()
    for pages, store in (("site", "file"), ("file", "kept")):
        config = settings(tmp_path, f'store_dir = "{store}"')
        config.write_text(
            config.read_text().replace('output_dir = "site"', f'output_dir = "{pages}"')
        )
        code, told = checked(capsys, "-c", config, now=NOON)
        said = told[f"FAILED output {tmp_path}/{pages}"]
        wrong = (
            f"store_dir {tmp_path}/file: {tmp_path}/file is no folder; choose another store_dir"
            if store == "file"
            else ""
        )
        assert (
            code == 1
            and (wrong or f"{tmp_path}/file is no folder; choose another output_dir") in said
        )


def test_check_of_a_store_of_another_version(tmp_path, capsys):
    """After an upgrade, `check` says that the index will be remade."""
    from observing_monitor.storage.sealed import sealed

    make_night(tmp_path / "input", NIGHT, {"ingested": 1}, now=later())
    config = settings(tmp_path)
    assert run("-c", config, now=NOON) == 0
    index = tmp_path / "site" / "data" / "stream=latiss" / "index.json"
    older = {
        name: value for name, value in json.loads(index.read_text()).items() if name != "seal"
    } | {"schema_version": 0}
    index.write_bytes(sealed(json.dumps(older)))
    code, told = checked(capsys, "-c", config, now=NOON)
    words = (
        f"latiss: its store is of version 0, this program's {columns.SCHEMA_VERSION}; the "
        "next run remakes its index"
    )
    assert code == 0 and words in told[f"odd    output {tmp_path}/site"]
    assert run("-c", config, now=NOON) == 0
    assert f"ok     output {tmp_path}/site" in checked(capsys, "-c", config, now=NOON)[1]


def test_check_of_a_source_with_much_that_is_odd(tmp_path, capsys):
    """Three odd things of a source are shown, the rest counted."""
    for number in range(5):
        rows = "2020-02-12,1e400\n2020-02-20,1\n2020-02-12,1,2\n2020-02-12,40\n"
        (tmp_path / f"2020-02-12_{number}.csv").write_text(f"day,rh\n{rows}")
    config = tmp_path / "site.toml"
    place = "{night}_*.csv"
    config.write_text(
        '[observing_monitor]\noutput_dir = "site"\n[streams.a]\n[[streams.a.sources]]\n'
        f'type = "table"\npath = "{place}"\nvalues = {{ humidity = "rh" }}\n'
        'night_column = "day"\n'
    )
    code, told = checked(capsys, "-c", config, now=NOON)
    said = told[f"odd    table at {tmp_path}/{place}"]
    assert code == 0
    odd = [line for line in said if line.startswith("odd: ")]
    assert len(odd) == 3 and "line 2: humidity is beyond any number" in odd[0]
    rows = [line for line in said if line.startswith("left out: ")]
    assert len(rows) == 3 and "line 4: more cells than the header has" in rows[0]
    assert "line 3: of night 2020-02-20, not 2020-02-12" in rows[1]
    assert "rows: 20 read, 10 understood, 10 left out" in said
    assert said[-1] == "and 2 more odd things"
    code, told = checked(capsys, "-c", config, now=NOON + datetime.timedelta(days=100))
    words = (
        "nothing of the nights that a run looks at, 2020-05-22 to 2020-05-23; for older "
        "ones: observing_monitor rebuild"
    )
    assert words in told[f"odd    table at {tmp_path}/{place}"]


def test_check_tells_of_known_issues(tmp_path, capfd):
    """`check` counts known issues, and names entries with faults."""
    make_night(tmp_path / "input", NIGHT, {"ingested": 3}, now=later())
    config, known = settings(tmp_path, ""), tmp_path / "known.yaml"
    known.write_text("- night: 2020-02-12\n  pattern: '*.a'\n  reason: a test\n")
    assert run("check", "-c", config, now=NOON) == 0
    assert (
        "  ok     known issues\n           of its entries 1 are understood\n"
        in capfd.readouterr().out
    )
    known.write_text(known.read_text() + "- night: 2020-02-12\n  patern: b\n  reason: a test\n")
    assert run("check", "-c", config, now=NOON) == 1
    assert (
        f"  FAILED known issues\n           {known}: line 5: unknown key 'patern'"
        in capfd.readouterr().out
    )


def cut_registry(folder):
    path = folder / "gen2repo" / "registry.sqlite3"
    path.write_bytes(path.read_bytes()[:5000])


def test_check_tells_each_source(tmp_path, capsys):
    """`check` says what each source has, or what is wrong with it."""
    make_night(tmp_path / "input", NIGHT, {"ingested": 5}, now=later())
    cut_registry(tmp_path / "input")
    assert run("check", "--input_dir", tmp_path / "input") == 1
    told = capsys.readouterr().out
    assert "FAILED output\n           output_dir is not set; give --output_dir DIR" in told
    assert (
        f"odd    files at {tmp_path}/input/storage\n           1 night, 2020-02-12 to "
        "2020-02-12; answered in " in told
    )
    assert (
        "of 2020-02-12: 5 files, the last at " in told
        and "nothing of the nights that a run looks at" in told
    )
    assert (
        f"FAILED gen2 at {tmp_path}/input/gen2repo\n" in told
        and "is a damaged SQLite database" in told
    )
    assert {path.name for path in tmp_path.iterdir()} == {"input"}
