"""Dask clusters of real processes."""

import os
import re
import subprocess
import sys
import time

from conftest import need

SETTINGS = {
    "DASK_DISTRIBUTED__DASHBOARD__LINK": "",
    "DASK_DISTRIBUTED__DEPLOY__LOST_WORKER_TIMEOUT": "2s",
}


class DaskCluster:
    """A scheduler, and workers that are added."""

    def __init__(self, folder):
        self.folder = folder
        self.scheduler, self.address, self.workers = None, "", []
        self.started = []  # schedulers and workers

    def __enter__(self):
        try:
            import distributed  # noqa: F401
        except ImportError:
            need(False, "there is no Dask (pip install observing_monitor[dask])")
        try:
            self.start_scheduler()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in self.started:
            process.kill()
            process.wait()

    def start_scheduler(self, port=0):
        """Start the scheduler, and wait for its address."""
        where = self.folder / "scheduler.json"
        where.unlink(missing_ok=True)
        self.scheduler = self._start(
            "distributed.cli.dask_scheduler",
            *("--host", "127.0.0.1", "--port", str(port), "--no-dashboard"),
            *("--scheduler-file", str(where)),
        )
        deadline, found = time.monotonic() + 60, None
        while not found and time.monotonic() < deadline:
            time.sleep(0.05)
            text = where.read_text() if where.exists() else ""  # it may be half written
            found = re.search(r'"address": "(tcp://[^"]+)"', text)
        self.address = found[1]

    def add_worker(self, *before, **environment):
        """Start a worker; `before` comes before its command."""
        one = (
            *("--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1"),
            *("--local-directory", str(self.folder / "dask")),
        )
        worker = "distributed.cli.dask_worker"
        made = self._start(worker, self.address, *one, before=before, environment=environment)
        self.workers.append(made)
        return made

    def _start(self, *words, before=(), environment=None):
        with open(self.folder / "dask.log", "ab") as log:
            process = subprocess.Popen(
                [*before, sys.executable, "-m", *words],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=os.environ | SETTINGS | (environment or {}),
            )
        self.started.append(process)
        return process
