"""Templates are found from every kind of installation."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from conftest import CHECKOUT

# prints where an installed copy and its templates are
ASK = """
from observing_monitor.pages import render
print(render.__file__)
print(render.templates_dir())
"""
ADD_SITE = """
import site, sys
site.addsitedir({site!r})
sys.path.append({others!r})
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the files of an installation."""
    folder = tmp_path_factory.mktemp("install") / "checkout"
    skip = shutil.ignore_patterns("__pycache__")
    for name in ("observing_monitor", "templates"):
        shutil.copytree(CHECKOUT / name, folder / name, ignore=skip)
    for name in ("setup.cfg", "pyproject.toml", "LICENSE", "README.md"):
        if (CHECKOUT / name).exists():
            shutil.copy(CHECKOUT / name, folder)
    return folder


def run(*command, cwd, **env):
    """Run a command without the checkout; return its output."""
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=cwd, env=clean | env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def pip(*arguments, cwd):
    """Run pip without a network."""
    quiet = (
        "--quiet",
        "--no-index",
        "--no-deps",
        "--no-build-isolation",
        "--disable-pip-version-check",
    )
    run(sys.executable, "-m", "pip", *arguments[:1], *quiet, *arguments[1:], cwd=cwd)


def ask(site, cwd):
    """Return the paths of an installed package and its templates.

    Other packages come from this environment.
    """
    code = ADD_SITE.format(site=str(site), others=sysconfig.get_path("purelib")) + ASK
    # -S: without this environment's .pth files, such as that of an editable install
    return map(Path, run(sys.executable, "-I", "-S", "-c", code, cwd=cwd).splitlines())


def names(folder, *patterns):
    """Return the relative paths of matching files."""
    return {
        path.relative_to(folder).as_posix()
        for pattern in patterns
        for path in folder.glob(pattern)
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_wheel(copy, tmp_path):
    """A wheel has all modules, templates and assets."""
    pip("wheel", "--wheel-dir", str(tmp_path), str(copy), cwd=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    site = tmp_path / "site"
    pip("install", "--target", str(site), str(wheel), cwd=tmp_path)

    module, templates = ask(site, tmp_path)
    assert module.is_relative_to(site)
    assert templates == module.parents[1] / "templates"
    assert "base.html" in names(templates, "*.html")
    assert names(templates, "**/*") == names(CHECKOUT / "templates", "**/*")
    assert {"night/_files.html", "macros/words.html"} <= names(templates, "**/*")
    assert names(site / "observing_monitor", "**/*.py") == names(
        CHECKOUT / "observing_monitor", "**/*.py"
    )

    version = run(
        str(site / "bin" / "observing_monitor"), "--version", cwd=tmp_path, PYTHONPATH=str(site)
    )
    assert version.split()[-1] in wheel.name


def test_editable(copy, tmp_path):
    """An editable install uses the checkout's files."""
    site = tmp_path / "site"
    pip("install", "--target", str(site), "--editable", str(copy), cwd=tmp_path)

    module, templates = ask(site, tmp_path)
    assert module.parents[1] == copy / "observing_monitor"
    assert templates == copy / "templates"
    assert (templates / "base.html").is_file()


def test_plain_checkout(copy, tmp_path):
    """A plain checkout runs by `python -m`."""
    module, templates = map(Path, run(sys.executable, "-c", ASK, cwd=copy).splitlines())
    assert module.parents[1] == copy / "observing_monitor"
    assert templates == copy / "templates"

    here = run(sys.executable, "-m", "observing_monitor", "--version", cwd=copy)
    elsewhere = run(
        sys.executable, "-m", "observing_monitor", "--version", cwd=tmp_path, PYTHONPATH=str(copy)
    )
    assert here == elsewhere
