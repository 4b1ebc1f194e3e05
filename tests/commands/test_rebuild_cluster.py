"""Rebuilds on a Dask cluster."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from conftest import need
from histories import DAYS, make_history, rebuild_of
from running import contents, nights, start
from support.clusters import DaskCluster

from observing_monitor.errors import UsageError
from observing_monitor.processes.cluster import cluster


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A history: its folder, its clock, and what a rebuild writes."""
    folder = tmp_path_factory.mktemp("history")
    return folder, *make_history(folder)


@contextlib.contextmanager
def dask_cluster(tmp_path, *before):
    """Run a Dask cluster of two; yield its address and the workers.

    Each is a process of its own. `before` comes before the workers' command.
    """
    with DaskCluster(tmp_path) as made:
        made.add_worker(*before)
        made.add_worker(*before)
        yield made.address, made.workers


def test_cluster_of_which_a_worker_dies(tree, tmp_path):
    """A rebuild whose worker is killed writes what one process writes."""
    folder, now, expected = tree
    output = tmp_path / "site"
    with dask_cluster(tmp_path) as (address, both):
        process = start(*rebuild_of(folder, output), "--scheduler", address, now=now)
        while (
            process.poll() is None
            and len(list(output.glob("data/stream=input/night=*/looked.json"))) < 3
        ):
            time.sleep(0.005)
        both[0].kill()
        _, error = process.communicate()
    assert process.returncode == 0, error
    assert contents(output) == expected and len(nights(output)) == len(DAYS)


