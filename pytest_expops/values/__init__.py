"""What came out: fingerprints, comparison and storage of values."""
