"""Print what came of every fault and bad input that tests have tried: the table of docs/reliability.md.

`make check-long` runs the tests that state an outcome (tests/outcomes.py), and this over what they have noted.
"""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

GROUPS = ("Faults", "Hostile input", "Bad input", "Numbers", "Load", "Supply chain")
"""In the order of the page; others follow."""


def rows_of(path: Path) -> list[dict[str, str]]:
    """The notes of a run of tests; of a case that was noted more than once the worst, or the latest."""
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        key = row["group"], row["case"]
        if key not in rows or rows[key]["outcome"] != "FAILED":
            rows[key] = row
    return list(rows.values())


def table(rows: list[dict[str, str]]) -> str:
    """The rows as Markdown, a table for each group."""
    there = {row["group"] for row in rows}
    lines = []
    for group in (*(name for name in GROUPS if name in there), *sorted(there.difference(GROUPS))):
        mine = sorted((row for row in rows if row["group"] == group), key=lambda row: (row["test"], row["case"]))
        lines += ["", f"### {group}", "", "| case | outcome | test |", "| --- | --- | --- |"]
        for row in mine:
            outcome = f"**{row['outcome']}**" if row["outcome"] == "FAILED" else row["outcome"]
            measured = f" ({row['measured']})" if row["measured"] else ""
            lines.append(f"| {row['case']} | {outcome}{measured} | `{row['test'].removeprefix('tests/')}` |")
    return "\n".join(lines)


def main(path: str) -> int:
    """Print the table; 1 where a test has failed."""
    rows = rows_of(Path(path))
    failed = sum(row["outcome"] == "FAILED" for row in rows)
    print(f"{datetime.now(UTC):%Y-%m-%d}: {len(rows)} cases, {failed} failed.")
    print(table(rows))
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
