"""What the docs tell people to type works: settings, units, web servers, commands, links, and the worked example of a source."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from conftest import CHECKOUT, need
from gen2tree import make_night, small_hours
from running import nights, run

from observing_monitor.model.nights import ONE_DAY, nid_of
from observing_monitor.settings import read

GUIDE = CHECKOUT / "docs/operators_guide.md"
SOURCE = CHECKOUT / "docs/writing_a_source.md"
PAGES = sorted(
    [
        CHECKOUT / "README.md",
        *CHECKOUT.glob("docs/**/*.md"),
        *CHECKOUT.glob("examples/**/*.md"),
        CHECKOUT / "benchmarks/README.md",
    ]
)
STRICT = re.search(r'Content-Security-Policy "([^"]+)"', GUIDE.read_text())[1]
SBIN = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])


def blocks(page, language):
    """The code blocks of a language in a page."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


def named(page, language, name):
    """The one code block whose first line says that it is this file."""
    (found,) = [
        block
        for block in blocks(page, language)
        if block.splitlines()[0].partition(";")[0].endswith(name)
    ]
    return found


def program(name, package):
    found = shutil.which(name, path=SBIN)
    need(found, f"there is no {name} (Debian's package {package})")
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_links(page):
    """Every relative link of the docs leads to a file, and to a heading where it names one."""
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" not in target and not target.startswith("#"):
            assert (page.parent / target.partition("#")[0]).exists(), target


def test_readme_leads_to_every_page():
    """Each page of docs/ is linked from the README."""
    text = (CHECKOUT / "README.md").read_text()
    lacking = [page.name for page in CHECKOUT.glob("docs/*.md") if f"docs/{page.name}" not in text]
    assert not lacking


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_toml_and_shell_can_be_read(page):
    """Every TOML block is TOML, every shell block a script."""
    for block in blocks(page, "toml"):
        tomllib.loads(block)
    for block in [*blocks(page, "sh"), *blocks(page, "console")]:
        assert (
            subprocess.run(["sh", "-n"], input=block, capture_output=True, text=True).stderr == ""
        )


def test_settings_of_the_guide(tmp_path):
    """The guide's settings file is one: both of its streams are read."""
    (tmp_path / "site.toml").write_text(blocks(GUIDE, "toml")[0])
    assert [stream.name for stream in read.streams_of_file(tmp_path / "site.toml")] == [
        "auxTel",
        "archive",
    ]


def test_settings_of_the_readme(tmp_path, capsys):
    """The README's settings file makes pages of a Gen2 repository, of Lasair's files and of CSV files, and check finds nothing odd."""
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
    (tmp_path / "site.toml").write_text(blocks(CHECKOUT / "README.md", "toml")[0])
    assert run("check", "-c", tmp_path / "site.toml", now=now) == 0
    assert "0 failed, 0 odd" in capsys.readouterr().out
    assert run("-c", tmp_path / "site.toml", now=now) == 0
    pages = {name: nights(tmp_path / "site" / name) for name in ("auxTel", "lasair", "weather")}
    assert (
        pages["auxTel"][str(night)]["n_ingested"] == 3
        and pages["weather"][str(night)]["seeing"] == 0.8
    )
    assert pages["lasair"][str(now.date())]["today_alert"] == 7


def test_crontab_and_the_script_it_names():
    """The crontab's line has five times and a command that is in the checkout."""
    (block,) = blocks(GUIDE, "crontab")
    line = block.splitlines()[-1].split()
    assert all(re.fullmatch(r"[\d*/,-]+", field) for field in line[:5])
    assert os.access(CHECKOUT / Path(line[-1]).name, os.X_OK)
    known = (CHECKOUT / "cron_observing_monitor.sh").read_text()
    assert all(f"${{{field.partition('=')[0]}" in known for field in line[5:-1])


def test_commands_of_the_guide():
    """Every option that the guide gives to observing_monitor is one of its options, every word after it a command."""
    help_text = subprocess.run(
        [sys.executable, "-m", "observing_monitor", "--help"], capture_output=True, text=True
    ).stdout
    used = [
        line
        for line in GUIDE.read_text().splitlines()
        if re.search(r"bin/observing_monitor |`observing_monitor ", line)
    ]
    options = {
        option
        for line in used
        for option in re.findall(r"(?<=\s)--[a-z_]+", line.partition("observing_monitor ")[2])
    }
    assert {"--jobs", "--first_day", "--full"} <= options | {"--full"}
    assert not [option for option in options if option not in help_text]


