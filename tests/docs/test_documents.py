"""The documents are true: links, settings, commands and the lines to type."""

import datetime
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from conftest import CHECKOUT
from gen2tree import make_night, small_hours
from pages import DOCS, OPERATIONS, PAGES, README, blocks, name_of
from running import nights, run

from observing_monitor.model.nights import ONE_DAY, nid_of
from observing_monitor.settings import read, receivers

COMMAND = re.compile(r"^observing_monitor (.*)$", re.M)
CODE = (".py", ".toml", ".yaml", ".html", ".js")
PAGE_NAME = re.compile(r"\bdocs/[\w/]+\.md\b")
A_SOURCE = "type = 'files'\npath = 'x'\n"
HELP = subprocess.run(
    [sys.executable, "-m", "observing_monitor", "--help"], capture_output=True, text=True
).stdout


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links(page):
    """Every relative link leads to a file."""
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" not in target and not target.startswith("#"):
            assert (page.parent / target.partition("#")[0]).exists(), target


def test_readme_leads_to_every_page():
    """README or the overview of sources links each page of docs/."""
    text = README.read_text() + (DOCS / "sources/index.md").read_text()
    own = {"index.md", "examples.md", "benchmarks.md", "changelog.md", "security.md", "mapping.md"}
    names = {page.name for page in DOCS.glob("**/*.md")} - own
    assert not [name for name in sorted(names) if f"{name})" not in text]


def test_pages_that_code_names():
    """Each page that code, examples and scripts name exists."""
    files = [CHECKOUT / "Makefile", CHECKOUT / "cron_observing_monitor.sh"]
    for folder in ("observing_monitor", "examples", "benchmarks", "templates"):
        files += [path for path in (CHECKOUT / folder).rglob("*.*") if path.suffix in CODE]
    named = {name for file in files for name in PAGE_NAME.findall(file.read_text())}
    assert len(named) > 10
    assert not [name for name in sorted(named) if not (CHECKOUT / name).exists()]


def test_readme_is_short():
    """The README has at most 900 words, and two pictures."""
    text = README.read_text()
    assert len(text.split()) <= 900
    assert len(re.findall(r"<img ", text)) == 2


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_toml_and_shell_can_be_read(page):
    """Every TOML block is TOML, every shell block a script."""
    for block in blocks(page, "toml"):
        tomllib.loads(block)
    for block in [*blocks(page, "sh"), *blocks(page, "console")]:
        done = subprocess.run(["sh", "-n"], input=block, capture_output=True, text=True)
        assert done.stderr == ""


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_settings_are_understood(page, tmp_path):
    """The program reads every TOML block of settings."""
    for number, block in enumerate(blocks(page, "toml")):
        tables = tomllib.loads(block)
        if not {"streams", "observing_monitor", "notify", "storage"} & set(tables):
            continue  # part of a source's table, or a file of a package
        streams = tables.get("streams") or {"x": {}}
        bare = [name for name, of in streams.items() if not {"input_dir", "sources"} & set(of)]
        block += "".join(f"\n[[streams.{name}.sources]]\n{A_SOURCE}" for name in bare)
        settings = tmp_path / f"{number}.toml"
        settings.write_text(block)
        receivers.receivers_of_file(settings)
        assert not [key for key in tables.get("observing_monitor", {}) if f"--{key}" not in HELP]
        if 'type = "clouds"' not in block:  # the kind of the worked example's own package
            assert len(read.streams_of_file(settings)) == len(streams)


def test_folder_of_fits_files(tmp_path, capsys):
    """The README's six lines make pages of a plain folder."""
    block = blocks(README, "toml")[0]
    assert len(block.splitlines()) == 6
    (tmp_path / "site.toml").write_text(block.replace("/data/camera", str(tmp_path / "camera")))
    taken = {
        "a.fits": datetime.datetime(2026, 2, 20, 3, tzinfo=datetime.UTC),
        "20260301/b.fits": datetime.datetime(2026, 3, 2, 3, tzinfo=datetime.UTC),
        "raw/2026-03-02/c.fits": datetime.datetime(2026, 3, 2, 20, tzinfo=datetime.UTC),
        "d.fits": datetime.datetime(2026, 3, 2, 21, tzinfo=datetime.UTC),
    }
    for name, at in taken.items():
        path = tmp_path / "camera" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        fits.PrimaryHDU(np.zeros((100, 100), "float32")).writeto(path)
        os.utime(path, (at.timestamp(),) * 2)

    commands = [line.split()[1:] for line in blocks(README, "sh")[1].splitlines()]
    for command in commands:
        arguments = [str(tmp_path / word) if word == "site.toml" else word for word in command]
        assert run(*arguments, now=max(taken.values())) == 0
    assert "0 failed, 0 odd" in capsys.readouterr().out
    made = nights(tmp_path / "site/camera")
    counted = {night: of["n_files"] for night, of in made.items() if of["n_files"]}
    assert counted == {"2026-02-19": 1, "2026-03-01": 1, "2026-03-02": 2}
    assert (tmp_path / "site/index.html").is_file()


