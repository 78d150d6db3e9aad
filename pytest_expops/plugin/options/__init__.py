"""Command line and ini options, read into frozen types."""
