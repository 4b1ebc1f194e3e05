"""Variables of the environment that nothing reads."""

import datetime

import pytest
from running import run

NOW = datetime.datetime(2021, 9, 2, tzinfo=datetime.UTC)
SECRET = "s3cret-word"


@pytest.fixture
def config(tmp_path):
    """A settings file that names variables of passwords."""
    path = tmp_path / "site.toml"
    path.write_text(
        '[observing_monitor]\noutput_dir = "site"\n[streams.s]\n[[streams.s.sources]]\n'
        'type = "lasair"\nurl = "sqlite:////nowhere/x.db"\npassword_env = "OBSMON_DB"\n'
        '[notify.ops]\ntype = "webhook"\nurl_env = "OBSMON_HOOK"\n'
    )
    return path


def lines_of(capsys, config):
    """Return what `check` says of the environment."""
    run("check", "-c", config, now=NOW)
    out = capsys.readouterr().out
    assert SECRET not in out
    return [line.strip() for line in out.splitlines() if "in the environment" in line]


def test_check_names_unknown_variables(config, capsys, monkeypatch):
    """`check` names unknown variables, never their values."""
    for name in ("OBSMON_OUTPUT_DIRS", "OBSMON_QWX", "OBSMON_NEARNESS"):
        monkeypatch.setenv(name, SECRET)
    assert lines_of(capsys, config) == [
        "OBSMON_NEARNESS in the environment has no effect; no option has this name",
        "OBSMON_OUTPUT_DIRS in the environment has no effect; did you mean OBSMON_OUTPUT_DIR?",
        "OBSMON_QWX in the environment has no effect; no option has this name",
    ]


def test_known_variables_are_not_named(config, capsys, monkeypatch):
    """Nothing is said of variables that something reads."""
    known = ("DB", "HOOK", "LOG", "LOG_BYTES", "VENV", "REQUIRE", "SHARED_DATA", "CHROMIUM")
    for name in known:
        monkeypatch.setenv(f"OBSMON_{name}", SECRET)
    monkeypatch.setenv("OBSMON_NUM_DAYS", "1")
    monkeypatch.setenv("OTHER_OBSMON_X", "1")
    assert lines_of(capsys, config) == []


def test_log_names_unknown_variables(config, tmp_path, monkeypatch, capsys):
    """The log names them; stderr without --verbose does not."""
    monkeypatch.setenv("OBSMON_QWX", SECRET)
    run("publish", "-c", config, "--verbose", now=NOW)
    said = capsys.readouterr().err
    assert "OBSMON_QWX in the environment has no effect" in said and SECRET not in said
    run("publish", "-c", config, now=NOW)
    assert "OBSMON_QWX" not in capsys.readouterr().err
    assert all("OBSMON_QWX" not in path.read_text() for path in (tmp_path / "site").rglob("*.html"))
