"""A history in parallel: on this machine and on a cluster, with workers that die and runs that are killed."""

import contextlib
import datetime
import json
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from conftest import need
from gen2tree import later, make_night
from running import contents, nights, run, start, times

from observing_monitor.errors import UsageError
from observing_monitor.processes import parallel, workers

DAYS = [datetime.date(2020, 2, 1) + datetime.timedelta(days=n) for n in range(12)]


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """An input of twelve nights, its clock, and what a rebuild in one process makes of it."""
    folder = tmp_path_factory.mktemp("history")
    now = later()
    for night in DAYS:
        # the tenth night is worse than usual, so what is said of it hangs on the nights before it
        make_night(
            folder / "input",
            night,
            {"ingested": 40, "failed": 9 if night == DAYS[9] else 2, "missing": 1},
            now=now,
        )
    assert run(*arguments(folder, folder / "whole"), "--jobs", "1", now=now) == 0
    return folder, now, contents(folder / "whole")


def arguments(folder, output):
    return ("rebuild", "--input_dir", folder / "input", "--output_dir", output)


def double(number, folder):
    """Twice the number; the worker that is given 3 dies, once."""
    if number == 3 and not (folder / "died").exists():
        (folder / "died").touch()
        os._exit(9)
    return 2 * number


def die(number):
    if number == 3:
        os._exit(9)
    return number


def test_workers_that_died_before_they_were_asked(tmp_path):
    """Workers that died while nothing was to be done are made anew when there is, and say so."""
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
    "before, expected",
    [
        ("", "here"),
        ("import numpy", "None"),
        ("threading.Thread(target=time.sleep, args=[5], daemon=True).start()", "None"),
    ],
    ids=["alone", "with numpy", "with a thread"],
)
def test_workers_are_copies_only_of_a_process_without_threads(before, expected):
    """Workers know what a process that is alone knew; of one with threads, which a copy could wait for in vain, they are begun anew."""
    code = f"""
import threading, time
from observing_monitor.processes import workers
{before}
workers.mark = "here"
with workers.processes(2) as made:
    print(*made.results(eval, [("__import__('sys').modules['observing_monitor.processes.workers'].__dict__.get('mark')",)], print))
"""
    assert (
        subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True
        ).stdout.strip()
        == expected
    )


def test_a_process_beside_this_one_ends_with_it():
    """What is asked of a process beside this one comes back as it is; the process dies with the one that began it, however that ends."""
    assert parallel.start_process(os.path.join, "data", "n\udcff")() == "data/n\udcff"
    assert parallel.start_process(os.kill, 0, "no signal")() is None
    code = "import sys, time; from observing_monitor.processes import parallel; parallel.start_process(time.sleep, 60); print(flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        parent.stdout.readline()
        told = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
        child = told.read_text().strip() if told.exists() else ""
        parent.kill()
    need(child, "the kernel does not tell which processes another began")
    deadline = time.monotonic() + 20
    while Path(f"/proc/{child}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{child}").exists()


def pid_of(number, wait_s):
    time.sleep(wait_s)
    return number, os.getpid()


def test_a_worker_gets_again_what_it_had_in_hand(tmp_path):
    """Where there are no more tasks than workers, each goes to the one that did the last task of the same night."""
    with workers.processes(2) as made:
        for _ in range(20):  # until both have begun, and each has had one
            before = dict(made.results(pid_of, [(1, 1.0), (2, 0.3)], None, lambda task: task[0]))
            if before[1] != before[2]:
                break
        assert (
            dict(made.results(pid_of, [(1, 0.5), (2, 0.5)], None, lambda task: task[0])) == before
        )


def test_worker_that_dies_costs_its_task(tmp_path):
    """What a dead worker had in hand, and what waited behind it, is done again; each result comes once."""
    with workers.processes(2) as made:
        results = list(made.results(double, [(n, tmp_path) for n in range(10)], None))
    assert (tmp_path / "died").exists() and sorted(results) == [2 * n for n in range(10)]


def test_task_that_always_kills_its_worker():
    """A task that takes its worker with it every time is told as lost, and takes no other with it."""
    with workers.processes(2) as made:
        results = list(made.results(die, [(n,) for n in range(6)], lambda n: f"lost {n}"))
    assert sorted(map(str, results)) == ["0", "1", "2", "4", "5", "lost 3"]


def finished(output):
    """The nights that a rebuild which was killed among its pages has finished: the page is there, and the row of the index is noted."""
    notes = output / "data" / "stream=input" / "index.notes"
    lines = notes.read_text().splitlines(keepends=True) if notes.exists() else []
    noted = [json.loads(line) for line in lines if line.endswith("\n")]
    return {
        one["night"] for one in noted if one["row"].get("page")
    }  # collecting notes rows as well


