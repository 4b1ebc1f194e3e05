"""How sources read etcd: a range of keys through its HTTP gateway, in time, and without showing a password.

etcd 3 answers JSON under `/v3/` (from etcd 3.4), keys and values in base64. Nothing but the standard library is needed.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import time
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING

from observing_monitor.errors import SourceError, UsageError

if TYPE_CHECKING:
    from typing import Any


MAX_ANSWER_BYTES = 256 * 2**20  # more than that is no set of monitor points


@dataclass(frozen=True)
class Etcd:
    """Where an etcd is, and how long an answer may take."""

    url: str  # of the gateway: http://host:2379
    user: str = ""  # where etcd asks for one
    password_env: str = ""  # the environment variable that holds the user's password
    timeout_s: float = 10

    @property
    def place(self) -> str:
        """The address without user or password; UsageError where it is none."""
        try:
            parts = urllib.parse.urlsplit(self.url)
            port = f":{parts.port}" if parts.port else ""
        except ValueError:
            parts = None
        if not parts or parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError("the url of an etcd is no address; write http://host:2379")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        return f"{parts.scheme}://{host}{port}"

    def count(self, first: str, after: str) -> int:
        """How many keys there are from `first` up to, but without, `after`."""
        return int(self._range(first, after, count_only=True).get("count", 0))

    def read(self, first: str, after: str) -> dict[str, bytes]:
        """The values (bytes) by key (text) from `first` up to, but without, `after`."""
        return pairs_of(self._range(first, after), self.place)

    def _range(self, first: str, after: str, **more: bool) -> dict[str, Any]:
        # serializable: answered by the member that is asked, so that a monitor is never a burden to the others
        return self._post(
            "/v3/kv/range",
            {"key": _b64(first), "range_end": _b64(after), "serializable": True, **more},
            self._token(),
        )

    def _token(self) -> dict[str, str]:
        """The headers that say who asks."""
        if not self.user:
            return {}
        password = os.environ.get(self.password_env) if self.password_env else ""
        if password is None:
            raise SourceError(
                f"{self.place}: the environment has no {self.password_env}; export it where this is run"
            )
        token = self._post(
            "/v3/auth/authenticate", {"name": self.user, "password": password}, {}
        ).get("token")
        return {"Authorization": str(token)}

    def _post(self, path: str, body: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
        request = urllib.request.Request(
            self.place + path,
            json.dumps(body).encode(),
            {"Content-Type": "application/json", **headers},
        )
        direct = urllib.request.build_opener(
            urllib.request.ProxyHandler({})
        )  # etcd lies within the house, behind no proxy
        try:
            with direct.open(request, timeout=self.timeout_s) as answer:
                told = json.loads(_read_whole(answer, time.monotonic() + self.timeout_s))
        except urllib.error.HTTPError as error:
            raise SourceError(
                f"{self.place}: {self._said(error)}; nothing of it was read"
            ) from None
        except TimeoutError:
            raise SourceError(
                f"{self.place}: no whole answer within {self.timeout_s:g} s; see whether etcd is overloaded, or raise timeout_s"
            ) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            if isinstance(getattr(error, "reason", None), TimeoutError):
                raise SourceError(
                    f"{self.place}: no answer within {self.timeout_s:g} s; is etcd running there?"
                ) from None
            raise SourceError(f"{self.place}: {_why(error)}; is etcd's gateway there?") from None
        if not isinstance(told, dict):
            raise SourceError(
                f"{self.place}: its answer is not etcd's; the url should be that of etcd 3.4 or newer"
            )
        return told

    def _said(self, error: urllib.error.HTTPError) -> str:
        """What etcd says of a request that it refuses, in a line."""
        try:
            words = str(json.loads(error.read(10_000))["message"])
        except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException):
            words = f"answers {error.code} {error.reason}"
        password = os.environ.get(self.password_env, "") if self.password_env else ""
        return " ".join((words.replace(password, "…") if password else words).split())[:300]


def pairs_of(answer: dict[str, Any], place: str) -> dict[str, bytes]:
    """The values (bytes) by key (text) of an answer to a range request, as the gateway and `etcdctl get -w json` write it."""
    try:
        pairs = [
            (base64.b64decode(pair["key"]), base64.b64decode(pair.get("value", "")))
            for pair in answer.get("kvs", [])
        ]
    except (TypeError, KeyError, ValueError, AttributeError):
        raise SourceError(
            f"{place}: its keys and values are not etcd's; they should be in base64"
        ) from None
    return {key.decode("utf-8", "backslashreplace"): value for key, value in pairs}


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _read_whole(answer: http.client.HTTPResponse, deadline: float) -> bytes:
    """All of an answer; TimeoutError where it only trickles in."""
    parts, size = [], 0
    while part := answer.read1(1 << 20):
        parts.append(part)
        size += len(part)
        if time.monotonic() > deadline:
            raise TimeoutError
        if size > MAX_ANSWER_BYTES:
            raise ValueError(f"answers more than {MAX_ANSWER_BYTES >> 20} MB")
    return b"".join(parts)


def _why(error: Exception) -> str:
    reason = getattr(error, "reason", error)
    return (getattr(reason, "strerror", None) or str(reason) or type(reason).__name__).lower()[:300]
