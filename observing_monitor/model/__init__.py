"""The vocabulary that all packages share."""
