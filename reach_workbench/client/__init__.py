"""A node over HTTP, the Python SDK. Not built yet."""
