"""Read a range of keys from etcd through its HTTP gateway.

etcd 3.4 and newer answer JSON below `/v3/`, with keys and values in base64.
The standard library is all that is needed.
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
from observing_monitor.model.messages import os_error_text
from observing_monitor.readers.passwords import password_from

if TYPE_CHECKING:
    from typing import Any


# the monitor points of an array take a few MB
MAX_ANSWER_BYTES = 256 * 2**20


@dataclass(frozen=True)
class Etcd:
    """An etcd's gateway.

    Attributes
    ----------
    url
        The gateway's address, such as `http://host:2379`.
    user
        The user, if etcd asks for one.
    password_env
        The environment variable that holds the user's password.
    timeout_s
        How long a complete answer may take.
    """

    url: str
    user: str = ""
    password_env: str = ""
    timeout_s: float = 10

    @property
    def place(self) -> str:
        """The address without user and password.

        Raises UsageError if `url` is not an address.
        """
        try:
            parts = urllib.parse.urlsplit(self.url)
            port = f":{parts.port}" if parts.port else ""
        except ValueError:
            parts = None
        if not parts or parts.scheme not in ("http", "https") or not parts.hostname:
            # the url is not shown: it may hold a password
            raise UsageError("the url of an etcd is no address; write http://host:2379")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        return f"{parts.scheme}://{host}{port}"

    def count(self, first: str, after: str) -> int:
        """Count keys in a range.

        The range is from `first` up to, but without, `after`.
        """
        return int(self._range(first, after, count_only=True).get("count", 0))

    def read(self, first: str, after: str) -> dict[str, bytes]:
        """Return the keys of a range with their values.

        The range is from `first` up to, but without, `after`.

        Raises
        ------
        SourceError
            If etcd does not answer in time, refuses, or answers something else.
        """
        return pairs_of(self._range(first, after), self.place)

    def _range(self, first: str, after: str, **more: bool) -> dict[str, Any]:
        # serializable: the member that is asked answers alone, at no cost to the others
        return self._post(
            "/v3/kv/range",
            {"key": _b64(first), "range_end": _b64(after), "serializable": True, **more},
            self._authorization(),
        )

    def _authorization(self) -> dict[str, str]:
        """Return the header that identifies the user, if any."""
        if not self.user:
            return {}
        password = password_from(self.password_env, self.place)
        answer = self._post("/v3/auth/authenticate", {"name": self.user, "password": password}, {})
        return {"Authorization": str(answer.get("token"))}

    def _post(self, path: str, body: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
        """Return the answer to a request.

        Raises SourceError if there is no complete one in time.
        """
        request = urllib.request.Request(
            self.place + path,
            json.dumps(body).encode(),
            {"Content-Type": "application/json", **headers},
        )
        # etcd is inside the observatory: the environment's proxy does not lead to it
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        limit = f"within {self.timeout_s:g} s"
        try:
            with direct.open(request, timeout=self.timeout_s) as answer:
                value = json.loads(_read_whole(answer, time.monotonic() + self.timeout_s))
        except urllib.error.HTTPError as error:
            words = f"{self._refusal(error)}; nothing of it was read"
            raise SourceError(f"{self.place}: {words}") from None
        except TimeoutError:
            words = f"no whole answer {limit}; see whether etcd is overloaded, or raise timeout_s"
            raise SourceError(f"{self.place}: {words}") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            if isinstance(getattr(error, "reason", None), TimeoutError):
                words = f"no answer {limit}; is etcd running there?"
            else:
                words = f"{_reason(error)}; is etcd's gateway there?"
            raise SourceError(f"{self.place}: {words}") from None
        if not isinstance(value, dict):
            words = "its answer is not etcd's; the url should be that of etcd 3.4 or newer"
            raise SourceError(f"{self.place}: {words}")
        return value

    def _refusal(self, error: urllib.error.HTTPError) -> str:
        """Return etcd's reason for a refusal, without the password."""
        try:
            words = str(json.loads(error.read(10_000))["message"])
        except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException):
            words = f"answers {error.code} {error.reason}"
        password = os.environ.get(self.password_env, "") if self.password_env else ""
        return " ".join((words.replace(password, "…") if password else words).split())[:300]


def pairs_of(answer: dict[str, Any], place: str) -> dict[str, bytes]:
    """Return keys and values of an answer.

    Parameters
    ----------
    answer
        JSON as the gateway and `etcdctl get -w json` write it.
    place
        Where the answer comes from, for messages.

    Raises
    ------
    SourceError
        If keys or values are not in base64.
    """
    try:
        pairs = [
            (base64.b64decode(pair["key"]), base64.b64decode(pair.get("value", "")))
            for pair in answer.get("kvs", [])
        ]
    except (TypeError, KeyError, ValueError, AttributeError):
        words = "its keys and values are not etcd's; they should be in base64"
        raise SourceError(f"{place}: {words}") from None
    return {key.decode("utf-8", "backslashreplace"): value for key, value in pairs}


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _read_whole(answer: http.client.HTTPResponse, deadline: float) -> bytes:
    """Return a whole answer; TimeoutError if it arrives too slowly."""
    parts, size = [], 0
    while part := answer.read1(1 << 20):
        parts.append(part)
        size += len(part)
        if time.monotonic() > deadline:
            raise TimeoutError
        if size > MAX_ANSWER_BYTES:
            raise ValueError(f"answers more than {MAX_ANSWER_BYTES >> 20} MB")
    return b"".join(parts)


def _reason(error: Exception) -> str:
    """Return why a connection failed, in lower case."""
    reason = getattr(error, "reason", error)
    return os_error_text(reason if isinstance(reason, BaseException) else error)
