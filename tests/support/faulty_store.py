"""A proxy of an object store that fails as it is told."""

import http.client
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BUSY = b"<?xml version='1.0'?><Error><Code>SlowDown</Code><Message>slow</Message></Error>"
BROKEN = b"<?xml version='1.0'?><Error><Code>InternalError</Code><Message>x</Message></Error>"
ANSWERS = {"busy": (503, BUSY), "broken": (500, BROKEN)}


class FaultyStore:
    """Passes requests on to a port of loopback.

    `fault(number)` returns what happens to a request: "" passes it on; "busy" and "broken" answer
    with an error; "cut" closes the connection in the middle of the answer; "lost" does what was
    asked, and closes the connection without an answer; "slow" answers after `slow_s`; "hang" never
    answers; "stall" answers half, if there is a body.
    """

    def __init__(self, port):
        self.fault = lambda number: ""
        self.to, self.n_requests = port, 0
        self.faults = []
        self.failed_at = 0.0  # time.monotonic() of the first fault
        self.slow_s = 1.0
        self.ended = threading.Event()  # lets hanging requests go
        self._lock = threading.Lock()

    def __enter__(self):
        handler = type("Handler", (_Handler,), {"store": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.server.shutdown()
        self.server.server_close()

    def next_fault(self):
        with self._lock:
            self.n_requests += 1
            fault = self.fault(self.n_requests)
            if fault:
                self.failed_at = self.failed_at if self.faults else time.monotonic()
                self.faults.append(fault)
            return fault


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    store = None

    def log_message(self, *_):
        pass

    def _pass(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.store.next_fault()
        if fault == "hang":
            self.close_connection = True
            return self.store.ended.wait()
        if fault == "slow":
            time.sleep(self.store.slow_s)
        if fault in ("busy", "broken"):
            return self._answer(
                503 if fault == "busy" else 500, {}, BUSY if fault == "busy" else BROKEN
            )
        onward = http.client.HTTPConnection("127.0.0.1", self.store.to, timeout=60)
        onward.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in ("connection", "expect"):
                onward.putheader(name, value)
        onward.endheaders(body)
        answer = onward.getresponse()
        data = answer.read()
        headers = {
            name: value
            for name, value in answer.getheaders()
            if name.lower() not in ("transfer-encoding", "connection", "content-length")
        }
        length = answer.getheader("Content-Length") if self.command == "HEAD" else None
        onward.close()
        if fault == "lost":
            self.close_connection = True
            return None
        if fault == "cut":
            self._answer(answer.status, headers, data, len(data) + 1000)
            self.close_connection = True
            return None
        if fault == "stall" and data:
            self._answer(answer.status, headers, data[: len(data) // 2], length or len(data))
            self.close_connection = True
            return self.store.ended.wait()
        return self._answer(answer.status, headers, data, length)

    def _answer(self, status, headers, data, length=None):
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(data) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


for method in ("GET", "PUT", "POST", "HEAD", "DELETE"):
    setattr(_Handler, f"do_{method}", _Handler._pass)
