"""Screen 2: walking through a run, forwards and backwards."""
