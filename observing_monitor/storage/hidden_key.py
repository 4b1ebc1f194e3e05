"""Secret of the codes of hidden names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observing_monitor.storage import layout

if TYPE_CHECKING:
    from observing_monitor.storage.output import Output


N_BYTES = 32


def key_of_codes(output: Output) -> str:
    """Return a store's secret, made once.

    With it, the code of any name can be computed. A new one gives all names other codes.
    """
    record = output.read_json(layout.HIDDEN) or {}
    key = record.get("key")
    if isinstance(key, str) and len(key) == 2 * N_BYTES:
        return key
    import secrets

    key = secrets.token_hex(N_BYTES)
    output.write_json(layout.HIDDEN, {"key": key})
    return key
