"""Claims about the spread of a metric over seeds."""
