"""Comparing a session with the lock file, and saying what else changed."""
