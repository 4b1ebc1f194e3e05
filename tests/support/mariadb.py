"""A private MariaDB for the tests."""

import shutil
import socket
import time

from servers import Server


class MariaDB(Server):
    """Debian's MariaDB on loopback and on a socket.

    The user `lasair` has a password. Nothing is safe from a power cut, so it starts and stops in
    about two seconds.
    """

    users = ("mysql",)
    password = "it's <b>&%/ secret"  # hard on URLs, on SQL and on HTML

    @staticmethod
    def programs():
        """Return the paths of the two programs, or None."""
        path = "/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"
        found = [
            shutil.which(name) or shutil.which(name, path=path)
            for name in ("mariadbd", "mariadb-install-db")
        ]
        return found if all(found) else None

    @property
    def socket(self):
        return self.folder / "sock"

    def prepare(self):
        """Make the system tables."""
        how = ["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"]
        self.run(
            self.programs()[1],
            "--no-defaults",
            f"--datadir={self.folder / 'data'}",
            f"--tmpdir={self.folder}",
            *how,
        )

    def command(self):
        """Return the server's command line."""
        return [
            self.programs()[0],
            "--no-defaults",
            f"--datadir={self.folder / 'data'}",
            f"--tmpdir={self.folder}",
            f"--socket={self.socket}",
            f"--pid-file={self.folder / 'pid'}",
            "--bind-address=127.0.0.1",
            f"--port={self.port}",
            "--skip-name-resolve",
            "--innodb-buffer-pool-size=16M",
            "--innodb-flush-log-at-trx-commit=0",
            "--skip-log-bin",
        ]

    def is_ready(self):
        """True if it takes connections."""
        with socket.socket(socket.AF_UNIX) as asked:
            return asked.connect_ex(str(self.socket)) == 0

    def execute(self, *statements, database=None):
        """Run and commit statements as root; return the last rows."""
        import pymysql

        connection = pymysql.connect(
            unix_socket=str(self.socket), user="root", database=database, autocommit=True
        )
        try:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
                return list(cursor.fetchall())
        finally:
            connection.close()

    def url(self, database, password=None):
        """Return the URL of a database for the user lasair.

        An empty `password` leaves the password out.
        """
        from urllib.parse import quote

        password = self.password if password is None else password
        secret = ":" + quote(password, safe="") if password else ""
        return f"mysql://lasair{secret}@127.0.0.1:{self.port}/{database}"

    def create(self, database):
        """Make an empty database for the user lasair; return its URL.

        A database of the same name is dropped. The server gets the time zone of this process.
        """
        password = self.password.replace("'", "''")
        offset = time.strftime("%z")
        self.execute(
            f"SET GLOBAL time_zone = '{offset[:3]}:{offset[3:]}'",
            f"DROP DATABASE IF EXISTS {database}",
            f"CREATE DATABASE {database}",
            f"CREATE USER IF NOT EXISTS lasair@'127.0.0.1' IDENTIFIED BY '{password}'",
            f"GRANT ALL ON {database}.* TO lasair@'127.0.0.1'",
        )
        return self.url(database)
