"""Do things as a user who may not read everything."""

import contextlib
import os
from pathlib import Path


def can_drop():
    """True if this user is not root, or can become another one."""
    return os.geteuid() != 0 or _nobody() is not None


def opened_above(path):
    """Let everybody enter our folders on the way to a path."""
    for folder in (path, *path.parents):
        if folder.stat().st_uid == os.getuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o755)


@contextlib.contextmanager
def nobody():
    """Become another user than root for a while."""
    if os.geteuid():
        yield
        return
    os.seteuid(_nobody())
    try:
        yield
    finally:
        os.seteuid(0)


def as_nobody(look):
    """Return a function's result for another user than root."""
    with nobody():
        return look()


def _nobody():
    import pwd

    try:
        return pwd.getpwnam("nobody").pw_uid
    except KeyError:
        return None
