"""A private Ceph with its S3 gateway."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
import uuid
from urllib.request import urlopen

from servers import Server, free_port

# "auth ... = none" is for Ceph's programs among each other; the gateway still asks for keys.
SETTINGS = """[global]
fsid = {fsid}
mon host = v2:127.0.0.1:{mon_port}
mon initial members = a
mon data = {folder}/mon
auth cluster required = none
auth service required = none
auth client required = none
ms bind msgr1 = false
ms mon client mode = crc
public addr = 127.0.0.1
cluster addr = 127.0.0.1
run dir = {folder}
crash dir = {folder}
admin socket = {folder}/$name.asok
pid file = {folder}/$name.pid
log file = {folder}/$name.log
keyring = /dev/null
osd objectstore = memstore
memstore device bytes = 2147483648
osd data = {folder}/osd
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
mon data avail warn = 1
mon data avail crit = 0
paxos propose interval = 0.02
paxos min wait = 0.01
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:{port}
rgw run sync thread = false
debug rgw = 1
"""


class Ceph(Server):
    """Debian's Ceph on loopback.

    It starts in about a second and takes 130 MB of memory.
    """

    users = ("ceph",)
    stop_signal = signal.SIGKILL  # it keeps nothing

    def __init__(self):
        super().__init__()
        self.mon_port = free_port()
        self.others = []  # all processes but the gateway

    @staticmethod
    def is_there():
        return all(
            shutil.which(name)
            for name in ("ceph-mon", "ceph-osd", "radosgw", "radosgw-admin", "ceph", "monmaptool")
        )

    @property
    def endpoint(self):
        """The gateway's address."""
        return f"http://127.0.0.1:{self.port}"

    def prepare(self):
        """Make the cluster; start all but the gateway."""
        fsid, osd = str(uuid.uuid4()), str(uuid.uuid4())
        self._write_settings(fsid)
        monitor_map = f"{self.folder}/monmap"
        monitor = f"[v2:127.0.0.1:{self.mon_port}]"
        where = ["--addv", "a", monitor, "--enable-all-features", monitor_map]
        self.run("monmaptool", "--create", "--fsid", fsid, *where)
        self.run("ceph-mon", "--mkfs", "-i", "a", "--monmap", monitor_map)
        self._start_other("ceph-mon", "-i", "a", "-f")
        self.run("ceph", "--connect-timeout", "20", "osd", "new", osd)
        self.run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd)
        self._start_other("ceph-osd", "-i", "0", "-f")
        give_up = time.monotonic() + 30
        while "1 up" not in self.run("ceph", "--connect-timeout", "20", "osd", "stat"):
            if time.monotonic() > give_up:
                raise RuntimeError("Ceph's object daemon did not come up")
            time.sleep(0.05)

    def _write_settings(self, fsid):
        for name in ("mon", "osd"):
            folder = self.folder / name
            folder.mkdir()
            if self._user is not None:
                shutil.chown(folder, self._user)
        settings = SETTINGS.format(
            fsid=fsid, mon_port=self.mon_port, port=self.port, folder=self.folder
        )
        (self.folder / "ceph.conf").write_text(settings)

    def command(self):
        return ["radosgw", "-n", "client.rgw", "-f"]

    def is_ready(self):
        try:
            with urlopen(self.endpoint, timeout=5):
                return True
        except OSError:
            return False

    def stop(self):
        super().stop()
        for process in self.others:
            process.kill()
            process.wait()
        self.others = []

    def user(self, name):
        """Make a user; return its access key and secret."""
        made = json.loads(
            self.run("radosgw-admin", "user", "create", f"--uid={name}", f"--display-name={name}")
        )
        return made["keys"][0]["access_key"], made["keys"][0]["secret_key"]

    def requests(self, bucket):
        """Return the requests about a bucket, in order.

        Each is (method, path with query, status).
        """
        lines = (self.folder / "client.rgw.log").read_text(errors="replace")
        found = re.findall(rf'"([A-Z]+) (/{re.escape(bucket)}(?:[/?]\S*)?) HTTP/1\.1" (\d+)', lines)
        return [(method, path, int(status)) for method, path, status in found]

    def _start_other(self, *command):
        with open(self.log, "ab") as log:
            how = self._how()
            self.others.append(
                subprocess.Popen(
                    command,
                    **how,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            )

    def _how(self):
        how = super()._how()
        how["env"] |= {
            "CEPH_CONF": str(self.folder / "ceph.conf"),
            "PATH": f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin",
        }
        return how
