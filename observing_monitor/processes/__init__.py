"""Workers, threads, time limits and tuning."""
