"""Floor 4: what runs programs: NumPy as the reference, and machine code."""
