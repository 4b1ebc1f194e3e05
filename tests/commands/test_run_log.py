"""Each run adds one line to the log."""

import datetime
import fcntl

from gen2tree import later, make_night
from running import run

NIGHT = datetime.date(2020, 2, 12)
NOON = datetime.datetime(2020, 2, 13, 18, tzinfo=datetime.UTC)  # in the night after NIGHT


def settings(folder, more=""):
    """Write a settings file of one stream; return its path."""
    path = folder / "site.toml"
    path.write_text(
        f'[observing_monitor]\noutput_dir = "site"\n{more}\n[streams.latiss]\ninput_dir = "input"\n'
    )
    return path


def logged(path):
    """Return the lines of a log, each as a dict."""
    return [
        dict(word.split("=", 1) for word in line.split()) for line in path.read_text().splitlines()
    ]


def test_one_line_a_run(tmp_path, capfd):
    """Each run adds one line to log_file, and is otherwise silent."""
    make_night(tmp_path / "input", NIGHT, {"ingested": 3}, now=later())
    config, log = settings(tmp_path, 'log_file = "runs.log"'), tmp_path / "runs.log"
    assert run("-c", config, now=NOON) == 0 and run("-c", config, now=NOON) == 0
    assert capfd.readouterr().err == ""
    assert run("publish", "-c", config, "-v", now=NOON) == 0
    assert (
        capfd.readouterr().err.splitlines()[0]
        == f"observing_monitor: {log.read_text().splitlines()[-1]}"
    )
    (tmp_path / "input" / "gen2repo" / "registry.sqlite3").unlink()
    assert run("-c", config, now=NOON) == 1
    with open(tmp_path / "site" / ".lock", "a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert run("-c", config, now=NOON) == 75
    told = logged(log)
    assert [list(line) for line in told] == [
        ["at", "command", "nights", "changed", "pages", "seconds", "problems", "exit"]
    ] * 5
    assert {line["at"] for line in told} == {"2020-02-13T18:00:00Z"} and all(
        float(line["seconds"]) >= 0 for line in told
    )
    facts = [
        tuple(line[name] for name in ("command", "nights", "changed", "pages", "problems", "exit"))
        for line in told
    ]
    n_pages = facts[0][3]
    assert int(n_pages) >= 4
    assert facts[:3] == [
        ("run", "2", "2", n_pages, "0", "0"),
        ("run", "2", "0", "0", "0", "0"),
        ("publish", "0", "0", "0", "0", "0"),
    ]
    assert (
        facts[3][:3] == ("run", "2", "2")
        and facts[3][4:] == ("1", "1")
        and facts[4] == ("run", "0", "0", "0", "0", "75")
    )


def test_a_run_that_ends_before_it_is_done_leaves_its_line(tmp_path, capfd, monkeypatch):
    """A run that cannot write, or is stopped, adds its line as well."""
    make_night(tmp_path / "input", NIGHT, {"ingested": 3}, now=later())
    config, log = settings(tmp_path, 'log_file = "runs.log"'), tmp_path / "runs.log"
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "data").write_text("in the way")
    assert run("-c", config, now=NOON) == 2
    (tmp_path / "site" / "data").unlink()

    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("observing_monitor.commands.site_run.SiteRun.collect", stopped)
    assert run("-c", config, now=NOON) == 130
    told = logged(log)
    assert [(line["command"], line["problems"], line["exit"]) for line in told] == [
        ("run", "1", "2"),
        ("run", "0", "130"),
    ]
    assert len(capfd.readouterr().err.splitlines()) == 2


def test_log_that_cannot_be_written(tmp_path, capfd):
    """A log_file that cannot be written costs a line and exit code 1."""
    make_night(tmp_path / "input", NIGHT, {"ingested": 3}, now=later())
    assert run("-c", settings(tmp_path, 'log_file = "nowhere/runs.log"'), now=NOON) == 1
    error = capfd.readouterr().err
    assert (
        error.count("\n") == 1
        and f"log_file {tmp_path}/nowhere/runs.log: no such file or directory" in error
    )
    assert (tmp_path / "site" / "index.html").exists()
