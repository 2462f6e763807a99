"""Screen 1: where workflows are written and run from."""
