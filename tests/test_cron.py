"""The cron script: exit codes, log and silence."""

import datetime
import os
import re
import shutil
import subprocess
import sys

import gen2tree
import pytest
from conftest import CHECKOUT

NAME = "cron_observing_monitor.sh"


def put_command(folder, text):
    """Write a command `observing_monitor` in shell."""
    folder.mkdir(exist_ok=True)
    path = folder / "observing_monitor"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def run(tmp_path, *arguments, **env):
    """Run the script as cron does, with little environment.

    `tmp_path/bin` is in its PATH.
    """
    # a copy, since next to the original there may be a .venv
    script = shutil.copy(CHECKOUT / NAME, tmp_path / NAME)
    kept = {
        "PYTHONPATH": os.environ["PYTHONPATH"],
        "PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin",
        "HOME": str(tmp_path),
    }
    env = (
        kept
        | {"OBSMON_CONFIG": str(tmp_path / "site.toml"), "OBSMON_LOG": str(tmp_path / "site.log")}
        | env
    )
    return subprocess.run(
        [script, *arguments],
        env=env,
        cwd="/",
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.parametrize("code", [0, 1, 2, 75, 137])
def test_exit_code_is_passed_on(tmp_path, code):
    """The exit code is the program's; errors are printed."""
    put_command(tmp_path / "bin", f'echo "got $*"; echo trouble >&2; exit {code}')
    (tmp_path / "site.log").write_text("of an earlier run\n")
    done = run(tmp_path, "--num_days", "3")

    assert done.returncode == code
    log = (tmp_path / "site.log").read_text()
    assert log.startswith("of an earlier run\n")
    assert f"\ngot -c {tmp_path}/site.toml --verbose --num_days 3\ntrouble\n" in log
    assert log.endswith(f" ends: exit {code}\n")
    assert done.stdout == ""
    assert done.stderr == ("" if code in (0, 75) else log.removeprefix("of an earlier run\n"))


def test_log_is_bounded(tmp_path):
    """A log past its limit is renamed."""
    put_command(tmp_path / "bin", "echo 0123456789")
    for _ in range(20):
        assert run(tmp_path, OBSMON_LOG_BYTES="500").returncode == 0
    logs = {path.name: path.stat().st_size for path in tmp_path.glob("site.log*")}
    assert "site.log.1" in logs
    assert set(logs) <= {"site.log", "site.log.1"}
    assert max(logs.values()) < 500 + 400, "a log is at most one run's lines over its limit"


def test_run_that_found_the_lock_leaves_the_log(tmp_path):
    """A run that exits with 75 does not rename the log."""
    put_command(tmp_path / "bin", "exit 75")
    run(tmp_path, OBSMON_LOG_BYTES="1")
    assert [path.name for path in tmp_path.glob("site.log*")] == ["site.log"]


def test_virtual_environment_is_activated(tmp_path):
    """The command is that of OBSMON_VENV."""
    put_command(tmp_path / "bin", "exit 3")
    put_command(tmp_path / "my venv", "exit 0")
    (tmp_path / "my venv" / "bin").mkdir()
    (tmp_path / "my venv" / "bin" / "activate").write_text(f'PATH="{tmp_path}/my venv:$PATH"\n')
    assert run(tmp_path, OBSMON_VENV=str(tmp_path / "my venv")).returncode == 0

    done = run(tmp_path, OBSMON_VENV=str(tmp_path / "nowhere"))
    assert done.returncode == 2
    assert f"{tmp_path}/nowhere" in done.stderr


def test_log_that_cannot_be_written(tmp_path):
    """If the log's folder is missing, nothing runs."""
    put_command(tmp_path / "bin", f"touch {tmp_path}/was_run")
    done = run(tmp_path, OBSMON_LOG=str(tmp_path / "nowhere" / "site.log"))
    assert done.returncode == 2
    assert "nowhere" in done.stderr
    assert not (tmp_path / "was_run").exists()


def test_real_program(tmp_path):
    """The real program makes pages silently."""
    put_command(tmp_path / "bin", f'exec "{sys.executable}" -m observing_monitor "$@"')
    done = run(tmp_path)
    assert done.returncode == 2
    assert f"{tmp_path}/site.toml" in done.stderr

    for night in (datetime.date(2020, 2, 12), datetime.date(2020, 2, 13)):
        gen2tree.make_night(tmp_path / "input", night, {"ingested": 3}, now=gen2tree.later())
    (tmp_path / "site.toml").write_text(
        '[observing_monitor]\noutput_dir = "site"\nlast_day = "2020-02-13"\n\n'
        '[streams.auxTel]\ninput_dir = "input"\ngen = 2\n'
    )
    done = run(tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "site" / "index.html").is_file()
    said = [line for line in (tmp_path / "site.log").read_text().splitlines() if " at=" in line]
    assert len(said) == 1 and re.search(
        r" command=run nights=2 changed=2 pages=\d+ seconds=\S+ problems=0 exit=0$", said[0]
    )
