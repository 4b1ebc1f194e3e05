"""Files of others are read and nothing else.

They may be on NFS, and registries may have a write-ahead log.
"""

import datetime
import os
import re
import shutil
import sqlite3
import subprocess
import sys

import gen2
import pytest
from gen2tree import later, make_night
from gen3repo import Raw, make_repository, raw_file
from needs import need
from running import contents, counts, nights, run

NIGHT = datetime.date(2020, 2, 12)
TRACED = (
    "trace=inotify_init,inotify_init1,inotify_add_watch,fanotify_init,mmap,flock,fcntl,"
    "open,openat,creat,unlink,rename,mkdir"
)


def arguments(folder):
    """Return the arguments of a run over NIGHT."""
    return (
        "--input_dir",
        folder / "input",
        "--output_dir",
        folder / "site",
        "--first_day",
        NIGHT,
        "--last_day",
        NIGHT,
    )


def in_wal_mode(registry):
    """Return a writer with a write-ahead log, to be closed."""
    writer = sqlite3.connect(registry)
    assert writer.execute("pragma journal_mode=wal").fetchone() == ("wal",)
    writer.execute("pragma wal_autocheckpoint=0")
    return writer


def test_registry_with_a_write_ahead_log(tmp_path, monkeypatch):
    """Rows in a write-ahead log are read; no file changes."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr("tempfile.tempdir", None)
    made = make_night(tmp_path / "input", NIGHT, {"ingested": 4, "failed": 3}, now=later())
    registry = tmp_path / "input" / "gen2repo" / "registry.sqlite3"
    writer = in_wal_mode(registry)
    assert run(*arguments(tmp_path), now=later()) == 0
    assert counts(nights(tmp_path / "site")["2020-02-12"]) == {"ingested": 4, "failed": 3}
    gen2.register(writer, gen2.CAMERAS["latiss"], [made.of("failed")[0].row])
    writer.commit()
    assert (registry.parent / "registry.sqlite3-wal").stat().st_size
    before = times_and_sizes(registry.parent)
    assert run(*arguments(tmp_path), now=later()) == 0
    assert counts(nights(tmp_path / "site")["2020-02-12"]) == {"ingested": 5, "failed": 2}
    assert times_and_sizes(registry.parent) == before
    assert os.listdir(tmp_path / "temporary") == []
    writer.execute("pragma wal_checkpoint(truncate)")
    writer.close()
    assert run(*arguments(tmp_path), now=later()) == 0
    assert counts(nights(tmp_path / "site")["2020-02-12"]) == {"ingested": 5, "failed": 2}


def times_and_sizes(folder):
    """Return each file's modification time and size."""
    return {path.name: (path.stat().st_mtime_ns, path.stat().st_size) for path in folder.iterdir()}


def test_registry_that_is_locked(tmp_path):
    """A run and a writer do not wait for each other."""
    make_night(tmp_path / "input", NIGHT, {"ingested": 4}, now=later())
    writer = sqlite3.connect(
        tmp_path / "input" / "gen2repo" / "registry.sqlite3", isolation_level=None
    )
    writer.execute("begin exclusive")
    assert run(*arguments(tmp_path), now=later()) == 0
    assert counts(nights(tmp_path / "site")["2020-02-12"]) == {"ingested": 4}
    writer.execute("commit")
    writer.close()


@pytest.mark.parametrize("gen", [2, 3])
def test_system_calls(tmp_path, gen):
    """The kernel sees input opened only to read."""
    strace = shutil.which("strace")
    need(strace, "there is no strace (Debian's package strace)")
    if gen == 2:
        make_night(tmp_path / "input", NIGHT, {"ingested": 4, "missing": 1}, now=later())
    else:
        raw = Raw(raw_file(tmp_path / "input" / "storage", NIGHT, 1), 1, NIGHT)
        make_repository(tmp_path / "input" / "gen3repo", [raw])
    before = contents(tmp_path / "input")
    trace = tmp_path / "trace"
    command = [strace, "-f", "-y", "-qq", "-e", TRACED, "-o", trace]
    command += [sys.executable, "-m", "observing_monitor", *arguments(tmp_path), "--gen", gen]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    need("Operation not permitted" not in done.stderr, "strace may not trace here")
    assert done.returncode == 0, done.stderr
    calls = trace.read_text().splitlines()
    own = [call for call in calls if f"{tmp_path}/input" in call]
    assert any("registry.sqlite3" in call or "gen3.sqlite3" in call for call in own), (
        "nothing was traced"
    )
    assert [call for call in calls if re.search(r"\b[if]notify|\bfanotify", call)] == []
    assert [call for call in own if re.search(r"\b(mmap|flock)\(", call)] == []
    written = [
        call
        for call in own
        if re.search(r"O_WRONLY|O_RDWR|O_CREAT|\b(unlink|rename|mkdir|creat)\(", call)
    ]
    assert written == [] and contents(tmp_path / "input") == before
    assert [call for call in own if re.search(r"F_(OFD_)?(SET|GET)LKW?\b", call)] == []
