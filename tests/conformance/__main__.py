"""Run every vector and print the report: `make conformance`."""

import os
import sys
import tempfile


def main() -> int:
    """Return 1 if a vector neither passes nor is listed."""
    # Before defnpy is imported: programs of one run are of no use to the next.
    with tempfile.TemporaryDirectory() as directory:
        os.environ["DEFNPY_CACHE_DIR"] = directory
        from rich.console import Console

        from conformance import records
        from conformance.report import report
        from conformance.running import FAILED, run

        vectors = [vector for area in records.AREAS for vector in records.load(area)]
        outcomes = [run(vector) for vector in vectors]
        Console(width=132).print(report(outcomes), highlight=False)
        return int(any(each.status == FAILED for each in outcomes))


if __name__ == "__main__":
    sys.exit(main())
