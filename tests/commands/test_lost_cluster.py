"""A rebuild on a cluster that is lost ends, and continues later."""

import os
import shutil
import signal
import time
from pathlib import Path

import pytest
from histories import DAYS, make_history, rebuild_of
from running import contents, ended, nights, start
from support.clusters import DaskCluster

import observing_monitor
from observing_monitor.processes import cluster as cluster_module

pytestmark = pytest.mark.long

LIMIT_S = 60  # for a rebuild to notice that its cluster is lost


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A history: its folder, its clock, and what a rebuild writes."""
    folder = tmp_path_factory.mktemp("history")
    return folder, *make_history(folder)


def wait_for_nights(process, output, number=3):
    """Wait until some nights are collected."""
    pattern = "data/stream=input/night=*/looked.json"
    while process.poll() is None and len(list(output.glob(pattern))) < number:
        time.sleep(0.005)


def assert_resumes(tree, tmp_path, output, cluster):
    """Run the rebuild again, on a cluster that works."""
    folder, now, expected = tree
    process = start(*rebuild_of(folder, output), "--scheduler", cluster.address, now=now)
    code, said = ended(process, LIMIT_S)
    assert code == 0, said
    assert contents(output) == expected and len(nights(output)) == len(DAYS)


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGSTOP])
def test_scheduler_is_lost(tree, tmp_path, sign):
    """A rebuild whose scheduler dies or hangs ends with a message."""
    folder, now, _ = tree
    output = tmp_path / "site"
    with DaskCluster(tmp_path) as cluster:
        cluster.add_worker()
        process = start(*rebuild_of(folder, output), "--scheduler", cluster.address, now=now)
        wait_for_nights(process, output)
        os.kill(cluster.scheduler.pid, sign)
        code, said = ended(process, LIMIT_S)
    assert code == 1 and "the scheduler does not answer any more; what is finished is kept" in said
    assert "Traceback" not in said
    with DaskCluster(tmp_path) as cluster:
        cluster.add_worker()
        assert_resumes(tree, tmp_path, output, cluster)


def test_scheduler_is_started_again(tree, tmp_path):
    """A rebuild continues with a scheduler that was started again."""
    folder, now, expected = tree
    output = tmp_path / "site"
    with DaskCluster(tmp_path) as cluster:
        worker = cluster.add_worker()
        process = start(*rebuild_of(folder, output), "--scheduler", cluster.address, now=now)
        wait_for_nights(process, output)
        for lost in (cluster.scheduler, worker):
            lost.kill()
            lost.wait()
        cluster.start_scheduler(cluster.address.rpartition(":")[2])
        cluster.add_worker()
        code, said = ended(process, LIMIT_S)
    assert code == 0, said
    assert contents(output) == expected


def test_a_result_is_lost(tmp_path, monkeypatch):
    """A task whose result is lost with its scheduler does not stay pending."""
    from distributed import Client

    async def lose(self, *_, **__):
        raise OSError("the scheduler died while it sent a result")

    with (
        DaskCluster(tmp_path) as cluster,
        cluster_module.cluster(cluster.address) as workers,
    ):
        cluster.add_worker()
        assert sorted(workers.results(abs, [(-1,), (-2,)], lambda number: "lost")) == [1, 2]
        monkeypatch.setattr(Client, "_gather", lose)
        assert list(workers.results(abs, [(-1,)], lambda number: "lost")) == ["lost"]


def test_all_workers_are_lost(tree, tmp_path):
    """A rebuild without workers ends, and continues with new ones."""
    folder, now, _ = tree
    output = tmp_path / "site"
    with DaskCluster(tmp_path) as cluster:
        both = [cluster.add_worker(), cluster.add_worker()]
        process = start(*rebuild_of(folder, output), "--scheduler", cluster.address, now=now)
        wait_for_nights(process, output)
        for worker in both:
            worker.kill()
        code, said = ended(process, LIMIT_S)
        assert code == 1 and "it has had no worker for 30 s; what is finished is kept" in said
        cluster.add_worker()
        assert_resumes(tree, tmp_path, output, cluster)


def other_version(folder):
    """Return a folder with another version of the program."""
    package = Path(observing_monitor.__file__).parent
    shutil.copytree(package, folder / "observing_monitor")
    path = folder / "observing_monitor" / "__init__.py"
    text = path.read_text().replace(observing_monitor.__version__, "0.1.9")
    path.write_text(text)
    return folder


def test_workers_of_another_version(tree, tmp_path):
    """Workers of another version are refused before any work."""
    folder, now, _ = tree
    output = tmp_path / "site"
    with DaskCluster(tmp_path) as cluster:
        cluster.add_worker(PYTHONPATH=str(other_version(tmp_path / "other")))
        process = start(*rebuild_of(folder, output), "--scheduler", cluster.address, now=now)
        code, said = ended(process, LIMIT_S)
    version = observing_monitor.__version__
    assert code in (1, 2) and f"has observing_monitor 0.1.9, but this is {version}" in said
    assert "install the same version on all hosts" in said
    assert not list(output.glob("data/stream=*/night=*/*.parquet"))


def test_limits():
    """A lost cluster is noticed within the time that the tests allow."""
    longest = max(cluster_module.SILENT_S, cluster_module.NO_WORKER_S)
    assert longest + 2 * cluster_module.ANSWER_S < LIMIT_S
