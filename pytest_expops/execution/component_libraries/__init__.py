"""The libraries of components that come with pytest-expops, one module each."""
