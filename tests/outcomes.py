"""What a test shows about a fault or a bad input, as a row of the table in docs/reliability.md.

A test states what it shows by the marker `outcome(group, case, outcome)`. With `--outcomes FILE` every such test that
was run adds a line of JSON to the file: the outcome as stated if the test has passed, `FAILED` if not. What only a
run tells, a figure for example, it adds by pytest's own `record_property("measured", "300 kills")`.
"""

import json
from pathlib import Path


def pytest_addoption(parser):
    parser.addoption("--outcomes", type=Path, metavar="FILE", help="add a line for every test that states an outcome")


def pytest_configure(config):
    config.addinivalue_line("markers", "outcome(group, case, outcome): a row of the table in docs/reliability.md")


def pytest_runtest_makereport(item, call):
    path, stated = item.config.getoption("--outcomes"), item.get_closest_marker("outcome")
    skipped = call.excinfo is not None and call.excinfo.typename == "Skipped"
    if path is None or stated is None or skipped or (call.when != "call" and call.excinfo is None):
        return
    group, case, outcome = stated.args
    measured = [text for name, text in item.user_properties if name == "measured"]
    row = {
        "group": group,
        "case": case,
        "outcome": "FAILED" if call.excinfo is not None else outcome,
        "measured": "; ".join(measured),
        "test": item.nodeid.partition("[")[0],
    }
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row, ensure_ascii=False) + "\n")
