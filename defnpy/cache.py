"""``dn.cache``: compiled programs kept on disk, and memory kept for later calls."""

from __future__ import annotations

import contextlib
from typing import Any

from defnpy.runtime import disk, memory


def info() -> dict[str, Any]:
    """Return where compiled programs are kept and how this process used them.

    ``compiled`` counts programs compiled here, ``loaded`` those found on disk,
    ``damaged`` files that were not sound and so were compiled again; ``files``
    and ``bytes`` tell what is kept now.

    >>> sorted(dn.cache.info())
    ['bytes', 'compiled', 'damaged', 'directory', 'files', 'loaded']
    """
    files = disk.entries()
    sizes = 0
    for path in files:
        with contextlib.suppress(OSError):
            sizes += path.stat().st_size
    counters = disk.counters
    return {
        "directory": str(disk.directory()),
        "files": len(files),
        "bytes": sizes,
        "compiled": counters.compiled,
        "loaded": counters.loaded,
        "damaged": counters.damaged,
    }


def clear() -> int:
    """Delete every program kept on disk; return how many there were."""
    count = 0
    for path in disk.entries():
        with contextlib.suppress(OSError):
            path.unlink()
            count += 1
    return count


def release() -> int:
    """Give back the memory that is kept for later calls; return its bytes.

    At most ``dn.config.spare_memory`` MiB are kept of the results that were dropped
    and of temporaries.

    >>> dn.cache.release() >= 0
    True
    """
    return memory.release()
