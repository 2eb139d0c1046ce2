"""Compiled programs on disk, found again by what they were made from.

An entry's name is a hash of the program's LLVM, the versions of the tools and the
CPU; its content carries a hash of itself.  A file that is missing, cut short or
strange is a miss, and a directory that cannot be written is one that stays empty.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from defnpy.base.flags import flags

_DIGEST = hashlib.sha256
_MAGIC = b"defnpy object 1\n"


@dataclass(slots=True)
class Counters:
    """What happened to the programs of this process.

    Attributes:
        compiled: programs that were compiled.
        loaded: programs whose machine code was found on disk.
        damaged: files that were not what they should be.
    """

    compiled: int = 0
    loaded: int = 0
    damaged: int = 0


counters = Counters()


def directory() -> Path:
    """Return where compiled programs are kept."""
    if flags.cache_dir:
        return Path(flags.cache_dir)
    import platformdirs

    return Path(platformdirs.user_cache_dir("defnpy"))


def key(*parts: str) -> str:
    """Return the name of the program made from `parts`."""
    digest = _DIGEST()
    for part in parts:
        data = part.encode()
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()


def read(name: str) -> bytes | None:
    """Return what was kept under `name`, None if nothing sound is there."""
    if not flags.cache:
        return None
    try:
        data = (directory() / f"{name}.o").read_bytes()
    except OSError:
        return None
    head = len(_MAGIC) + _DIGEST().digest_size
    body = data[head:]
    if data[:head] != _MAGIC + _DIGEST(body).digest():
        counters.damaged += 1
        return None
    return body


def write(name: str, body: bytes) -> None:
    """Keep `body` under `name`, all of it or nothing."""
    if not flags.cache:
        return
    data = _MAGIC + _DIGEST(body).digest() + body
    with contextlib.suppress(OSError):
        folder = directory()
        folder.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=folder, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.replace(temporary, folder / f"{name}.o")
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def entries() -> list[Path]:
    """Return the files of kept programs."""
    try:
        return sorted(directory().glob("*.o"))
    except OSError:
        return []
