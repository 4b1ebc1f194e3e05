"""A lock in an object store, renewed while its run lives."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import socket
import threading
import time
from typing import TYPE_CHECKING

from observing_monitor.errors import LockedError, OutputError
from observing_monitor.model.digest import hex_digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from observing_monitor.readers.object_store import Objects


log = logging.getLogger(__name__)

RENEW_S = 30  # a run that holds the lock says so that often, by the store's clock
STALE_S = 300  # a lock that was not renewed for so long is nobody's: its run was killed, or cut off
YOUNG_S = 10  # a lock no older than this beside ours may be of a run that came at the same moment and withdraws as well
TRIES = 4  # so often runs that came at the same moment try again


# --- the lock ----------------------------------------------------------------------------------------------------------


class Lease:
    """The lock of an output in an object store: an object below `.lock/` for each run that is, or wants to be, at work.

    Every run puts its own there, under a name that no other ever has, and then lists them all. Since a store lists what was
    written before, of two runs at least one sees the other; whoever sees another's that is alive takes its own away again.
    Nothing but that listing is asked of a store: that it refuses to overwrite (`If-None-Match: *`) some don't know, and
    some don't say that they don't. How old a lock is, is told by the store's clock alone. One that was not renewed for
    STALE_S is removed; so is, at once, that of a process of this machine that is gone.
    """

    def __init__(self, objects: Objects) -> None:
        self.objects = objects
        self.name = ""
        self._lost = ""
        self._renewed_at = 0.0

    def take(self) -> None:
        """Take the lock, or raise LockedError."""
        for attempt in range(TRIES):
            self.name = f".lock/{_this_process()}-{os.urandom(4).hex()}"
            self.objects.write(self.name, b"")
            others, age_s = self._others()
            if not others:
                self._renewed_at = _seconds()
                return
            self.release()
            if age_s > YOUNG_S or attempt == TRIES - 1:
                break
            time.sleep(
                (0.2 + os.urandom(1)[0] / 320) * 2**attempt
            )  # 0.2 to 1 s, by chance: the other may have withdrawn too
        raise LockedError(
            f"{self.objects.path(others[0])}: another run is at work on this output; this one does nothing"
        )

    def _others(self) -> tuple[list[str], float]:
        """The locks of other runs that are alive, and by how many seconds the oldest of them is older than ours."""
        listed = self.objects.all_below(".lock")
        ours = listed.pop(self.name, None)
        if ours is None:
            raise OutputError(
                f"{self.objects.path(self.name)}: the store does not list what was just written; output_dir must be in one that does"
            )
        alive, oldest = [], 0.0
        for name, there in sorted(listed.items()):
            age_s = (
                (ours.modified_at - there.modified_at).total_seconds()
                if ours.modified_at and there.modified_at
                else 0.0
            )
            if age_s > STALE_S or _is_dead(name.removeprefix(".lock/")):
                log.info("%s: the lock of a run that was killed; removed", self.objects.path(name))
                self.objects.remove(name)
            else:
                alive.append(name)
                oldest = max(oldest, age_s)
        return alive, oldest

    @contextlib.contextmanager
    def renewed(self) -> Iterator[None]:
        """Renew the lock every RENEW_S, in a thread, until the block ends."""
        done = threading.Event()
        thread = threading.Thread(target=self._renew, args=(done,), daemon=True, name="lock")
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join(timeout=10)

    def _renew(self, done: threading.Event) -> None:
        while not done.wait(RENEW_S):
            try:
                if self.name not in self.objects.all_below(".lock"):
                    self._lost = "was taken over by another run, since it had not been renewed"
                self._check_time()
                if self._lost:
                    return
                self.objects.write(self.name, b"")
                self._renewed_at = _seconds()
            except OutputError as error:
                log.warning("%s", error)  # the next renewal may come through in time

    def check(self) -> None:
        """Raise OutputError where the lock is no longer ours."""
        self._check_time()
        if self._lost:
            raise OutputError(
                f"{self.objects.path(self.name)}: the lock {self._lost}; the next run goes on from what is there"
            )

    def _check_time(self) -> None:
        """Give the lock up before others may take it for stale: this run may have stood still, or been cut off."""
        if _seconds() - self._renewed_at > STALE_S - RENEW_S:
            self._lost = self._lost or "could not be renewed in time"

    def release(self) -> None:
        """Take the lock away again; where the store doesn't answer it turns stale."""
        try:
            self.objects.remove(self.name)
        except OutputError as error:  # what failed before is told already
            log.info("%s", error)


def _seconds() -> float:
    """Seconds that also run while the machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def _this_process() -> str:
    """This process, as other processes of this machine can tell whether it is still there: host-machine-pid-start."""
    return f"{re.sub('[^A-Za-z0-9]+', '_', socket.gethostname())}-{_machine()}-{os.getpid()}-{_started(os.getpid())}"


def _machine() -> str:
    """Differs from machine to machine, boot to boot, and container to container: where a pid is another's, or nobody's."""
    try:
        with open("/proc/sys/kernel/random/boot_id", "rb") as file:
            told = file.read() + str(os.stat("/proc/self/ns/pid").st_ino).encode()
    except OSError:  # no Linux: nobody's death is told at once
        told = os.urandom(16)
    return hex_digest(told, n_bytes=4)


def _started(pid: int) -> str:
    """When a process was started, in the kernel's ticks; "" where there is none."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[19].decode()
    except (OSError, IndexError):
        return ""


def _is_dead(name: str) -> bool:
    """Whether a lock is of a process of this machine that is gone."""
    parts = name.split("-")
    if len(parts) != 5 or parts[1] != _machine() or not parts[2].isdigit():
        return False
    return _started(int(parts[2])) != parts[3]
