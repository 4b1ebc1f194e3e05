"""Files of the output: the store, the pages' files and the lock."""
