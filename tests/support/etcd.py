"""A private etcd on free ports of loopback."""

import base64
import contextlib
import json
import shutil
import subprocess
import time
import urllib.request

from needs import need
from servers import free_port


@contextlib.contextmanager
def running(folder):
    """Run an etcd during the block; gives a `Server`."""
    program = shutil.which("etcd")
    need(program, "there is no etcd (Debian's package etcd-server)")
    url, peers = f"http://127.0.0.1:{free_port()}", f"http://127.0.0.1:{free_port()}"
    command = [program, "--data-dir", str(folder), "--log-level", "error"]
    command += ["--listen-client-urls", url, "--advertise-client-urls", url]
    command += [
        "--listen-peer-urls",
        peers,
        "--initial-advertise-peer-urls",
        peers,
        "--initial-cluster",
        f"default={peers}",
    ]
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            yield Server(url, process, folder / "log")
        finally:
            process.kill()  # it keeps nothing
            process.wait()


class Server:
    """A running etcd, asked through its JSON gateway."""

    def __init__(self, url, process, log):
        self.url = url
        self.process = process
        self.headers = {"Content-Type": "application/json"}
        until = time.monotonic() + 30
        while True:
            try:
                self.post("/v3/maintenance/status", {})
                return
            except OSError:
                if process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(
                        f"etcd did not start: {log.read_text(errors='replace')[-2000:]}"
                    ) from None
                time.sleep(0.05)

    def post(self, path, body):
        """Return the gateway's answer to a request."""
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), self.headers)
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
            request, timeout=10
        ) as answer:
            return json.loads(answer.read())

    def put(self, values):
        """Write values by key: text as it is, others as JSON."""
        for key, value in values.items():
            text = value if isinstance(value, str) else json.dumps(value)
            self.post("/v3/kv/put", {"key": b64(key), "value": b64(text)})

    def delete(self, prefix):
        """Remove all keys with an ASCII prefix."""
        self.post(
            "/v3/kv/deleterange",
            {"key": b64(prefix), "range_end": b64(prefix[:-1] + chr(ord(prefix[-1]) + 1))},
        )


def b64(text):
    """Return a text in base64, as the gateway takes it."""
    return base64.b64encode(text.encode()).decode()
