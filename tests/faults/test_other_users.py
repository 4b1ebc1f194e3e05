"""Other users, modes, and file systems without locks."""

import errno
import functools
import os
import stat

import pytest
from conftest import need
from running import nights, start
from support.refused_calls import FLOCK, refuse_flock, without_root_rights

NIGHT = "2021-02-16"
DAYS = ("--first_day", NIGHT, "--last_day", NIGHT)
ANOTHER = 65534


def make_site(folder, options=""):
    """Write a stream of one file; return its settings."""
    place = folder / "in" / NIGHT
    place.mkdir(parents=True)
    (place / "a.fits").touch()
    (folder / "site.toml").write_text(
        f'[observing_monitor]\noutput_dir = "site"\n{options}\n'
        '[[streams.a.sources]]\ntype = "files"\npath = "in"\n'
    )
    return folder / "site.toml"


def finished(*arguments, **options):
    """Run the command; return its exit code and messages."""
    process = start(*arguments, **options)
    _, said = process.communicate(timeout=60)
    return process.returncode, said


def give(place, user):
    """Make a user the owner of a folder with all that is in it."""
    for path in [place, *place.rglob("*")]:
        os.chown(path, user, user, follow_symlinks=False)


def needs_root():
    """Skip unless the test may own files as other users."""
    need(os.geteuid() == 0, "only root can make files of another user")


@pytest.mark.parametrize("umask", [0o022, 0o002, 0o077])
def test_modes_follow_the_umask(tmp_path, umask):
    """Every file and folder has the mode that the umask allows."""
    code, said = finished("-c", make_site(tmp_path), *DAYS, umask=umask)
    assert code == 0, said
    for path in (tmp_path / "site").rglob("*"):
        allowed = (0o777 if path.is_dir() else 0o666) & ~umask
        assert stat.S_IMODE(path.stat().st_mode) == allowed, path


@pytest.mark.parametrize("place", ["site", "site/data/stream=a", "site/a", "site/.lock"])
def test_output_of_another_user(tmp_path, place):
    """An output that belongs to another user is named, and stays."""
    needs_root()
    settings = make_site(tmp_path)
    assert finished("-c", settings, *DAYS)[0] == 0
    (tmp_path / "in" / NIGHT / "b.fits").touch()
    give(tmp_path / place, ANOTHER)
    code, said = finished("-c", settings, *DAYS, preexec_fn=without_root_rights)
    assert code == 2 and f"{tmp_path}/site" in said and "permission denied" in said, said
    assert "Traceback" not in said
    assert nights(tmp_path / "site" / "a")[NIGHT]["n_files"] == 1
    give(tmp_path / place, 0)
    assert finished("-c", settings, *DAYS, preexec_fn=without_root_rights)[0] == 0
    assert nights(tmp_path / "site" / "a")[NIGHT]["n_files"] == 2


def test_shared_output_of_a_group(tmp_path):
    """Users of one group continue each other's output."""
    needs_root()
    settings = make_site(tmp_path)
    assert finished("-c", settings, *DAYS, umask=0o002)[0] == 0
    give(tmp_path / "site", ANOTHER)
    (tmp_path / "in" / NIGHT / "b.fits").touch()
    member = functools.partial(without_root_rights, ANOTHER)
    code, said = finished("-c", settings, *DAYS, umask=0o002, preexec_fn=member)
    assert code == 0, said
    assert nights(tmp_path / "site" / "a")[NIGHT]["n_files"] == 2


@pytest.mark.parametrize("name", ["in", f"in/{NIGHT}", "known.yaml", "site.toml"])
def test_input_of_another_user(tmp_path, name):
    """An input that may not be read is named; known data stay."""
    needs_root()
    settings = make_site(tmp_path)
    (tmp_path / "known.yaml").write_text("")
    assert finished("-c", settings, *DAYS)[0] == 0
    os.chown(tmp_path / name, ANOTHER, ANOTHER)
    (tmp_path / name).chmod(0o700)
    code, said = finished("-c", settings, *DAYS, "--full", preexec_fn=without_root_rights)
    wanted = 2 if name == "site.toml" else 1
    place = "site.toml" if name == "site.toml" else f"{tmp_path}/{name}"
    assert code == wanted and place in said and "permission denied" in said.lower(), said
    assert nights(tmp_path / "site" / "a")[NIGHT]["n_files"] == 1


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.EIO])
def test_file_system_without_locks(tmp_path, number):
    """If locks are refused, nothing is written, and the remedy is named."""
    need(FLOCK, "the number of flock is not known here")
    settings = make_site(tmp_path)
    code, said = finished("-c", settings, *DAYS, preexec_fn=lambda: refuse_flock(number))
    assert code == 2 and f"{tmp_path}/site/.lock: {os.strerror(number).lower()}" in said
    assert "file system that supports locks" in said
    assert not (tmp_path / "site" / "a").exists()
    process = start("check", "-c", settings, preexec_fn=lambda: refuse_flock(number))
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 1 and f"{tmp_path}/site/.lock: " in said
    assert "file system that supports locks" in said
