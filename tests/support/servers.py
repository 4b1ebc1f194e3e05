"""Private servers: real programs on loopback."""

import abc
import getpass
import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path


def free_port():
    """Return a free TCP port of loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def unprivileged_user(*names):
    """Return the user that a server runs as.

    This is the current user; for root, the first of `names` that exists.
    """
    if os.geteuid() != 0:
        return getpass.getuser()
    existing = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in (*names, "nobody") if name in existing), None)


class Server(abc.ABC):
    """A program that runs in a temporary folder.

    `folder` belongs to the program's user and is removed afterwards; `log` has the program's
    output.
    """

    users = ()  # the users to run as if we are root, the best first
    stop_signal = signal.SIGTERM

    def __init__(self):
        self.port = free_port()
        self.folder = None
        self.process = None

    @abc.abstractmethod
    def prepare(self):
        """Make the files that the program needs, below `folder`."""

    @abc.abstractmethod
    def command(self):
        """Return the program and its arguments, a list of texts."""

    @abc.abstractmethod
    def is_ready(self):
        """True if the program answers."""

    @property
    def log(self):
        """The path of the program's output."""
        return self.folder / "log"

    def __enter__(self):
        # short: a socket's path may have 107 bytes
        self.folder = Path(tempfile.mkdtemp(prefix="obsmon-"))
        try:
            if self._user is not None:
                shutil.chown(self.folder, self._user)
            self.prepare()
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def _user(self):
        """The user to change to, or None."""
        return unprivileged_user(*self.users) if os.geteuid() == 0 else None

    def run(self, *command):
        """Run a program as the server's user; return its output.

        Raises
        ------
        RuntimeError
            If it fails; the message has its output.
        """
        done = subprocess.run(
            command, **self._how(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        if done.returncode:
            raise RuntimeError(f"{command[0]} failed: {done.stdout[-2000:]}")
        return done.stdout

    def start(self, timeout_s=30):
        """Start the program and wait until it answers."""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                **self._how(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        give_up = time.monotonic() + timeout_s
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > give_up:
                output = self.log.read_text(errors="replace")[-2000:]
                raise RuntimeError(f"{self.command()[0]} did not start: {output}")
            time.sleep(0.02)

    def stop(self):
        """Stop the program if it runs."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(self.stop_signal)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _how(self):
        """Return Popen's options: user, folder and environment."""
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.folder),
            "TMPDIR": str(self.folder),
            "LC_ALL": "C.UTF-8",
            "TZ": os.environ.get("TZ", "UTC"),
        }
        how = {"cwd": self.folder, "env": environment}
        if self._user is not None:
            how |= {
                "user": self._user,
                "group": pwd.getpwnam(self._user).pw_gid,
                "extra_groups": [],
            }
        return how


class PostgreSQL(Server):
    """Debian's PostgreSQL with one superuser, `tester`.

    With a `password` all clients need it; without one, none do. `settings` are settings of the
    server. Nothing is safe from a power cut, so it starts and stops in about a second.
    """

    users = ("postgres",)
    stop_signal = signal.SIGINT  # does not wait for clients

    def __init__(self, password=None, **settings):
        super().__init__()
        self.password = password
        self.settings = settings

    @staticmethod
    def bin():
        """Return the folder of the newest PostgreSQL, or None."""
        found = [Path(path).parent for path in glob.glob("/usr/lib/postgresql/*/bin/initdb")]
        if not found and (initdb := shutil.which("initdb")):
            found = [Path(initdb).resolve().parent]
        return max(
            found,
            key=lambda path: [int(part) for part in path.parent.name.split(".") if part.isdigit()],
            default=None,
        )

    def prepare(self):
        """Make the cluster."""
        how = ["--auth=trust"]
        if self.password is not None:
            file = self.folder / "password"
            file.write_text(self.password + "\n")
            how = ["--auth=scram-sha-256", f"--pwfile={file}"]
        self.run(
            str(self.bin() / "initdb"),
            "-D",
            str(self.folder / "data"),
            "-U",
            "tester",
            "-E",
            "UTF8",
            "--no-sync",
            "--no-instructions",
            *how,
        )

    def command(self):
        """Return the command line of a server on loopback and a socket."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": self.folder,
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "shared_buffers": "16MB",
            "max_connections": 30,
            **self.settings,
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [str(self.bin() / "postgres"), "-D", str(self.folder / "data"), *options]

    def is_ready(self):
        """True if it takes connections."""
        asked = [
            str(self.bin() / "pg_isready"),
            "-q",
            "-h",
            "127.0.0.1",
            "-p",
            str(self.port),
            "-U",
            "tester",
        ]
        return subprocess.run(asked, check=False).returncode == 0

    def url(self, dbname="postgres", user="tester", password=None):
        """Return a database's URL with the server's password or another."""
        password = self.password if password is None else password
        secret = f":{password}" if password else ""
        return f"postgresql+psycopg2://{user}{secret}@127.0.0.1:{self.port}/{dbname}"

    def create(self, dbname):
        """Make an empty database in the time zone of this process; return its URL.

        A database of the same name is dropped.
        """
        self.execute(
            f'drop database if exists "{dbname}" with (force)',
            f'create database "{dbname}"',
            f"alter database \"{dbname}\" set timezone = '{os.environ.get('TZ', 'UTC')}'",
        )
        return self.url(dbname)

    def execute(self, *statements, dbname="postgres"):
        """Run and commit statements; return the last rows, or None."""
        import psycopg2

        connection = psycopg2.connect(
            self.url(dbname).replace("postgresql+psycopg2", "postgresql"), connect_timeout=10
        )
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
                return cursor.fetchall() if cursor.description else None
        finally:
            connection.close()
