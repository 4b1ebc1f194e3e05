"""Commands are told of a change of status once."""

import os

import pytest
from gen2tree import make_night
from notified import HOUR, NIGHT, NotifySite, command, script, told
from running import start


@pytest.fixture
def site(tmp_path):
    """The site of a stream that becomes an error."""
    return NotifySite(tmp_path)


def test_command_is_told_of_changes_alone(site, tmp_path):
    """A command gets each change once, in its environment and as JSON.

    It gets nothing while the status stays. No shell reads its arguments.
    """
    site.write(f"[notify.desk]\n{command(tmp_path / 'desk')}")
    assert [site.run(), site.run(0.1)] == [0, 0]
    assert told(tmp_path / "desk") == []  # what was never told of counts as normal
    assert [site.run(2), site.run(2.1), site.run(3)] == [0, 0, 0]
    (change,) = told(tmp_path / "desk")
    at = f"{site.now + 2 * HOUR:%Y-%m-%dT%H:%M:%SZ}"
    assert change == {
        "site": "Observing monitor",
        "stream": "latiss",
        "title": "latiss",
        "status": "error",
        "was": "normal",
        "info": change["info"],
        "since": at,
        "night": "2020-02-12",
        "url": "https://example.org/n/latiss/index.html",
        "told_at": at,
        "text": f"Observing monitor, latiss: error (was normal): {change['info']} {change['url']}",
    }
    assert "3 files never tried" in change["info"]
    variables = dict(
        line.split("=", 1) for line in (tmp_path / "desk.env").read_text().splitlines()
    )
    assert variables == {
        f"OBSERVING_MONITOR_{name.upper()}": value for name, value in change.items()
    }
    assert (tmp_path / "desk.argument").read_text() == f"$(touch {tmp_path}/desk.shell)" and not (
        tmp_path / "desk.shell"
    ).exists()
    for file in site.made.of("pending"):
        file.path.unlink()  # gone: a warning
    assert site.run(3.1) == 0
    assert [(change["was"], change["status"]) for change in told(tmp_path / "desk")] == [
        ("normal", "error"),
        ("error", "warning"),
    ]


def test_who_is_told_of_what(site, tmp_path):
    """`when` chooses levels, `of` streams or the site."""
    tables = [
        f"[notify.all]\n{command(tmp_path / 'all')}",
        "[notify.site]\n" + command(tmp_path / "site_alone", 'of = "site"'),
        "[notify.warned]\n" + command(tmp_path / "warned", 'when = ["warning"]'),
        f"[streams.latiss.notify.own]\n{command(tmp_path / 'own')}",
        '[streams.second]\ninput_dir = "second"\n'
        f"[streams.second.notify.own]\n{command(tmp_path / 'second_own')}",
    ]
    make_night(tmp_path / "second", NIGHT, {"ingested": 2, "small": 1}, now=site.now)
    site.write("\n".join(tables))
    assert site.run(2) == 0
    heard = {
        name: [(c["stream"], c["status"]) for c in told(tmp_path / name)]
        for name in ("all", "site_alone", "warned", "own", "second_own")
    }
    assert heard == {
        "all": [("latiss", "error"), ("second", "warning")],
        "site_alone": [("", "error")],
        "warned": [("second", "warning")],
        "own": [("latiss", "error")],
        "second_own": [("second", "warning")],
    }


def test_one_that_fails_is_told_by_the_next_run(site, tmp_path, capfd):
    """A receiver that fails costs one line, and no other receiver."""
    broken = script(
        tmp_path / "broken",
        f'test -e "{tmp_path}/mended" && exec cat >"{tmp_path}/broken.told"\n'
        "echo no paper >&2\nexit 3",
    )
    site.write(
        f'[notify.broken]\ntype = "command"\ncommand = [{broken}]\n'
        f"[notify.desk]\n{command(tmp_path / 'desk')}"
    )
    assert site.run(2) == 1
    failed = f"notify broken: {tmp_path}/broken ended with exit code 3: no paper"
    line = f"observing_monitor: {failed}; the next run tries again\n"
    assert capfd.readouterr().err == line
    assert (
        len(told(tmp_path / "desk")) == 1
        and "never tried" in (site.folder / "latiss" / "2020-02-12.html").read_text()
    )
    (tmp_path / "mended").touch()
    assert [site.run(2.1), site.run(2.2)] == [0, 0]
    assert len(told(tmp_path / "broken")) == len(told(tmp_path / "desk")) == 1


