"""Wheel and source archive install and build the demo."""

import os
import shutil
import subprocess
import sys
import tarfile

import pytest
from conftest import CHECKOUT

pytestmark = pytest.mark.long

LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv*", "build", "demo", "dist", "mutants", "__pycache__", ".*_cache", "*.egg-info"
)


def run(*command, cwd, **env):
    """Run a command without the checkout; return its output."""
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=cwd, env=clean | env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    """A folder with a wheel and a source archive."""
    folder = tmp_path_factory.mktemp("release")
    shutil.copytree(CHECKOUT, folder / "checkout", ignore=LEFT_OUT)
    built = folder / "dist"
    # without isolation: setuptools is this environment's, not the index's
    run(
        *(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(built)),
        cwd=folder / "checkout",
    )
    return built


def test_both_are_valid(release):
    """An index would accept both and show the README."""
    files = sorted(map(str, release.iterdir()))
    assert [name.rpartition(".")[2] for name in files] == ["whl", "gz"]
    output = run(sys.executable, "-m", "twine", "check", "--strict", *files, cwd=release)
    assert output.count("PASSED") == 2


def test_source_archive_has_what_the_readme_names(release, tmp_path):
    """The source archive has the files of the README."""
    (archive,) = release.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
    wanted = {"Makefile", "mkdocs.yml", "SECURITY.md", "CHANGELOG.md", "cron_observing_monitor.sh"}
    wanted |= {"examples/site.toml", "docs/pictures/night.png", "docs/sources/gen2.md"}
    wanted |= {"templates/assets/style.css", "observing_monitor/py.typed", "tests/conftest.py"}
    assert wanted <= names
    assert not [name for name in names if name.endswith(".pyc")]


@pytest.mark.parametrize("pattern", ["*.whl", "*.tar.gz"])
def test_installs_and_builds_the_demo(release, tmp_path, pattern):
    """Each of them alone makes the example's pages."""
    (file,) = release.glob(pattern)
    environment = tmp_path / "venv"
    uv = (sys.executable, "-m", "uv")
    run(*uv, "venv", "--quiet", "--python", sys.executable, environment, cwd=tmp_path)
    python = environment / "bin/python"
    wanted = f"observing_monitor[previews] @ {file.as_uri()}"  # the demo has a stream with previews
    run(*uv, "pip", "install", "--quiet", "--python", python, wanted, cwd=tmp_path)
    shutil.copytree(CHECKOUT / "examples", tmp_path / "examples", ignore=LEFT_OUT)

    where = run(python, "-c", "import observing_monitor as o; print(o.__file__)", cwd=tmp_path)
    assert where.startswith(str(environment))
    output = run(python, "examples/make_observatory.py", tmp_path / "demo", cwd=tmp_path)
    assert "demo/site/index.html" in output
    assert (tmp_path / "demo/site/index.html").is_file()
    assert len(list((tmp_path / "demo/site").glob("auxTel/20??-??-??.html"))) == 10
