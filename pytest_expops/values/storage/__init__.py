"""Keeping values: encoded once, under the digest of their bytes, and read back without a copy."""