def test_a_run_killed_while_telling_tells_again(site, tmp_path):
    """A run killed before it noted a delivery is followed by another."""
    tell = script(
        tmp_path / "tell",
        f'cat >>"{tmp_path}/tell.told"\ntest -e "{tmp_path}/let" || kill -9 $PPID',
    )
    site.write(f'[notify.desk]\ntype = "command"\ncommand = [{tell}]')
    killed = start("-c", tmp_path / "site.toml", now=site.now + 2 * HOUR)
    killed.communicate()
    assert killed.returncode == -9 and len(told(tmp_path / "tell")) == 1
    (tmp_path / "let").touch()
    assert [site.run(2.1), site.run(2.2)] == [0, 0]
    assert [change["status"] for change in told(tmp_path / "tell")] == ["error", "error"]


def test_rebuild_tells_nothing(site, tmp_path):
    """A rebuild tells nobody; the next run tells the change, once."""
    site.write(f"[notify.desk]\n{command(tmp_path / 'desk')}")
    assert site.run(2, "rebuild") == 0 and told(tmp_path / "desk") == []
    assert [site.run(2.1), site.run(2.2)] == [0, 0]
    assert len(told(tmp_path / "desk")) == 1


def test_environment_of_a_command(site, tmp_path):
    """A command gets no variables that the run set for itself."""
    tell = script(tmp_path / "tell", f'env -0 >"{tmp_path}/environment"')
    site.write(f'[notify.desk]\ntype = "command"\ncommand = [{tell}]')
    ours = ("OPENBLAS_NUM_THREADS", "ARROW_DEFAULT_MEMORY_POOL", "OMP_NUM_THREADS")
    given = {name: value for name, value in os.environ.items() if name not in ours}
    # the user's own value, which is also what a run sets
    given |= {"OPENBLAS_NUM_THREADS": "1", "PYTHONUTF8": "0"}
    process = start("-c", site.settings, now=site.now + 2 * HOUR, env=given)
    assert process.communicate() == ("", "") and process.returncode == 0
    lines = (tmp_path / "environment").read_bytes().decode().split("\0")
    variables = dict(line.split("=", 1) for line in lines if line)
    own = {name for name in variables if name.startswith("OBSERVING_MONITOR_")}
    of_shell = {"PWD", "OLDPWD", "SHLVL", "_"}
    assert own
    assert {n: v for n, v in variables.items() if n not in own | of_shell} == {
        n: v for n, v in given.items() if n not in of_shell
    }


def test_told_file_that_is_damaged(site, tmp_path):
    """If the record is damaged, a change is told again."""
    site.write(f"[notify.desk]\n{command(tmp_path / 'desk')}")
    assert site.run(2) == 0
    (site.folder / "data" / "told.json").write_text('{"receivers": {"desk": {"lat')
    assert [site.run(2.1), site.run(2.2)] == [0, 0]
    assert len(told(tmp_path / "desk")) == 2


def test_trying_out(site, tmp_path, capsys):
    """`notify` sends every receiver a message, and writes nothing."""
    site.write(
        f"[notify.desk]\n{command(tmp_path / 'desk')}\n"
        f'[notify.gone]\ntype = "command"\ncommand = ["{tmp_path}/nothing"]'
    )
    assert site.run(2, "notify") == 1
    said = capsys.readouterr().out.splitlines()
    assert said == [
        "  ok     desk: told",
        f"  FAILED gone: {tmp_path}/nothing can't be run (no such file or directory)",
    ]
    assert "nothing has changed" in told(tmp_path / "desk")[0]["text"] and not site.folder.exists()
