"""The kinds of places where metrics can be recorded."""

import subprocess
import sys

from observing_monitor.metrics import Metrics

PLACES = ("folder", "sqlite", "postgres", "mariadb")

# 2024-01-04
NID = 2559

ADDER = """
import sys
from observing_monitor.metrics import Metrics
metrics = Metrics(sys.argv[1])
for n in range(int(sys.argv[2])):
    metrics.add({"today_alert": 1, "icassandra_0": 0.5}, 2559)
"""


def make_place(request, tmp_path):
    """Return an empty place of the fixture's kind."""
    if request.param == "folder":
        return tmp_path
    url = f"sqlite:///{tmp_path / 'numbers.db'}"
    if request.param != "sqlite":
        url = request.getfixturevalue(request.param).create("numbers")
    with Metrics(url, create=True) as metrics:
        metrics.read(NID)
        metrics.set({"made": 1}, 1)
    return url


def start_adders(where, n_processes, n):
    """Start and return processes that add n times each."""
    command = [sys.executable, "-c", ADDER, str(where), str(n)]
    return [subprocess.Popen(command) for _ in range(n_processes)]
