"""Floor 0: dtypes, shapes, source spans, errors, flags and trees."""
