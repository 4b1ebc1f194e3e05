"""Workers that die are replaced, and each task gives one result."""

import multiprocessing
import os
import subprocess
import sys
import time

import pytest

from observing_monitor.processes import workers


def double(number, folder):
    """Return twice the number; the first worker that is given 3 dies."""
    if number == 3 and not (folder / "died").exists():
        (folder / "died").touch()
        os._exit(9)
    return 2 * number


def die(number):
    """Return the number; each worker that is given 3 dies."""
    if number == 3:
        os._exit(9)
    return number


def pid_of(number, wait_s):
    """Return the number and the worker that was given it."""
    time.sleep(wait_s)
    return number, os.getpid()


def test_workers_that_died_before_they_were_asked():
    """Workers that died while they had nothing to do are replaced."""
    with workers.processes(2) as made:
        assert list(made.results(abs, [(-1,)], None)) == [1]
        before = multiprocessing.active_children()
        for worker in before:
            worker.kill()
        for worker in before:
            worker.join()
        deadline = time.monotonic() + 30
        while not made._executor._broken and time.monotonic() < deadline:
            time.sleep(0.01)
        assert sorted(made.results(abs, [(-2,), (-3,)], None)) == [2, 3]


@pytest.mark.parametrize(
    "before",
    ["", "import numpy", "threading.Thread(target=time.sleep, args=[5], daemon=True).start()"],
    ids=["alone", "with numpy", "with a thread"],
)
def test_workers_are_no_copies(before):
    """Workers start anew: a copy could wait for the original's threads."""
    module = "observing_monitor.processes.workers"
    code = f"""
import threading, time
from {module.rpartition(".")[0]} import workers
{before}
workers.mark = "here"
mark = "__import__('sys').modules['{module}'].__dict__.get('mark')"
with workers.processes(2) as made:
    print(*made.results(eval, [(mark,)], print))
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "None"


def test_task_returns_to_the_worker_of_its_night():
    """A task goes to the worker that was last busy with its night."""
    with workers.processes(2) as made:
        for _ in range(20):  # until both have started, and each has had one
            before = dict(made.results(pid_of, [(1, 1.0), (2, 0.3)], None, lambda task: task[0]))
            if before[1] != before[2]:
                break
        again = dict(made.results(pid_of, [(1, 0.5), (2, 0.5)], None, lambda task: task[0]))
    assert before[1] != before[2] and again == before


def test_worker_that_dies_costs_its_task(tmp_path):
    """The tasks of a dead worker are done again; each result comes once."""
    with workers.processes(2) as made:
        results = list(made.results(double, [(n, tmp_path) for n in range(10)], None))
    assert (tmp_path / "died").exists() and sorted(results) == [2 * n for n in range(10)]


def test_task_that_always_kills_its_worker():
    """A task that kills its worker every time is reported as lost."""
    with workers.processes(2) as made:
        results = list(made.results(die, [(n,) for n in range(6)], lambda n: f"lost {n}"))
    assert sorted(map(str, results)) == ["0", "1", "2", "4", "5", "lost 3"]
