"""A night's tables to its summary, findings and status."""
