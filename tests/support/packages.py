"""Installs small source packages into a folder, as pip would."""

import contextlib
import importlib
import sys
from pathlib import Path


def install(folder, name, text, *, kind, object_name, version="1"):
    """Write a package that registers one kind of source.

    Parameters
    ----------
    folder : Path
        Where to; belongs on the path of the process that is to find it.
    name, text : str
        The module's name, which is the package's too, and its code.
    kind : str
        What `type` in a settings file says.
    object_name : str
        The class in the module.
    version : str
        The package's version. An earlier version in the same folder is replaced.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(f"{name}-*.dist-info"):
        for path in old.iterdir():
            path.unlink()
        old.rmdir()
    about = folder / f"{name}-{version}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8"
    )
    (about / "entry_points.txt").write_text(
        f"[observing_monitor.sources]\n{kind} = {name}:{object_name}\n", encoding="utf-8"
    )
    (folder / f"{name}.py").write_text(text, encoding="utf-8")


@contextlib.contextmanager
def on_path(folder):
    """Let this process find the packages in a folder."""
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        importlib.invalidate_caches()