def test_gen2_repository(tmp_path):
    """The README's Gen2 settings make pages, and so do its flags."""
    now = small_hours()
    night = (now - ONE_DAY).date()
    make_night(tmp_path / "auxTel", night, {"ingested": 3}, now=now)
    block = blocks(README, "toml")[1].replace("/data", str(tmp_path))
    (tmp_path / "site.toml").write_text(block)
    assert run("-c", tmp_path / "site.toml", now=now) == 0
    assert nights(tmp_path / "site/auxTel")[str(night)]["n_ingested"] == 3

    (line,) = re.findall(r"^    observing_monitor (--input_dir .*)$", README.read_text(), re.M)
    words = line.replace("/data", str(tmp_path)).replace("site", str(tmp_path / "flags")).split()
    assert run(*words, now=now) == 0
    assert nights(tmp_path / "flags")[str(night)]["n_ingested"] == 3


def test_settings_of_the_tutorial(tmp_path, capsys):
    """The tutorial's settings make pages, and check finds nothing odd."""
    now = small_hours()
    night = (now - ONE_DAY).date()
    make_night(tmp_path / "auxTel", night, {"ingested": 3}, now=now)
    for folder in ("lasair", "weather"):
        (tmp_path / folder).mkdir()
    (tmp_path / "lasair" / f"status_{nid_of(now.date())}.json").write_text(
        '{"today_lsst": 7, "today_alert": 7}'
    )
    (tmp_path / "weather" / f"{night:%Y%m%d}.csv").write_text(
        f"time,fwhm\n{now:%Y-%m-%dT%H:%M:%SZ},0.8\n"
    )
    (tmp_path / "site.toml").write_text(blocks(DOCS / "tutorial.md", "toml")[1])
    assert run("check", "-c", tmp_path / "site.toml", now=now) == 0
    assert "0 failed, 0 odd" in capsys.readouterr().out
    assert run("-c", tmp_path / "site.toml", now=now) == 0
    pages = {name: nights(tmp_path / "site" / name) for name in ("auxTel", "lasair", "weather")}
    assert pages["auxTel"][str(night)]["n_ingested"] == 3
    assert pages["weather"][str(night)]["seeing"] == 0.8
    assert pages["lasair"][str(now.date())]["today_alert"] == 7


def test_settings_of_operations(tmp_path):
    """Both streams of the service's settings file are read."""
    (tmp_path / "site.toml").write_text(blocks(OPERATIONS, "toml")[0])
    streams = read.streams_of_file(tmp_path / "site.toml")
    assert [stream.name for stream in streams] == ["auxTel", "archive"]


def crontab_of(page):
    """A crontab's variables, its five times, and its command."""
    (block,) = blocks(page, "crontab")
    *assignments, line = block.splitlines()
    words = shlex.split(line)
    return dict(text.split("=", 1) for text in assignments), words[:5], words[5:]


@pytest.mark.parametrize("page", [README, OPERATIONS], ids=name_of)
def test_crontab(page, tmp_path):
    """A crontab works with no other environment than its own."""
    variables, times, command = crontab_of(page)
    assert all(re.fullmatch(r"[\d*/,-]+", field) for field in times)
    script = CHECKOUT / Path(command[-1]).name
    assert os.access(script, os.X_OK)
    variables |= dict(word.split("=", 1) for word in command[:-1])
    known = script.read_text()
    assert all(f"${{{name}" in known for name in variables if name != "MAILTO")

    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/activate").write_text(f'PATH="{tmp_path}/bin:$PATH"\n')
    (tmp_path / "bin/observing_monitor").write_text(
        f'#!/bin/sh\nPYTHONPATH="{CHECKOUT}" exec "{sys.executable}" -m observing_monitor "$@"\n'
    )
    (tmp_path / "bin/observing_monitor").chmod(0o755)
    (tmp_path / "camera").mkdir()
    (tmp_path / "camera/a.fits").write_bytes(b"SIMPLE")
    (tmp_path / "site.toml").write_text(blocks(README, "toml")[0].replace("/data/", ""))
    here = {"OBSMON_VENV": ".", "OBSMON_CONFIG": "site.toml", "OBSMON_LOG": "site.log"}
    environment = {name: str(tmp_path / here[name]) for name in variables if name in here}
    assert set(environment) == set(here)
    environment |= {"PATH": "/usr/bin:/bin", "HOME": "/"}
    done = subprocess.run(
        [script], env=environment, cwd="/", capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    assert (tmp_path / "site/index.html").is_file()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands(page):
    """Every option and command that a page gives to observing_monitor exists."""
    text = page.read_text()
    used = re.findall(r"^(?:    |.*bin/)observing_monitor (.*)$", text, re.M)
    used += [line for block in blocks(page, "sh") for line in COMMAND.findall(block)]
    used += re.findall(r"`observing_monitor ([^`]+)`", text)
    if page.name == "CHANGELOG.md":
        used += re.findall(r"`(--\w+[^`]*)`", text)
    for line in used:
        words = line.partition("#")[0].split()
        command = words[0] if words and words[0].isidentifier() else ""
        if command == "metrics":
            continue
        options = {word.partition("=")[0] for word in words if re.fullmatch(r"--[a-z_]+\S*", word)}
        assert not [option for option in options if option not in HELP], line
        assert not command or command in HELP, line


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_words_to_avoid(page):
    """No page names a folder of a developer, or a host that is not an example."""
    text = page.read_text()
    assert not re.findall(r"/(?:work|root|home|tmp/[a-z]+)/\S*", text)
    hosts = set(re.findall(r"\b(?:https?|postgresql|mysql)://(?:\w+@)?([\w.-]+)", text))
    meant = ("example.org", "localhost", "dbhost", "host", "etcdv3service")
    cited = ("github.com", "mutmut.readthedocs.io", "docs.astral.sh")
    assert not {host for host in hosts if not host.endswith(meant) and host not in cited}