def test_systemd_units(tmp_path):
    """systemd finds nothing wrong with the units, and calls the service's exposure small."""
    systemd = program("systemd-analyze", "systemd")
    for name in ("service", "timer"):
        unit = named(GUIDE, "ini", f"observing_monitor.{name}").replace(
            "/opt/observing_monitor/.venv/bin/observing_monitor", "/bin/true"
        )
        (tmp_path / f"observing_monitor.{name}").write_text(unit.replace("=obsmon", "=daemon"))
    done = subprocess.run(
        [systemd, "verify", "--man=no", *tmp_path.iterdir()], capture_output=True, text=True
    )
    own = [line for line in done.stderr.splitlines() if "observing_monitor" in line]
    assert (done.returncode, own) == (0, [])
    command = [
        systemd,
        "security",
        "--offline=true",
        "--no-pager",
        "--threshold=20",
        tmp_path / "observing_monitor.service",
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr  # 2.0 of 10


@pytest.fixture
def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextlib.contextmanager
def serving(command, port):
    """A web server, until it is no longer wanted."""
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as server:
        try:
            for _ in range(100):
                with (
                    contextlib.suppress(OSError),
                    socket.create_connection(("127.0.0.1", port), timeout=1),
                ):
                    break
                assert server.poll() is None, server.stdout.read()
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


@pytest.fixture
def web_root(tmp_path):
    """A small site, as the program leaves it, that any user may read."""
    root = tmp_path / "site"
    for name in (
        "index.html",
        "assets/monitor-1.js",
        "auxTel/latest.html",
        "data/stream=auxTel/index.json",
        ".unfinished/x",
        ".lock",
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("<!doctype html>")
    for folder in (tmp_path, *tmp_path.parents[:3]):  # with workers there is one more
        folder.chmod(folder.stat().st_mode | 0o755)  # one of them may be /tmp, which all may write
    return root


def status_and_headers(url):
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            return answer.status, answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.headers


def check_server(address):
    """Pages and assets are served under the policy; the store, the lock and what is unfinished are not."""
    for path in ("/", "/auxTel/latest.html", "/assets/monitor-1.js"):
        status, headers = status_and_headers(address + path)
        assert (
            status == 200
            and headers["Content-Security-Policy"] == STRICT
            and headers["X-Content-Type-Options"] == "nosniff"
        ), path
        assert headers["Cache-Control"] == "no-cache"
    assert "javascript" in headers["Content-Type"], "or nosniff would keep browsers from running it"
    for path in (
        "/data/stream=auxTel/index.json",
        "/data/",
        "/.unfinished/x",
        "/.lock",
        "//data/stream=auxTel/index.json",
    ):
        assert status_and_headers(address + path)[0] in (403, 404), path


def test_nginx(tmp_path, port, web_root):
    """nginx takes the guide's configuration, serves the pages under the strict policy, and keeps the store to itself."""
    nginx = program("nginx", "nginx-light")
    server = named(GUIDE, "nginx", "observing_monitor.conf")
    server = server.replace("listen 80;", f"listen 127.0.0.1:{port};").replace(
        "/srv/observing_monitor", str(web_root)
    )
    temporary = "".join(
        f"{name}_temp_path {tmp_path}/{name};"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/pid; error_log stderr; events {{}}\n"
        f"http {{ include /etc/nginx/mime.types; access_log off; {temporary}\n{server}\n}}\n"
    )
    command = [
        nginx,
        "-p",
        tmp_path,
        "-c",
        tmp_path / "nginx.conf",
        "-e",
        "stderr",
        "-g",
        "daemon off; master_process off;",
    ]
    with serving(command, port) as address:
        check_server(address)


def test_apache(tmp_path, port, web_root):
    """Apache takes the guide's configuration, serves the pages under the strict policy, and keeps the store to itself."""
    apache = program("apache2", "apache2-bin")
    site = named(GUIDE, "apache", "observing_monitor.conf").replace(
        "<VirtualHost *:80>", f"<VirtualHost *:{port}>"
    )
    names = ("mpm_event", "authz_core", "headers", "mime", "dir", "autoindex")
    modules = "".join(
        f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n" for name in names
    )
    (tmp_path / "apache.conf").write_text(
        f"ServerRoot {tmp_path}\nServerName localhost\nPidFile {tmp_path}/pid\nErrorLog {tmp_path}/errors\nListen 127.0.0.1:{port}\n"
        f"{modules}DefaultRuntimeDir {tmp_path}\nMutex file:{tmp_path}\nTypesConfig /etc/mime.types\nUser nobody\nGroup nogroup\n"
        + site.replace("/srv/observing_monitor", str(web_root))
    )
    with serving([apache, "-X", "-f", tmp_path / "apache.conf"], port) as address:
        check_server(address)


@pytest.fixture(scope="module")
def clouds(tmp_path_factory):
    """The worked example's package, installed from what the page says, without a network."""
    folder = tmp_path_factory.mktemp("clouds")
    (folder / "observing_monitor_clouds.py").write_text(
        named(SOURCE, "python", "observing_monitor_clouds.py")
    )
    (folder / "setup.cfg").write_text(named(SOURCE, "ini", "setup.cfg"))
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
    )
    options = (
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "--target",
        folder / "target",
    )
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, folder], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return folder / "target"


