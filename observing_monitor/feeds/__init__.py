"""What other programs read: status.json, Prometheus, Atom, notifications."""
