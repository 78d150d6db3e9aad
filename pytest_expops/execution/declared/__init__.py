"""What a config declares instead of a function: components, charts, metrics, renamed keys."""