def killed_in_the_middle(output, folder, now, *options):
    """Start a rebuild, kill it and its workers among its pages, and tell the nights that it had finished."""
    for _ in range(5):  # where others keep the machine busy it may be done before this looks
        process = start(*arguments(folder, output), *options, now=now, start_new_session=True)
        while process.poll() is None and len(finished(output)) < 5:
            time.sleep(0.002)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if 5 <= len(done := finished(output)) < len(DAYS):
            return done
        shutil.rmtree(output)
    pytest.fail("it was never killed in the middle")


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_resumed_after_a_kill(tree, tmp_path, jobs):
    """Killed in the middle of its pages and started again, a rebuild leaves the finished ones alone, and ends as one never killed."""
    folder, now, expected = tree
    output = tmp_path / "site"
    done = killed_in_the_middle(output, folder, now, "--jobs", jobs)
    before = times(output)
    assert run(*arguments(folder, output), "--jobs", jobs, now=now) == 0
    after = times(output)
    tables = [name for name in before if name.endswith((".parquet", "looked.json"))]
    assert [name for name in tables if after[name] != before[name]] == []
    redone = {night for night in done if after[f"{night}.html"] != before[f"{night}.html"]}
    # what is usual for the tenth night is known only when all are judged: then its page says one thing more
    assert redone <= {DAYS[9].isoformat()}
    assert contents(output) == expected


def test_interrupted(tree, tmp_path):
    """Ctrl-C in a rebuild with workers ends in one line, and leaves what the next one needs to end as one never stopped."""
    folder, now, expected = tree
    output = tmp_path / "site"
    process = start(*arguments(folder, output), "--jobs", "2", now=now, start_new_session=True)
    while process.poll() is None and not list(output.glob("data/stream=input/night=*/looked.json")):
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate()
    assert (
        process.returncode == 130
        and error.splitlines()[-1].startswith("observing_monitor: stopped")
        and "Traceback" not in error
    )
    assert run(*arguments(folder, output), "--jobs", "2", now=now) == 0
    assert contents(output) == expected


def test_lines_without_a_terminal(tree, tmp_path, monkeypatch, capfd):
    """Where there is no terminal, lines say how many nights are done, how many files a second, and how long it will take."""
    from observing_monitor.commands import progress

    folder, now, _ = tree
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0)
    assert run(*arguments(folder, tmp_path / "site"), "--jobs", "1", now=now) == 0
    assert re.search(
        r"input: collecting: 6 of 12 nights, [\d,]+ files/s, [\d.]+ s left", capfd.readouterr().err
    )


# --- a cluster -----------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def dask_cluster(tmp_path, *before):
    """A Dask scheduler and two workers, each a process of its own, on loopback: the address and the workers.

    `before` is what stands before the workers' command.
    """
    try:
        import distributed  # noqa: F401
    except ImportError:
        need(False, "there is no Dask (pip install observing_monitor[dask])")
    environment = os.environ | {
        "DASK_DISTRIBUTED__DASHBOARD__LINK": "",
        "DASK_DISTRIBUTED__DEPLOY__LOST_WORKER_TIMEOUT": "2s",
    }

    def dask(*words, before=()):
        with open(tmp_path / "dask.log", "ab") as log:
            return subprocess.Popen(
                [*before, sys.executable, "-m", *words],
                stdout=log,
                stderr=log,
                cwd=tmp_path,
                env=environment,
            )

    where = tmp_path / "scheduler.json"
    started = [
        dask(
            "distributed.cli.dask_scheduler",
            "--host",
            "127.0.0.1",
            "--port",
            "0",
            "--no-dashboard",
            "--scheduler-file",
            str(where),
        )
    ]
    one = (
        "--nthreads",
        "1",
        "--no-nanny",
        "--no-dashboard",
        "--host",
        "127.0.0.1",
        "--local-directory",
        str(tmp_path / "dask"),
    )
    try:
        deadline = time.monotonic() + 60
        while not where.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        address = re.search(r'"address": "(tcp://[^"]+)"', where.read_text())[1]
        started += [
            dask("distributed.cli.dask_worker", address, *one, before=before) for _ in range(2)
        ]
        yield address, started[1:]
    finally:
        for process in reversed(started):
            process.kill()
            process.wait()


