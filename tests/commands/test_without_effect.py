"""Settings without effect are named in three places."""

import datetime
import html
import json

import pytest
from filestore import put
from running import run

NOW = datetime.datetime(2020, 2, 13, 18, tzinfo=datetime.UTC)
DAY = ("--first_day", "2020-02-12", "--last_day", "2020-02-12")

# setting -> what is said of it
OF_SOURCE = {
    r"name_pattern = '_(?P<expid>\d+)'": "nothing is read from its group 'expid'",
    "name_pattern = 'dark'": "has no named group",
    r"name_pattern = 'flat_(?P<seq_num>\d+)'": "fits none of 2 names",
    'skip = ["*"]': "skip * leaves out 2 files, which is all",
    'transfer_log = "rsync.log"': 'set transfer_log_prefix = "storage/"',
}
OF_STREAM = {'ignore = ["dark_*"]': "ignore dark_* fits 2 files, which is all"}
WITH_EFFECT = [
    r"name_pattern = '_(?P<seq_num>\d+)'",
    'skip = ["*_1.fits"]',
    'transfer_log = "rsync.log"\ntransfer_log_prefix = "storage"',
]


@pytest.fixture
def site(tmp_path):
    """A function that writes a settings file for a store with two files."""
    for number in (1, 2):
        put(tmp_path / f"in/storage/2020-02-12/dark_{number}.fits")
    line = "2020/02/13 04:00:00 [1] >f+++++++++ storage/2020-02-12/dark_{}.fits\n"
    (tmp_path / "in/rsync.log").write_text(line.format(1) + line.format(2))

    def write(of_source="", of_stream=""):
        (tmp_path / "site.toml").write_text(
            f'[observing_monitor]\noutput_dir = "site"\n[streams.cam]\n{of_stream}\n'
            '[[streams.cam.sources]]\ntype = "files"\npath = "in/storage"\n'
            f"{of_source}\n"
        )
        return tmp_path / "site.toml"

    return write


def findings(tmp_path):
    """Return the texts of the night's warnings."""
    night = json.loads((tmp_path / "site/cam/2020-02-12.json").read_text())
    return [one["text"] for one in night["findings"] if one["level"] == "warning"]


@pytest.mark.parametrize("setting", [*OF_SOURCE, *OF_STREAM])
def test_setting_without_effect(site, tmp_path, capsys, setting):
    """`check`, findings and log name it until it is corrected."""
    words = {**OF_SOURCE, **OF_STREAM}[setting]
    config = site(setting) if setting in OF_SOURCE else site("", setting)
    run("check", "-c", config, now=NOW)
    assert words in capsys.readouterr().out
    for more in ((), ("--verbose",)):
        assert run("-c", config, *DAY, *more, now=NOW) == 0
        assert sum(words in text for text in findings(tmp_path)) == 1
        assert words in html.unescape((tmp_path / "site/cam/2020-02-12.html").read_text())
        said = capsys.readouterr().err
        # cron mails what is on stderr; with --verbose it is the log
        assert (words in said) == (bool(more) and setting in OF_SOURCE)
    assert run("-c", site(), *DAY, now=NOW) == 0
    assert not any(words in text for text in findings(tmp_path))


@pytest.mark.parametrize("setting", WITH_EFFECT)
def test_setting_with_effect(site, tmp_path, capsys, setting):
    """A setting that has an effect on one file at least is no finding."""
    config = site(setting, 'ignore = ["flat_*"]')
    run("-c", config, *DAY, now=NOW)
    run("check", "-c", config, now=NOW)
    assert findings(tmp_path) == [] and "odd" not in capsys.readouterr().out.replace("0 odd", "")


def test_old_group_is_read_and_check_warns(site, capsys):
    """The old name of a group is odd for `check`, and no finding."""
    config = site(r"name_pattern = '_(?P<seq>\d+)'")
    assert run("check", "-c", config, now=NOW) == 0
    out = capsys.readouterr().out
    assert "  odd    files" in out and "'seq' is now called 'seq_num'" in out
    assert run("-c", config, *DAY, now=NOW) == 0
    assert findings(config.parent) == []
