"""``python -m bench``: run every workload, or those that are named."""

import argparse

from bench import coffee

WORKLOADS = {"coffee": coffee.main}


def main() -> None:
    """Run what the command line names."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="workload", help=", ".join(WORKLOADS)
    )
    names = parser.parse_args().names or list(WORKLOADS)
    for name in names:
        if name not in WORKLOADS:
            parser.error(f"no workload '{name}'; there are {', '.join(WORKLOADS)}")
        WORKLOADS[name]()


if __name__ == "__main__":
    main()
