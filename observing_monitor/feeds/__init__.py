"""Files for other programs, and notifications."""
