"""Files and messages for other programs: status.json, Prometheus, Atom, notifications."""
