"""Ask every source within its time limit, merge the answers, and save them."""
