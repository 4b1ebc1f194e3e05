"""The command `observing_monitor metrics`."""

import json
import os

import pytest
from metric_places import NID, PLACES, make_place
from running import run


@pytest.fixture(params=PLACES)
def where(request, tmp_path):
    """An empty place of each kind."""
    return make_place(request, tmp_path)


def test_command(where, capsys):
    """The command sets, adds, shows and deletes in every kind of place."""
    assert run("metrics", "set", where, "2024-01-04", "today_alert=2000", "min_delay=-0.5") == 0
    assert run("metrics", "add", where, "2559", "today_alert=2000", "itotal_0=1e2") == 0
    assert capsys.readouterr() == ("", "")
    assert run("metrics", "show", where, "20240104", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {
        "today_alert": 4000,
        "min_delay": -0.5,
        "itotal_0": 100,
    }
    assert run("metrics", "show", where, NID) == 0
    assert "today_alert  4000\n" in capsys.readouterr().out
    assert run("metrics", "delete", where, NID) == 0
    assert run("metrics", "show", where, NID) == 0
    out, err = capsys.readouterr()
    assert out == "" and "has no numbers of night 2559 (2024-01-04)" in err


@pytest.mark.parametrize(
    "arguments",
    [
        ("add", "DIR", "2559", "today_alert"),
        ("add", "DIR", "2559", "today_alert=many"),
        ("add", "DIR", "2559", "today_alert=nan"),
        ("add", "DIR", "2559", "a=1", "a=2"),
        ("set", "DIR", "2021-12-1", "a=1"),
        ("set", "DIR/not/there", "2559", "a=1"),
        ("show", "DIR/not", "2559"),
        ("set", "nonsense://x", "2559", "a=1"),
    ],
)
def test_command_used_wrongly(tmp_path, capsys, arguments):
    """A wrong use prints one line to stderr, exits with 2, and writes nothing."""
    assert run("metrics", *(argument.replace("DIR", str(tmp_path)) for argument in arguments)) == 2
    out, err = capsys.readouterr()
    assert (
        out == ""
        and err.startswith("observing_monitor metrics: ")
        and err.count("\n") == 1
        and "Traceback" not in err
    )
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "arguments", [(), ("add",), ("add", "DIR", "2559"), ("frobnicate", "DIR", "2559")]
)
def test_command_incomplete(arguments):
    """Missing or unknown arguments exit with 2."""
    with pytest.raises(SystemExit) as ended:
        run("metrics", *arguments)
    assert ended.value.code == 2


def test_help_teaches(capsys):
    """The help shows each form of WHERE and NIGHT."""
    with pytest.raises(SystemExit):
        run("metrics", "--help")
    out = capsys.readouterr().out
    assert all(
        words in out
        for words in (
            "status_<nid>.json",
            "mysql://",
            "YYYYMMDD",
            "2559 is 2024-01-04",
            "--password_env",
            "exit codes",
        )
    )
    with pytest.raises(SystemExit):
        run("--help")
    assert "metrics --help" in capsys.readouterr().out
