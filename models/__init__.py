"""Example models, each a module to read and to run: ``python -m models.NAME``."""