def test_cluster_of_which_a_worker_dies(tree, tmp_path):
    """A rebuild on two workers of a cluster, one of which is killed in the middle, ends as one in a single process."""
    folder, now, expected = tree
    output = tmp_path / "site"
    with dask_cluster(tmp_path) as (address, both):
        process = start(*arguments(folder, output), "--scheduler", address, now=now)
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
    """A run's limit is the same instant to workers whose `time.monotonic` counts from elsewhere (a time namespace of the kernel's)."""
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
            *arguments(folder, output), "--scheduler", address, "--max_run_s", 300, now=now
        )
        _, error = process.communicate()
        assert process.returncode == 0, error
        assert contents(output) == expected
        process = start(
            *arguments(folder, tmp_path / "short"),
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


def test_no_password_is_seen_on_a_cluster(tmp_path, monkeypatch):
    """Passwords of the settings and the environment stand in no argument list, log, dump or page of a cluster, also where a night fails."""
    import distributed
    from servers import PostgreSQL

    secrets = ("hunter2-of-settings", "s3cret-of-environment")
    monkeypatch.setenv("OBSERVERS_PASSWORD", secrets[1])
    with (
        PostgreSQL(password=secrets[0]) as server,
        dask_cluster(tmp_path) as (address, both),
    ):
        server.execute(
            "create table counts (night date, alerts int)",
            "insert into counts select '2020-02-01'::date + n, n from generate_series(0, 5) n",
            f"create role observer login password '{secrets[1]}'",
            "grant select on counts to observer",
        )
        text = '[observing_monitor]\noutput_dir = "site"\n'
        urls = {
            "settings": f'"{server.url()}"',
            "environment": f'"{server.url(user="observer", password="")}"\npassword_env = "OBSERVERS_PASSWORD"',
        }
        for name, url in urls.items():
            text += f'[streams.{name}]\n[[streams.{name}.sources]]\ntype = "sql"\nquery = "select * from counts"\nnight_column = "night"\n'
            text += f'values = {{n_alerts = "alerts"}}\nurl = {url}\n'
        (tmp_path / "site.toml").write_text(text)
        which = (
            "rebuild",
            "-c",
            tmp_path / "site.toml",
            "--scheduler",
            address,
            "--first_day",
            "2020-02-01",
            "--last_day",
            "2020-02-06",
        )
        seen = {}
        with distributed.Client(address, timeout=20) as client:
            process = start(*which)
            seen["lists"] = "".join(
                Path(f"/proc/{worker.pid}/cmdline").read_text() for worker in (*both, process)
            )
            while process.poll() is None:
                tasks = client.run_on_scheduler(
                    lambda dask_scheduler: [
                        (str(t), t.key, repr(t)) for t in dask_scheduler.tasks.values()
                    ]
                )
                seen["tasks"] = seen.get("tasks", "") + repr(tasks)
            seen["first"] = "".join(process.communicate())
            assert process.returncode == 0, seen["first"]
            # what goes wrong in a worker is written down with its arguments
            night = tmp_path / "site" / "data" / "stream=settings" / "night=2020-02-03"
            shutil.rmtree(night)
            night.write_text("no folder")
            process = start(*which, "--full")
            seen["second"] = "".join(process.communicate())
            assert process.returncode == 2 and "night=2020-02-03" in seen["second"]
            client.dump_cluster_state(str(tmp_path / "dump"), format="yaml")
            seen["logs"] = repr(
                (client.get_scheduler_logs(), client.get_worker_logs(), client.get_events())
            )
    seen["dump"], seen["log"] = (
        (tmp_path / "dump.yaml").read_text(),
        (tmp_path / "dask.log").read_text(),
    )
    assert "Compute Failed" in seen["log"], (
        "Dask says nothing of what failed: there is nothing to look at"
    )
    seen |= {
        str(path): path.read_bytes().decode(errors="replace")
        for path in (tmp_path / "site").rglob("*")
        if path.is_file()
    }
    assert (
        len(nights(tmp_path / "site" / "settings"))
        == len(nights(tmp_path / "site" / "environment"))
        == 6
    )
    assert [
        (where, secret) for where, text in seen.items() for secret in secrets if secret in text
    ] == []


def test_cluster_without_workers(tmp_path, caplog):
    """A cluster whose workers are yet to come is waited for, and that is said; what they do then is done."""
    with dask_cluster(tmp_path) as (address, both):
        for worker in both:
            os.kill(worker.pid, signal.SIGSTOP)
        with dask_worker_later(both), workers.cluster(address) as made:
            assert f"the cluster at {address} has no worker yet; waiting for one" in caplog.text
            assert sorted(made.results(abs, [(-3,), (-4,)], None)) == [3, 4]


@contextlib.contextmanager
def dask_worker_later(processes):
    """Lets stopped processes go on in a second."""
    timer = threading.Timer(
        1, lambda: [os.kill(process.pid, signal.SIGCONT) for process in processes]
    )
    timer.start()
    try:
        yield
    finally:
        timer.join()


def test_dask_that_is_not_there(tree, tmp_path, capfd):
    """Without Dask, --scheduler is refused in one line that says what to install."""
    (tmp_path / "distributed.py").write_text("raise ImportError('No module named dask')\n")
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{os.environ['PYTHONPATH']}"}
    process = start(
        *arguments(tree[0], tmp_path / "site"), "--scheduler", "tcp://127.0.0.1:1", env=environment
    )
    said = process.communicate()[1]
    assert process.returncode == 2
    assert (
        said
        == "observing_monitor: --scheduler needs Dask (No module named dask); pip install observing_monitor[dask]\n"
    )


def test_no_scheduler(tree, tmp_path):
    """An address at which nobody listens is told as such."""
    try:
        import distributed  # noqa: F401
    except ImportError:
        need(False, "there is no Dask (pip install observing_monitor[dask])")
    with (
        pytest.raises(UsageError, match="no scheduler answers"),
        workers.cluster("tcp://127.0.0.1:1", timeout_s=2),
    ):
        pass
