"""Tables, index and pages on disk or in an object store."""
