"""Mounts of folders: with FUSE, or by the kernel."""

import contextlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from support.needs import need

LIMIT_S = 20
SERVER = Path(__file__).with_name("odd_disk_server.py")


@contextlib.contextmanager
def mounted(folder, place, *options):
    """Mount `folder` at `place`; options as of `odd_disk_server.main`."""
    need(importlib.util.find_spec("mfusepy"), "mfusepy is not installed")
    place.mkdir(parents=True, exist_ok=True)
    with _served(place, sys.executable, SERVER, folder, place, *options):
        yield place


@contextlib.contextmanager
def shown_by_bindfs(folder, place):
    """Show `folder` at `place`, under another device number."""
    need(shutil.which("bindfs"), "bindfs is not installed")
    place.mkdir(parents=True, exist_ok=True)
    with _served(place, "bindfs", "-f", folder, place):
        yield place


@contextlib.contextmanager
def _served(place, *command):
    """Run a program that serves a mount."""
    need(os.access("/dev/fuse", os.R_OK | os.W_OK), "/dev/fuse can't be opened")
    need(shutil.which("fusermount") or shutil.which("fusermount3"), "fuse is not installed")
    program = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        end = time.monotonic() + LIMIT_S
        while not os.path.ismount(place):
            need(program.poll() is None and time.monotonic() < end, "FUSE can't mount here")
            time.sleep(0.02)
        yield
    finally:
        unmount = shutil.which("fusermount") or shutil.which("fusermount3")
        subprocess.run([unmount, "-u", "-z", place], check=False)
        program.terminate()
        program.wait(LIMIT_S)


def bind_mounted(folder, place, command):
    """Return a command that runs where `folder` is mounted at `place`, too.

    The mount ends with the command.
    """
    need(shutil.which("unshare"), "unshare is not installed")
    script = 'mount --bind "$1" "$2" && shift 2 && exec "$@"'
    inside = ["unshare", "--mount", "--map-root-user", "sh", "-c", script, "sh", folder, place]
    place.mkdir(parents=True, exist_ok=True)
    tried = subprocess.run([*inside, "true"], capture_output=True, check=False)
    need(tried.returncode == 0, "bind mounts are not allowed here")
    return [*inside, *command]
