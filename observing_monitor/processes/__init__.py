"""Processes, threads and time limits."""
