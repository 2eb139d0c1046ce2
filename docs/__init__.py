"""Pages about defnpy, and what makes them."""
