"""What we think of what came out."""
