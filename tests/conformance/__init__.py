"""What Nx's own tests and doctests say, asked of defnpy.

Each vector in `vectors/` is a fact of Nx: an expression of its calls, and the value,
error or other expression it gives.  It is translated to a Python function of `dn`
calls (`translation`, `calls`), whose arguments are the vector's tensors.  The function
is run by CPython, where each call runs at once, and compiled with `defn`; both results
are compared with Nx's (`comparing` says how).  What has no form outside of programs,
a gradient, is compiled both times.

A vector passes, or is listed with a reason: of what has no translation in `calls`, of
what differs in `reasons.toml`.  `make conformance` prints both.
"""
