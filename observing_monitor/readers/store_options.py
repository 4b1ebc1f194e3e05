"""Settings of object stores, and fsspec's file systems for them."""

from __future__ import annotations

import datetime
import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from observing_monitor.errors import UsageError
from observing_monitor.model.setting import setting

if TYPE_CHECKING:
    from observing_monitor.readers.patience import Patience


# S3: a request that fails is sent TRIES times by botocore, in each of ROUNDS by s3fs, which
# doubles the rounds of reads. `patience` ends this earlier if no answer comes.
CONNECT_S, TRIES, ROUNDS = 5, 3, 2
_SECRET = re.compile(r"key|secret|token|pass|cred|connection_string", re.IGNORECASE)


@dataclass(frozen=True)
class Storage:
    """Access to an object store: a table `[storage]`."""

    endpoint_url: str = setting(
        "",
        "Address of your own store. By default `AWS_ENDPOINT_URL`, else Amazon's.",
        example="https://s3.example.org",
    )
    region: str = setting(
        "",
        "Region of the bucket. By default that of `AWS_REGION` or of the profile.",
        example="us-west-2",
    )
    profile: str = setting(
        "",
        "Profile in `~/.aws/config` and `~/.aws/credentials`. By default `AWS_PROFILE`.",
        example="observatory",
    )
    anonymous: bool = setting(False, "With `true`, a public bucket is read without credentials.")
    options: dict[str, Any] = setting(
        {},
        "More options for fsspec's file system: `project` for gs, `account_name` for az.",
        example={"project": "observatory"},
    )

    def check(self) -> None:
        """Raise UsageError if a setting is wrong or holds a secret."""
        for key in self.options:
            if _SECRET.search(key):
                remedy = "use the environment or a profile"
                raise UsageError(
                    f"key {key!r} of options: no secret may stand in the settings; {remedy}"
                )
        is_address = re.fullmatch(r"https?://[^/@\s]+(/[^@\s]*)?", self.endpoint_url)
        if self.endpoint_url and not is_address:
            remedy = "write https://HOST or https://HOST:PORT"
            raise UsageError(
                f"key 'endpoint_url': is no address without user and password; {remedy}"
            )


def open_store(scheme: str, storage: Storage, patience: Patience) -> Any:
    """Return fsspec's file system of a scheme."""
    import fsspec

    for noisy in ("botocore", "aiobotocore", "s3fs", "fsspec", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    options = _s3_options(storage, patience) if scheme == "s3" else _other_options(scheme, storage)
    made = fsspec.filesystem(scheme, **options, skip_instance_cache=True, use_listings_cache=False)
    if scheme == "s3":
        made.retries = ROUNDS
    return made


def _other_options(scheme: str, storage: Storage) -> dict[str, Any]:
    anonymous: dict[str, dict[str, Any]] = {"gs": {"token": "anon"}, "az": {"anon": True}}
    return {**(anonymous.get(scheme, {}) if storage.anonymous else {}), **storage.options}


def _s3_options(storage: Storage, patience: Patience) -> dict[str, Any]:
    config = {
        "connect_timeout": CONNECT_S,
        "read_timeout": patience.answer_s,
        "retries": {"mode": "standard", "total_max_attempts": TRIES},
        # many stores do not know the checksums that Amazon's has had since 2025
        "request_checksum_calculation": "when_required",
        "response_checksum_validation": "when_required",
        **storage.options.get("config_kwargs", {}),
    }
    patience.answer_s = float(config["read_timeout"])
    options: dict[str, Any] = {
        "session": _session(storage.profile, patience),
        # with more, s3fs requests each object's size before it reads the object
        "max_concurrency": 1,
    }
    if storage.anonymous:
        options["anon"] = True
    if storage.endpoint_url:
        options["endpoint_url"] = storage.endpoint_url
    if storage.region:
        options["client_kwargs"] = {"region_name": storage.region}
    return {**options, **storage.options, "config_kwargs": config}


def _session(profile: str, patience: Patience) -> Any:
    """Return the session with credentials, parser and patience.

    Times are parsed by Python's own `fromisoformat`, which halves the cost of a listing.
    """
    from aiobotocore.session import AioSession
    from botocore.utils import parse_timestamp

    def to_time(value: Any) -> Any:
        try:
            return datetime.datetime.fromisoformat(value)
        except (TypeError, ValueError):  # a number, or the form of HTTP headers
            return parse_timestamp(value)

    session = AioSession(profile=profile or None)
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=to_time)
    session.register("needs-retry.s3", patience.after_try)
    return session