def test_worked_example_of_a_source(clouds, tmp_path):
    """The example's stream has its nights, headline and finding; without its log these stay, and the run says what is wrong."""
    (tmp_path / "site.toml").write_text(named(SOURCE, "toml", "site.toml"))
    (log := tmp_path / "clouds.csv").write_text(blocks(SOURCE, "text")[0])
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(clouds), os.environ["PYTHONPATH"]]),
    }
    days = ("-c", tmp_path / "site.toml", "--first_day", "2021-12-01", "--last_day", "2021-12-02")
    command = [sys.executable, "-m", "observing_monitor", *days]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    first, second = (
        nights(tmp_path / "site/dome")[night] for night in ("2021-12-01", "2021-12-02")
    )
    assert first["clouds_worst"] == 0.45 and second["clouds_worst"] is None, (
        "from noon to noon, both lines are of one night"
    )
    assert "up to 45% of the sky was covered" in first["info"]
    log.unlink()
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 1 and "is the cloud camera's disk mounted?" in done.stderr
    assert nights(tmp_path / "site/dome")["2021-12-01"]["clouds_worst"] == 0.45


def test_worked_example_on_a_line_that_was_cut(clouds, tmp_path):
    """What a source meets that its author did not foresee costs that source alone, also where it is asked which nights it knows."""
    (tmp_path / "site.toml").write_text(
        f"{named(SOURCE, 'toml', 'site.toml')}\n[[streams.dome.sources]]\ntype = 'table'\npath = 'seeing.csv'\n"
        "night_column = 'night'\nvalues = {seeing = 'seeing'}\n"
    )
    (tmp_path / "clouds.csv").write_text(f"{blocks(SOURCE, 'text')[0]}2021-12-02T05:1")
    (tmp_path / "seeing.csv").write_text("night,seeing\n2021-12-01,0.8\n")
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(clouds), os.environ["PYTHONPATH"]]),
    }

    def run(*arguments):
        command = [
            sys.executable,
            "-m",
            "observing_monitor",
            *arguments,
            "-c",
            tmp_path / "site.toml",
        ]
        return subprocess.run(command, env=environment, capture_output=True, text=True)

    words = "clouds: could not be read (ValueError: not enough values to unpack"
    checked = run("check")
    assert (
        checked.returncode == 1
        and words in checked.stdout
        and "1 night, 2021-12-01 to 2021-12-01" in checked.stdout
    )
    done = run("rebuild", "--jobs", "1")
    assert done.returncode == 1 and f"observing_monitor: dome: {words}" in done.stderr
    assert list(nights(tmp_path / "site/dome")) == ["2021-12-01"]


def test_worked_example_has_the_shape_of_a_source(clouds, tmp_path):
    """mypy takes the example's class for a `Source`, and would not were a method's answer of another kind."""
    module = (clouds / "observing_monitor_clouds.py").read_text()
    check = (
        "\n\nfrom observing_monitor.sources import Source\n\n\ndef made(asked: Asked) -> Source:\n"
    )
    check += '    return Clouds(Clouds.Settings(Path("clouds.csv")), asked)\n'
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--follow-imports=silent",
        "--config-file",
        CHECKOUT / "setup.cfg",
    ]
    command += ["--cache-dir", tmp_path / "cache"]
    (tmp_path / "right.py").write_text(module + check)
    (tmp_path / "wrong.py").write_text(
        module.replace("def nights(self) -> set[datetime.date]:", "def nights(self) -> list[str]:")
        + check
    )
    for name, code in (("right.py", 0), ("wrong.py", 1)):
        done = subprocess.run(
            [*command, tmp_path / name], capture_output=True, text=True, cwd=tmp_path
        )
        assert done.returncode == code, done.stdout


def test_every_hook_is_explained():
    """The page names each part of a source that the program calls."""
    from observing_monitor.model.reading import Reading
    from observing_monitor.sources.base import Asked, Source, Telling

    parts = {
        name
        for shape in (Source, Telling)
        for name in {**vars(shape), **shape.__annotations__}
        if not name.startswith("_")
    }
    parts |= {name for made in (Reading, Asked) for name in made.__annotations__}
    text = SOURCE.read_text()
    assert not [name for name in sorted(parts) if not re.search(rf"`[^`]*\b{name}\b", text)]
