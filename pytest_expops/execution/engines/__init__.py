"""Where calls happen."""
