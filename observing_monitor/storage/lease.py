"""The lock of an output in an object store."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import socket
import threading
import time
from typing import TYPE_CHECKING

from observing_monitor.errors import LockedError, OutputError, SilentOutputError
from observing_monitor.model.digest import hex_digest
from observing_monitor.processes.timelimit import CallThread, TooLateError
from observing_monitor.storage.layout import LOCK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from observing_monitor.readers.object_store import Objects


log = logging.getLogger(__name__)

# a run renews its lock at this interval, by the store's clock
RENEW_S = 30
# a lock not renewed for so long is stale: its run was killed or lost its connection
STALE_S = 300
# another lock that is at most this much older may belong to a run that started at the same moment
# and withdraws as well
YOUNG_S = 10
# for the store to remove the lock; for its last answer at the end of a run
RELEASE_S, LAST_S = 20.0, 5.0
# attempts to take the lock if several runs start at the same moment
TRIES = 4


class Lease:
    """The lock of an output: an object below `.lock/` for each run.

    Each run that is, or wants to be, at work writes an object under a unique name and then
    lists them all. A store lists what was written before, so of two runs at least one sees the
    other. A run that sees another's lock that is alive removes its own. Nothing else is
    required of the store: some do not support `If-None-Match: *`, which refuses to overwrite,
    and some ignore it silently. The age of a lock is measured by the store's clock alone. A
    lock that was not renewed for STALE_S is removed, and at once if it belongs to a process of
    this machine that has ended.
    """

    def __init__(self, objects: Objects) -> None:
        self.objects = objects
        self.name = ""
        self._lost = ""
        self._renewed_at = 0.0

    def take(self) -> None:
        """Take the lock. Raises LockedError if another run has it."""
        for attempt in range(TRIES):
            self.name = f"{LOCK}/{_this_process()}-{os.urandom(4).hex()}"
            self.objects.write(self.name, b"")
            others, age_s = self._others()
            if not others:
                self._renewed_at = _seconds()
                return
            self.release()
            if age_s > YOUNG_S or attempt == TRIES - 1:
                break
            # a random 0.2 to 1 s, doubled each time: the other run may have withdrawn too
            time.sleep((0.2 + os.urandom(1)[0] / 320) * 2**attempt)
        raise LockedError(
            f"{self.objects.path(others[0])}: another run is at work on this output; "
            "this one does nothing"
        )

    def _others(self) -> tuple[list[str], float]:
        """Return the locks of other runs that are alive.

        Also by how many seconds the oldest of them is older than this one.
        """
        listed = self.objects.all_below(LOCK)
        ours = listed.pop(self.name, None)
        if ours is None:
            raise OutputError(
                f"{self.objects.path(self.name)}: the store does not list what was just written; "
                "output_dir must be in one that does"
            )
        alive, oldest = [], 0.0
        for name, there in sorted(listed.items()):
            age_s = (
                (ours.modified_at - there.modified_at).total_seconds()
                if ours.modified_at and there.modified_at
                else 0.0
            )
            if age_s > STALE_S or _is_dead(name.removeprefix(f"{LOCK}/")):
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
            thread.join(timeout=LAST_S)

    def _renew(self, done: threading.Event) -> None:
        while not done.wait(RENEW_S):
            try:
                if self.name not in self.objects.all_below(LOCK):
                    self._lost = "was taken over by another run, since it had not been renewed"
                self._check_time()
                if self._lost:
                    return
                self.objects.write(self.name, b"")
                self._renewed_at = _seconds()
            except SilentOutputError as error:  # the run's next request says so
                log.info("%s", error)
            except OutputError as error:
                log.warning("%s", error)  # the next renewal may succeed in time

    def check(self) -> None:
        """Raise OutputError if this run has lost the lock."""
        self._check_time()
        if self._lost:
            raise OutputError(
                f"{self.objects.path(self.name)}: the lock {self._lost}; "
                "the next run goes on from what is there"
            )

    def _check_time(self) -> None:
        """Give up the lock before others may consider it stale.

        This run may have been suspended, or may have lost its connection.
        """
        if _seconds() - self._renewed_at > STALE_S - RENEW_S:
            self._lost = self._lost or "could not be renewed in time"

    def release(self, is_silent: bool = False) -> None:
        """Remove the lock; if the store does not answer, it becomes stale.

        Parameters
        ----------
        is_silent : bool, optional
            True if the store did not answer before.
        """
        # a store that hangs has kept the run waiting long enough
        thread = CallThread("lock")
        with contextlib.suppress(TooLateError):
            thread.call(self._remove, LAST_S if is_silent else RELEASE_S)
        thread.end()

    def _remove(self) -> None:
        try:
            self.objects.remove(self.name)
        except OutputError as error:  # an earlier failure is reported already
            log.info("%s", error)


def _seconds() -> float:
    """Return seconds of a clock that also runs while the machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def _this_process() -> str:
    """Return host-machine-pid-start of this process.

    It shows on this machine if the process has ended.
    """
    host = re.sub("[^A-Za-z0-9]+", "_", socket.gethostname())
    return f"{host}-{_machine()}-{os.getpid()}-{_started(os.getpid())}"


def _machine() -> str:
    """Return a text that differs between machines, boots and containers.

    A process id means something only within one of them.
    """
    try:
        with open("/proc/sys/kernel/random/boot_id", "rb") as file:
            boot = file.read() + str(os.stat("/proc/self/ns/pid").st_ino).encode()
    except OSError:  # not Linux: no process is known to have ended
        boot = os.urandom(16)
    return hex_digest(boot, n_bytes=4)


def _started(pid: int) -> str:
    """Return when a process was started, in kernel ticks, or ""."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[19].decode()
    except (OSError, IndexError):
        return ""


def _is_dead(name: str) -> bool:
    """True if a lock's process was on this machine and ended."""
    parts = name.split("-")
    if len(parts) != 5 or parts[1] != _machine() or not parts[2].isdigit():
        return False
    return _started(int(parts[2])) != parts[3]
