"""Another process that works while this one continues."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from conftest import need

from observing_monitor.processes import parallel


def test_result_of_another_process():
    """The result comes back as it is; None if the process was killed."""
    assert parallel.start_process(os.path.join, "data", "n\udcff")() == "data/n\udcff"
    assert parallel.start_process(os.kill, 0, "no signal")() is None


def test_process_ends_with_its_parent():
    """A process dies with the one that started it."""
    code = """
import sys, time
from observing_monitor.processes import parallel
parallel.start_process(time.sleep, 60)
print(flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        parent.stdout.readline()
        listed = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
        need(listed.exists(), "the kernel does not list the children of a process")
        child = Path("/proc", listed.read_text().strip())
        assert child.name.isdigit() and child.exists()
        parent.kill()
    deadline = time.monotonic() + 20
    while child.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not child.exists()


def test_process_reads_file_names_as_this_one(tmp_path):
    """Both processes give a file the same name, whatever the locale."""
    localedef = shutil.which("localedef")
    need(localedef, "there is no localedef (Debian's package libc-bin)")
    latin_1 = tmp_path / "en_US.ISO-8859-1"
    made = [localedef, "-i", "en_US", "-f", "ISO-8859-1", latin_1]
    need(subprocess.run(made, check=False).returncode == 0, "there is no locale en_US")
    (tmp_path / "Grüße.txt").touch()
    code = f"""
import os
from observing_monitor.processes import parallel
print(parallel.start_process(os.listdir, {str(tmp_path)!r})() == os.listdir({str(tmp_path)!r}))
"""
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", code],
        env=os.environ | {"LOCPATH": str(tmp_path), "LC_ALL": latin_1.name},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "True\n"


def test_import_ahead():
    """Modules are imported by their names."""
    code = """
import sys
from observing_monitor.processes import parallel
parallel.import_ahead(["wave", "xml.dom"])
print("wave" in sys.modules and "xml.dom" in sys.modules)
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout == "True\n"
