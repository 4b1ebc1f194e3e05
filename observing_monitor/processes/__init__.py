"""Worker processes, threads, time limits and the tuning of a process."""
