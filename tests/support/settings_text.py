"""Writes settings files from plain values."""

import datetime
import json
from pathlib import Path


def to_toml(settings):
    """Return a dict as TOML: one `[table]` per key."""
    lines = []
    for table, values in settings.items():
        lines.append(f"[{_key(table)}]")
        lines += [f"{_key(key)} = {_value(value)}" for key, value in values.items()]
    return "\n".join([*lines, ""])


def _key(name):
    return json.dumps(name, ensure_ascii=False)


def _value(value):
    if isinstance(value, dict):
        pairs = (f"{_key(key)} = {_value(member)}" for key, member in value.items())
        return f"{{ {', '.join(pairs)} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, str | Path):
        return json.dumps(str(value), ensure_ascii=False)
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    raise TypeError(f"{value!r} has no form in TOML here")
