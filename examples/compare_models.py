"""Score models beside the trivial answers: python examples/compare_models.py [DATA]."""

import sys

import sunbreak


def main(data: str = "simulated:n=4,size=256") -> None:
    """Print one table; every number comes with protocol, split and split hash."""
    report = sunbreak.evaluate(["tdp-cr-prior"], data)
    print(report.text())


if __name__ == "__main__":
    main(*sys.argv[1:])
