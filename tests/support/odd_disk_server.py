"""A FUSE disk that refuses locks, or ignores the case of names."""

import contextlib
import errno
import fcntl
import os
import sys
from pathlib import Path

import mfusepy


class Disk(mfusepy.Operations):
    """The folder as it is, but that names may fold, and locks get an error."""

    use_ns = True

    def __init__(self, folder, fold, refused):
        self.folder = folder
        self.fold = fold
        self.refused = refused

    def _real(self, path):
        found = Path(self.folder)
        for name in path.strip("/").split("/"):
            found /= self._on_disk(found, name) if self.fold else name
        return str(found)

    def _on_disk(self, folder, name):
        """Return the name in whichever case it is there."""
        if name and not (folder / name).exists():
            with contextlib.suppress(OSError):
                for other in os.listdir(folder):
                    if folded(other) == folded(name):
                        return other
        return name

    def getattr(self, path, fh=None):
        found = os.lstat(self._real(path))
        names = ("mode", "nlink", "uid", "gid", "size", "ino")
        times = {f"st_{t}time": getattr(found, f"st_{t}time_ns") for t in "acm"}
        return {f"st_{name}": getattr(found, f"st_{name}") for name in names} | times

    def readdir(self, path, fh):
        with os.scandir(self._real(path)) as entries:
            found = {entry.name: entry.stat(follow_symlinks=False) for entry in entries}
        # an entry whose inode is 0 would be left out
        return [(name, {"st_mode": s.st_mode, "st_ino": s.st_ino}, 0) for name, s in found.items()]

    def open(self, path, flags):
        return os.open(self._real(path), flags & ~os.O_NOFOLLOW)

    def create(self, path, mode, fi=None):
        return os.open(self._real(path), os.O_RDWR | os.O_CREAT, mode)

    def read(self, path, size, offset, fh):
        return os.pread(fh, size, offset)

    def write(self, path, data, offset, fh):
        return os.pwrite(fh, data, offset)

    def truncate(self, path, length, fh=None):
        os.truncate(self._real(path), length)

    def release(self, path, fh):
        os.close(fh)

    def fsync(self, path, datasync, fh):
        os.fsync(fh)

    def mkdir(self, path, mode):
        os.mkdir(self._real(path), mode)

    def rmdir(self, path):
        os.rmdir(self._real(path))

    def unlink(self, path):
        os.unlink(self._real(path))

    def rename(self, old, new):
        os.rename(self._real(old), self._real(new))

    def link(self, target, source):
        os.link(self._real(source), self._real(target))

    def chmod(self, path, mode):
        os.chmod(self._real(path), mode)

    def utimens(self, path, times=None):
        os.utime(self._real(path), ns=times)

    def flock(self, path, fh, op):
        if self.refused:
            raise mfusepy.FuseOSError(getattr(errno, self.refused))
        fcntl.flock(fh, op)
        return 0


def folded(name):
    import unicodedata

    return unicodedata.normalize("NFC", name.casefold())


def main(folder, place, option):
    """Serve `folder` at `place`.

    The option is `fold`, or the name of the error that a lock gets, such as ENOLCK.
    """
    fold = option == "fold"
    disk = Disk(folder, fold, "" if fold else option)
    mfusepy.FUSE(disk, place, foreground=True, use_ino=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
