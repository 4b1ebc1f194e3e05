"""The completeness of one or more nights."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from observing_monitor.model.columns import Summary


# classes of files that need not be ingested, or not yet
NOT_DUE = ("pending", "ignored", "not_fits")


def completeness(nights: Iterable[Summary]) -> float | None:
    """Return the share of files ingested among those that should be.

    Parameters
    ----------
    nights : iterable of Summary
        Each with n_files, n_ingested, n_pending, n_ignored and n_not_fits. Files that are
        ignored or are not FITS should not be ingested, and pending ones not yet. With
        n_expected_missing, files that should have come and did not are due as well.

    Returns
    -------
    float or None
        From 0 to 1; None if no file should be ingested yet.
    """
    n_ingested = n_due = 0
    for night in nights:
        n_ingested += night["n_ingested"]
        n_due += night["n_files"] - sum(night[f"n_{name}"] for name in NOT_DUE)
        n_due += night.get("n_expected_missing") or 0
    return n_ingested / n_due if n_due else None
