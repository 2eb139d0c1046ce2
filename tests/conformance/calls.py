"""What each function of Nx is here: the tables, and why some functions are in none."""

from conformance import lanes
from conformance.calls_of_arrays import ARRAYS
from conformance.calls_of_elements import ELEMENTS
from conformance.calls_of_programs import PROGRAMS
from conformance.calls_of_reductions import REDUCTIONS
from conformance.forms import Call

CALLS: dict[str, Call] = {**ELEMENTS, **ARRAYS, **REDUCTIONS, **PROGRAMS}

_NAMES = "axes have no names here"
_BYTES = "bytes are NumPy's to read and write: np.frombuffer, np.save, safetensors"
_INSIDE = "a function of Nx's own inside, which nobody calls"

# A function starting with one of these is left out; the first that fits says why.
ABSENT: dict[str, str] = {
    "Nx.vectorize": lanes.WHY,
    "Nx.devectorize": lanes.WHY,
    "Nx.revectorize": lanes.WHY,
    "Nx.reshape_vectors": lanes.WHY,
    "Nx.broadcast_vectors": lanes.WHY,
    "Nx.names": _NAMES,
    "Nx.axis_index": _NAMES,
    "Nx.rename": _NAMES,
    "kw": _NAMES,
    "Nx.from_binary": _BYTES,
    "Nx.to_binary": _BYTES,
    "Nx.serialize": _BYTES,
    "Nx.deserialize": _BYTES,
    "bytes": _BYTES,
    "Nx.donatable": "buffers are not donated by hand here",
    "Nx.backend_": "there are no backends to move arrays between here",
    "module": "there are no backends to move arrays between here",
    "Nx.compatible?": "there is no such question here: compare .shape and .dtype",
    "Nx.to_template": "a template is asked for with dn.template(shape, dtype)",
    "Complex.": "Python's complex numbers are Python's",
    "Nx.Type.": _INSIDE,
    "Nx.Shape.": _INSIDE,
    "Nx.Defn.Composite.": "trees are walked with dn.tree.leaves and dn.tree.map here",
    "Nx.Defn.Kernel...": "a range is Python's own here",
}
