"""What is registered where pytest-xdist is."""
