"""Compare the settings that a night's data were derived with."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from observing_monitor.model import columns
from observing_monitor.model.digest import digest, hex_digest
from observing_monitor.readers.bounded import LIMITS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from observing_monitor.settings.stream import DescribedSource, Stream
    from observing_monitor.storage.index import Looked


# settings that say where a source is, not how it is read
PLACES = frozenset({"path", "url", "file", "dump"})


def source_keys(stream: Stream) -> dict[str, str]:
    """Return a fingerprint of each source's question."""
    return {
        source.name: _source_key(stream, source, columns.SCHEMA_VERSION)
        for source in stream.sources
    }


def _source_key(stream: Stream, source: DescribedSource, schema_version: int) -> str:
    """Return a fingerprint of a source's settings, night rule and schema."""
    facts: tuple[object, ...] = (
        schema_version,
        stream.rule,
        source.kind,
        source.settings,
    )
    if stream.limits != LIMITS:  # the usual ones are not in the keys of earlier versions
        facts = (*facts, stream.limits)
    return hex_digest(repr(facts), n_bytes=8)


def reading_settings(stream: Stream, source: DescribedSource) -> dict[str, str]:
    """Return a fingerprint of each setting that affects reading."""
    values = {
        field.name: getattr(source.settings, field.name)
        for field in dataclasses.fields(source.settings)
        if field.metadata.get("affects_reading", True)
    }
    facts = {"type": source.kind, "night_rule": stream.rule, **values}
    return {name: hex_digest(repr(value), n_bytes=6) for name, value in facts.items()}


def changed_settings(looked: Looked, stream: Stream, source: DescribedSource) -> frozenset[str]:
    """Return the settings that changed since.

    A version that did not store them stored a fingerprint of all together. If that differs, the
    source may be elsewhere or not: it is taken to be where it was.
    """
    now = reading_settings(stream, source)
    before = (looked.get("derived") or {}).get(source.name)
    if before is not None:
        # a setting that is newer than the data had its default
        before = {**_usual(source), **before}
        return frozenset(name for name in {*before, *now} if before.get(name) != now.get(name))
    key = (looked.get("keys") or {}).get(source.name)
    versions = range(1, columns.SCHEMA_VERSION + 1)
    is_same = key is None or key in (_source_key(stream, source, v) for v in versions)
    return frozenset() if is_same else frozenset(now) - PLACES


def _usual(source: DescribedSource) -> dict[str, str]:
    """Return a fingerprint of each setting's default."""
    return {
        field.name: hex_digest(repr(_default(field)), n_bytes=6)
        for field in dataclasses.fields(source.settings)
        if field.metadata.get("affects_reading", True)
    }


def _default(field: dataclasses.Field[Any]) -> Any:
    factory: Any = field.default_factory
    return field.default if factory is dataclasses.MISSING else factory()


def has_other_settings(looked: Looked, stream: Stream) -> bool:
    """True if a setting changed since."""
    return any(changed_settings(looked, stream, source) for source in stream.sources)


def fingerprint(derived: Mapping[str, str]) -> str:
    """Return one fingerprint of `reading_settings`."""
    return digest(dict(sorted(derived.items())))
