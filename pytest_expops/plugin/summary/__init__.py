"""What is reported at the end of a session."""
