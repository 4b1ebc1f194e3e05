"""The command works however it is started."""

import datetime
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import need
from gen2tree import later, make_night
from running import contents, counts, nights, run, start

NIGHT = datetime.date(2020, 2, 12)
DAYS = ("--first_day", NIGHT, "--last_day", NIGHT)
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}  # as Python was before 3.7


@pytest.fixture
def made(tmp_path):
    """A night with file names that are not ASCII; its clock."""
    now = later()
    make_night(tmp_path / "input", NIGHT, {"ingested": 2}, now=now)
    folder = os.fsencode(tmp_path / "input" / "storage" / NIGHT.isoformat())
    for name in ("Grüße.txt".encode(), b"odd\xff.txt"):
        with open(folder + b"/" + name, "wb") as file:
            file.write(b"x")
    return now


def command(folder, *arguments, shell="", **options):
    """Run the real command; return its code and output.

    `shell` is a script that runs it as "$@".
    """
    words = [sys.executable, "-m", "observing_monitor", *map(str, arguments)]
    if shell:
        words = ["/bin/sh", "-c", shell, "sh", *words]
    done = subprocess.run(
        words, cwd=folder, capture_output=True, timeout=100, check=False, **options
    )
    return (
        done.returncode,
        done.stdout.decode(errors="replace"),
        done.stderr.decode(errors="replace"),
    )


@pytest.mark.parametrize(
    ("environment", "shell", "switches"),
    [
        (ASCII, "", ()),
        (
            {"TZ": "Asia/Kolkata", "TMPDIR": "/nowhere", "HOME": "/proc"},
            'umask 077; exec "$@"',
            ("-OO", "-W", "error"),
        ),
        (None, "", ()),
        ({}, 'exec "$@" <&- >&- 2>&-', ()),
        ({}, 'exec "$@" 2>&-', ()),
    ],
    ids=["ascii", "kolkata", "no environment", "all closed", "stderr closed"],
)
def test_whatever_surrounds_it(made, tmp_path, environment, shell, switches, pytestconfig):
    """No byte of the output depends on the surroundings."""
    given = ("--input_dir", "input", "--output_dir")
    whole = start(*given, "site", *DAYS, now=made, cwd=tmp_path)
    assert whole.communicate()[1] == "" and whole.returncode == 0
    clock = f"datetime.datetime.fromisoformat({made.isoformat()!r})"
    code = f"""
import datetime, sys
from observing_monitor import cli
from observing_monitor.commands.surroundings import suit_surroundings
suit_surroundings()
sys.exit(cli.main(sys.argv[1:], {clock}))
"""
    borne = [
        word for told in pytestconfig.getoption("pythonwarnings") or () for word in ("-W", told)
    ]  # of old packages, say
    words = [sys.executable, *switches, *borne, "-c", code, *map(str, (*given, "odd", *DAYS))]
    words = ["/bin/sh", "-c", shell, "sh", *words] if shell else words
    path = {"PYTHONPATH": os.environ["PYTHONPATH"]}
    done = subprocess.run(
        words,
        cwd=tmp_path,
        env=path if environment is None else os.environ | environment,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert contents(tmp_path / "odd") == contents(tmp_path / "site")


@pytest.mark.parametrize(
    "environment", [ASCII, ASCII | {"PYTHONIOENCODING": "ascii"}], ids=["locale", "streams"]
)
def test_what_is_printed_where_there_is_only_ascii(made, tmp_path, environment):
    """`--help` and `check` print everything in any locale."""
    environment = os.environ | environment
    minus = "\\u2212" if "PYTHONIOENCODING" in environment else "−"
    code, told, error = command(tmp_path, "--help", env=environment)
    assert (code, error) == (0, "") and f"with the default, UTC{minus}12 h, nights run" in told
    code, told, error = command(
        tmp_path, "check", "--input_dir", "input", "--output_dir", "site", *DAYS, env=environment
    )
    assert " files at " in told and f"UTC{minus}12h" in told and error == ""


ANSWERS = [
    ("check", "--input_dir", "input", *DAYS),
    ("prune", "--input_dir", "input", "--output_dir", "site"),
    (
        "import-prototype",
        "--input_dir",
        "input",
        "--output_dir",
        "site",
        "--database",
        "old.sqlite3",
    ),
    ("notify", "-c", "site.toml"),
    ("metrics", "show", "numbers", "2020-02-12"),
    ("--help",),
    ("--version",),
    ("metrics", "--help"),
]


@pytest.fixture(params=["", "1"], ids=["buffered", "unbuffered"])
def environment(request, made, tmp_path):
    """An environment with and without buffering of what is printed."""
    run("metrics", "add", tmp_path / "numbers", "2020-02-12", "seeing=0.7", "--create")
    (tmp_path / "site.toml").write_text(
        '[streams.a]\ninput_dir = "input"\n[notify.desk]\ntype = "command"\ncommand = '
        '["/bin/true"]\n'
    )
    with sqlite3.connect(tmp_path / "old.sqlite3") as old:
        old.execute("create table FILE_COUNT (Nite_Obs text, N_Files int)")
    return os.environ | {"PYTHONUNBUFFERED": request.param}


def test_who_reads_no_further(environment, tmp_path):
    """A command whose output nobody reads any more ends in silence."""
    for answer in ANSWERS:
        code, told, error = command(
            tmp_path, *answer, shell='("$@"; echo $? >code) | true', env=environment
        )
        assert (told, error, (tmp_path / "code").read_text()) in [
            ("", "", "0\n"),
            ("", "", "1\n"),
        ], answer


def test_answer_that_does_not_fit_on_the_disk(environment, tmp_path):
    """An answer that does not fit on the disk is one line."""
    need(Path("/dev/full").is_char_device(), "there is no /dev/full")
    words = (
        "observing_monitor: the answer can't be printed: no space left on device; send it "
        "where there is room\n"
    )
    for answer in ANSWERS:
        told = command(tmp_path, *answer, shell='"$@" >/dev/full', env=environment)
        assert (told[0], told[2].replace("observing_monitor metrics:", "observing_monitor:")) == (
            2,
            words,
        ), answer


def test_started_in_a_folder_that_is_gone(made, tmp_path):
    """In a removed folder, absolute paths work, others are refused."""
    gone = 'mkdir gone; cd gone; rmdir ../gone; exec "$@"'
    whole = ("--input_dir", tmp_path / "input", "--output_dir", tmp_path / "site", *DAYS)
    assert command(tmp_path, *whole, shell=gone) == (0, "", "")
    code, told, error = command(
        tmp_path, "--input_dir", tmp_path / "input", "--output_dir", "site", *DAYS, shell=gone
    )
    words = "the folder that this was started in is no longer there; go to another"
    assert code == 2 and error == f"observing_monitor: {words}\n"


def test_data_on_another_disk(made, tmp_path):
    """`data` in the output may be a link to another disk."""
    other = Path("/dev/shm")
    need(
        other.is_dir()
        and os.access(other, os.W_OK)
        and other.stat().st_dev != tmp_path.stat().st_dev,
        "there is no second disk",
    )
    other = other / f"obsmon-{os.getpid()}"
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "data").symlink_to(other)
    other.mkdir()
    try:
        given = ("--input_dir", tmp_path / "input", "--output_dir", tmp_path / "site", *DAYS)
        assert run(*given, now=made) == 0 and run(*given, "--full", now=made) == 0
        assert counts(nights(tmp_path / "site")["2020-02-12"]) == {"ingested": 2, "not_fits": 2}
        assert (other / "stream=input" / "night=2020-02-12" / "files.parquet").exists()
        assert [
            path.name
            for path in (*other.glob(".unfinished/*"), *tmp_path.glob("site/.unfinished/*"))
        ] == []
    finally:
        subprocess.run(["rm", "-r", other], check=True)


