"""Ask every source within its time limit, merge and save."""
