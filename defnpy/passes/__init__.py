"""Floor 3: programs to programs of the same meaning, and to kernels."""
