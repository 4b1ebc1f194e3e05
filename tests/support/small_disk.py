"""A small file system, mounted for a test."""

import contextlib
import os
import subprocess

from needs import need


@contextlib.contextmanager
def disk(folder, size):
    """Mount a file system of a size such as "24m"."""
    folder.mkdir()
    need(os.geteuid() == 0, "only root may mount")
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "obsmon", folder],
        capture_output=True,
        text=True,
        check=False,
    )
    need(done.returncode == 0, f"nothing may be mounted here: {done.stderr}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)