@pytest.mark.parametrize(
    "option",
    ["output_dir", "store_dir", "input_dir", "log_file", "prometheus_file", "known_issues"],
)
def test_empty_paths(made, tmp_path, option, monkeypatch, capfd):
    """An empty path, such as an unset `$OUT`, is refused."""
    monkeypatch.chdir(tmp_path)
    before = sorted(os.walk(tmp_path))
    options = {"input_dir": "input", "output_dir": "site", option: ""}
    with pytest.raises(SystemExit, match="2"):
        run(*(f"--{name}={value}" for name, value in options.items()), now=made)
    assert (
        f"observing_monitor: --{option}" in (error := capfd.readouterr().err)
        and "is empty; name a file or a folder" in error
    )
    own = f'{option} = ""' if option != "input_dir" else ""
    place = "" if option == "output_dir" else 'output_dir = "site"'
    text = (
        f"[observing_monitor]\n{place}\n{own}\n[streams.s]\ninput_dir = "
        f'"{"" if option == "input_dir" else "input"}"\n'
    )
    (tmp_path / "site.toml").write_text(text)
    assert run("-c", "site.toml", now=made) == 2
    assert "is empty; name a file or a folder" in capfd.readouterr().err
    (tmp_path / "site.toml").unlink()
    assert sorted(os.walk(tmp_path)) == before


def test_settings_of_other_editors(made, tmp_path, capfd):
    """A settings file may have a byte order mark and Windows lines."""
    text = (
        '[observing_monitor]\noutput_dir = "site"\n[streams.s]\ntitle = "Grüße"\ninput_dir = '
        '"input"\n'
    )
    (tmp_path / "site.toml").write_bytes(text.replace("\n", "\r\n").encode("utf-8-sig"))
    assert run("-c", tmp_path / "site.toml", *DAYS, now=made) == 0
    assert "Grüße" in (tmp_path / "site" / "index.html").read_text()
    (tmp_path / "site.toml").write_bytes(text.encode("latin-1"))
    assert run("-c", tmp_path / "site.toml", *DAYS, now=made) == 2
    assert (
        f"{tmp_path}/site.toml: is not UTF-8 (byte 63); save it as UTF-8 in your editor"
        in capfd.readouterr().err
    )