def test_cluster_of_hosts_that_were_switched_on_at_other_times(tree, tmp_path):
    """A limit is the same instant for workers with another clock.

    A time namespace of the kernel gives them such a clock.
    """
    ahead_s = 1_000_000
    inside = (
        "unshare",
        *(() if os.geteuid() == 0 else ("--user", "--map-root-user")),
        "--time",
        "--monotonic",
        str(ahead_s),
        "--",
    )
    asked = [*inside, sys.executable, "-c", "import time; print(time.monotonic())"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    need(done.returncode == 0, f"this kernel has no time namespaces for us: {done.stderr}")
    assert abs(float(done.stdout) - time.monotonic() - ahead_s) < 60
    folder, now, expected = tree
    output = tmp_path / "site"
    with dask_cluster(tmp_path, *inside) as (address, _):
        process = start(
            *rebuild_of(folder, output), "--scheduler", address, "--max_run_s", 300, now=now
        )
        _, error = process.communicate()
        assert process.returncode == 0, error
        assert contents(output) == expected
        process = start(
            *rebuild_of(folder, tmp_path / "short"),
            "--scheduler",
            address,
            "--max_run_s",
            0.01,
            now=now,
        )
        _, error = process.communicate()
    assert (
        process.returncode == 1
        and "11 nights not looked at, 2020-02-01 to 2020-02-11: the run's time was up" in error
    )


SECRETS = ("hunter2-of-settings", "s3cret-of-environment")


def write_secret_settings(path, server):
    """Write streams whose password is in the settings, and in the environment."""
    server.execute(
        "create table counts (night date, alerts int)",
        "insert into counts select '2020-02-01'::date + n, n from generate_series(0, 5) n",
        f"create role observer login password '{SECRETS[1]}'",
        "grant select on counts to observer",
    )
    text = '[observing_monitor]\noutput_dir = "site"\n'
    urls = {
        "settings": f'"{server.url()}"',
        "environment": f'"{server.url(user="observer", password="")}"\n'
        'password_env = "OBSERVERS_PASSWORD"',
    }
    for name, url in urls.items():
        text += f'[streams.{name}]\n[[streams.{name}.sources]]\ntype = "sql"\n'
        text += 'query = "select * from counts"\nnight_column = "night"\n'
        text += f'values = {{n_alerts = "alerts"}}\nurl = {url}\n'
    path.write_text(text)


def seen_in_a_run(which, client, both):
    """Run a rebuild; return what process lists and the scheduler showed."""
    process = start(*which)
    listed = [Path(f"/proc/{one.pid}/cmdline").read_text() for one in (*both, process)]
    tasks = []
    while process.poll() is None:
        tasks += client.run_on_scheduler(
            lambda dask_scheduler: [(str(t), t.key, repr(t)) for t in dask_scheduler.tasks.values()]
        )
    printed = "".join(process.communicate())
    assert process.returncode == 0, printed
    return {"lists": "".join(listed), "tasks": repr(tasks), "printed": printed}


def seen_in_a_failure(which, client, folder):
    """Run a rebuild whose night fails; return what Dask logged."""
    night = folder / "site" / "data" / "stream=settings" / "night=2020-02-03"
    shutil.rmtree(night)
    night.write_text("no folder")
    process = start(*which, "--full")
    printed = "".join(process.communicate())
    assert process.returncode == 2 and "night=2020-02-03" in printed
    client.dump_cluster_state(str(folder / "dump"), format="yaml")
    logs = (client.get_scheduler_logs(), client.get_worker_logs(), client.get_events())
    return {"failed": printed, "logs": repr(logs), "dump": (folder / "dump.yaml").read_text()}


def test_no_password_is_seen_on_a_cluster(tmp_path, monkeypatch):
    """No password is in an argument, log, dump or page of a cluster."""
    import distributed
    from servers import PostgreSQL

    monkeypatch.setenv("OBSERVERS_PASSWORD", SECRETS[1])
    config, days = tmp_path / "site.toml", ("--first_day", "2020-02-01", "--last_day", "2020-02-06")
    with PostgreSQL(password=SECRETS[0]) as server, dask_cluster(tmp_path) as (address, both):
        write_secret_settings(config, server)
        which = ("rebuild", "-c", config, "--scheduler", address, *days)
        with distributed.Client(address, timeout=20) as client:
            seen = seen_in_a_run(which, client, both)
            seen |= seen_in_a_failure(which, client, tmp_path)
    seen["log"] = (tmp_path / "dask.log").read_text()
    assert "Compute Failed" in seen["log"], "Dask logs what failed"
    for path in (tmp_path / "site").rglob("*"):
        if path.is_file():
            seen[str(path)] = path.read_bytes().decode(errors="replace")
    for name in ("settings", "environment"):
        assert len(nights(tmp_path / "site" / name)) == 6
    assert [
        (where, secret) for where, text in seen.items() for secret in SECRETS if secret in text
    ] == []


def test_cluster_without_workers(tmp_path, caplog):
    """A cluster without workers is waited for, with a warning."""
    with dask_cluster(tmp_path) as (address, both):
        for worker in both:
            os.kill(worker.pid, signal.SIGSTOP)
        with dask_worker_later(both), cluster(address) as made:
            assert f"the cluster at {address} has no worker yet; waiting for one" in caplog.text
            assert sorted(made.results(abs, [(-3,), (-4,)], None)) == [3, 4]


@contextlib.contextmanager
def dask_worker_later(processes):
    """Let stopped processes continue after a second."""
    timer = threading.Timer(
        1, lambda: [os.kill(process.pid, signal.SIGCONT) for process in processes]
    )
    timer.start()
    try:
        yield
    finally:
        timer.join()


def test_dask_that_is_not_there(tree, tmp_path, capfd):
    """Without Dask, --scheduler says what to install."""
    (tmp_path / "distributed.py").write_text("raise ImportError('No module named dask')\n")
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{os.environ['PYTHONPATH']}"}
    process = start(
        *rebuild_of(tree[0], tmp_path / "site"), "--scheduler", "tcp://127.0.0.1:1", env=environment
    )
    said = process.communicate()[1]
    assert process.returncode == 2
    words = "--scheduler needs Dask, which is not installed; pip install 'observing_monitor[dask]'"
    assert said == f"observing_monitor: {words}\n"


def test_no_scheduler(tree, tmp_path):
    """An address without a scheduler is refused with the remedy."""
    try:
        import distributed  # noqa: F401
    except ImportError:
        need(False, "there is no Dask (pip install observing_monitor[dask])")
    with (
        pytest.raises(UsageError, match="no scheduler answers"),
        cluster("tcp://127.0.0.1:1", timeout_s=2),
    ):
        pass
