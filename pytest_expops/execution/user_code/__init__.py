"""Importing a project's scripts and modules, and running them in its environment."""
