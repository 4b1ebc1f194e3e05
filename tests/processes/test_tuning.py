"""A process sets itself up without affecting programs it starts."""

import json
import os
import subprocess
import sys

import pytest

OURS = ("ARROW_DEFAULT_MEMORY_POOL", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")


def environments(function, **given):
    """Return the environments of a process and of its programs."""
    code = f"""
import json, os
from observing_monitor.processes import tuning
tuning.{function}()
print(json.dumps([dict(os.environ), tuning.inherited_environment()]))
"""
    environment = {name: value for name, value in os.environ.items() if name not in OURS} | given
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, check=True, capture_output=True
    )
    own, inherited = json.loads(done.stdout)
    return environment, own, inherited


@pytest.mark.parametrize(
    ("function", "expected"),
    [("tune_process", ("system", "1", None)), ("tune_worker", ("system", "1", "1"))],
)
def test_environment(function, expected):
    """Libraries find the variables; programs do not."""
    environment, own, inherited = environments(function)
    assert tuple(own.get(name) for name in OURS) == expected
    assert inherited == environment


def test_environment_of_the_user_wins():
    """A variable that the user has set stays."""
    environment, own, inherited = environments("tune_worker", OPENBLAS_NUM_THREADS="8")
    assert own["OPENBLAS_NUM_THREADS"] == inherited["OPENBLAS_NUM_THREADS"] == "8"
    assert inherited == environment
