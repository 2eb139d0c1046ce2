"""Floor 4: Python source to a typed Function, and every error about the source."""
