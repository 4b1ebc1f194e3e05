"""Judging: a night's tables to its summary, findings and status."""
