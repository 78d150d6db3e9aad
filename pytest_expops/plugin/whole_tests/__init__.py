"""Tests that are run again, whole, in a fresh interpreter; outcome and recorded results must be the same."""
