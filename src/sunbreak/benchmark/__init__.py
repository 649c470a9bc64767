"""Bench: what Sunbreak costs on this machine, measured in fresh processes and told in tables.

The room is not called `bench`, as the folder of that name beside the package holds studies of the project itself.
"""

from sunbreak.benchmark.machine import machine
from sunbreak.benchmark.parts import PARTS, BenchOptions, run_parts
from sunbreak.benchmark.tables import Table, as_json, as_text

__all__ = ["PARTS", "BenchOptions", "Table", "as_json", "as_text", "machine", "run_parts"]
