"""The number of processes is bounded by the machine."""

import pytest
from running import run

from observing_monitor.processes import machine


@pytest.fixture
def sized(monkeypatch):
    """Set the cores and the memory of the machine."""

    def set_size(cores, memory):
        monkeypatch.setattr(machine, "n_cores", lambda: cores)
        monkeypatch.setattr(machine, "memory_bytes", lambda: memory)

    return set_size


@pytest.mark.parametrize(
    "cores, memory, wanted, used",
    [
        (8, 64e9, None, 8),
        (8, 64e9, 4, 4),
        (8, 64e9, 32, 32),
        (8, 64e9, 33, 32),
        (8, 64e9, 1000, 32),
        (64, 4.8e9, None, 8),
        (64, 4.8e9, 100, 8),
        (2, 0.3e9, 4, 1),
        (2, 0.3e9, None, 1),
        (2, None, 8, 8),
        (2, None, 9, 8),
    ],
)
def test_usable_jobs(sized, caplog, cores, memory, wanted, used):
    """A larger number than fits is lowered, with a warning."""
    sized(cores, memory)
    assert machine.usable_jobs(wanted) == used
    is_lowered = wanted is not None and wanted > used
    words = f"--jobs {wanted}: using {used}, since this machine has"
    assert (words in caplog.text) == is_lowered


def test_this_machine():
    """The numbers of this machine are plausible."""
    assert machine.n_cores() >= 1
    assert machine.memory_bytes() is None or machine.memory_bytes() > 50_000_000


@pytest.mark.parametrize("jobs", ["0", "-1", "1001", "1000000000000", "99999999999999999999999"])
def test_absurd_numbers(tmp_path, capfd, jobs):
    """An absurd number of processes is a usage error."""
    assert run("--input_dir", tmp_path, "--output_dir", tmp_path / "site", "--jobs", jobs) == 2
    said = capfd.readouterr().err
    assert f"--jobs {jobs} is no number of processes; give 1 or more, and 1,000 at most" in said
    assert not (tmp_path / "site").exists()
