"""Receivers of changes are described by settings, which are checked."""

import re

import pytest
from conftest import CHECKOUT
from running import run

from observing_monitor.settings import read
from observing_monitor.settings.receivers import receivers_of_file

MAIL = 'type = "mail"\nto = ["a@b"]\nsender = "c@d"\n'


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        (
            '[notify.x]\ntype = "pager"',
            "[notify.x] the type of a receiver is 'pager'; it is one of command, mail, webhook",
        ),
        ("[notify.x]", "[notify.x] the type of a receiver is None"),
        ('[notify.x]\ntype = "command"\ncommand = []', "[notify.x] command names no program"),
        (
            '[notify.x]\ntype = "command"\ncommand = "rm -rf x"',
            '[notify.x] command: a list of texts, such as ["/usr/local/bin/tell", "--urgent"]',
        ),
        (
            '[notify.x]\ntype = "command"\ncomand = ["a"]',
            "[notify.x] unknown key 'comand'; did you mean 'command'?",
        ),
        (
            '[notify.x]\ntype = "webhook"',
            "[notify.x] url is missing; set one of url, url_env, url_file",
        ),
        (
            '[notify.x]\ntype = "webhook"\nurl = "file:///etc/passwd"',
            "[notify.x] url is no address",
        ),
        (
            '[notify.x]\ntype = "webhook"\nurl = "https://me:pass@host/x"',
            "without user or password",
        ),
        (
            '[notify.x]\ntype = "webhook"\nurl = "https://a/"\nurl_env = "A"',
            "[notify.x] url and url_env set the same thing",
        ),
        (
            '[notify.x]\ntype = "mail"\nto = ["a b"]\nsender = "c@d"',
            "[notify.x] to: 'a b' is no mail address",
        ),
        (
            f'[notify.x]\n{MAIL}server = "h"\nuser = "u"',
            "[notify.x] a user and a password belong together",
        ),
        (
            f'[notify.x]\n{MAIL}server = "h"\nuser = "u"\npassword_env = "P"',
            "[notify.x] the password would be sent unencrypted",
        ),
        (
            f'[notify.x]\n{MAIL}when = ["bad"]',
            "[notify.x] when: 'bad' is no status; they are normal, warning, error",
        ),
        (f"[notify.x]\n{MAIL}when = []", "[notify.x] when is empty"),
        (f"[notify.x]\n{MAIL}timeout_s = 0", "[notify.x] timeout_s: 0 is no time limit"),
        (
            f'[streams.latiss.notify.x]\n{MAIL}of = "site"',
            "[streams.latiss.notify.x] of: a stream's receiver",
        ),
        ("[streams.latiss.notify]\nx = 1", "write [streams.latiss.notify.NAME]"),
    ],
)
def test_wrong_settings(tmp_path, capfd, tables, said):
    """A wrong receiver is refused with its file, table and key."""
    settings = '[observing_monitor]\noutput_dir = "site"\n[streams.latiss]\ninput_dir = "input"\n'
    (tmp_path / "site.toml").write_text(settings + tables)
    assert run("-c", tmp_path / "site.toml") == 2
    line = capfd.readouterr().err
    assert f"{tmp_path}/site.toml: " in line and said in line and line.count("\n") == 1
    assert not (tmp_path / "site").exists()


@pytest.mark.parametrize(
    "path", ["docs/notifications.md", "docs/known_issues.md", "examples/notify.toml"]
)
def test_examples(tmp_path, path):
    """The settings that the documentation shows are understood."""
    text = (CHECKOUT / path).read_text()
    for number, tables in enumerate(re.findall(r"```toml\n(.*?)```", text, re.DOTALL) or [text]):
        settings = tmp_path / f"{number}.toml"
        settings.write_text(tables)
        receivers = receivers_of_file(settings)
        assert len(receivers) == tables.count("[notify.") + tables.count(".notify.")
        if "input_dir" in tables:
            assert read.streams_of_file(settings)
