"""What Sunbreak depends on, read from what is installed: names, licences, sizes, and a bill of materials (SBOM).

python bench/dependencies.py              licences of everything that any extra brings, and whether they are compatible
python bench/dependencies.py --default    packages of the default install, with their sizes
python bench/dependencies.py --sbom FILE  the same as a CycloneDX 1.6 document
"""

import argparse
import json
import re
import sys
import uuid
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

EXTRAS = ("onnx", "plot", "data", "stac", "cluster", "view", "train", "docs", "dev")
ALLOWED = {
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "HPND", "ISC", "LLVM-exception", "MIT",
    "MIT-0", "MIT-CMU", "MPL-2.0", "PSF-2.0", "Unlicense", "Zlib",
}  # fmt: skip
"""Licences under which a package may be used beside Apache-2.0; MPL-2.0 binds the files of that package alone."""
WORDS = {
    "apache": "Apache-2.0", "mozilla public license 2.0": "MPL-2.0", "mpl-2.0": "MPL-2.0", "new bsd": "BSD-3-Clause",
    "3-clause": "BSD-3-Clause", "2-clause": "BSD-2-Clause", "bsd": "BSD-3-Clause", "mit": "MIT", "isc": "ISC",
    "psf": "PSF-2.0", "python software foundation": "PSF-2.0",
}  # fmt: skip
"""What packages without an SPDX expression write; the first that is found counts."""


def installed(extras: tuple[str, ...]) -> dict[str, list[str]]:
    """Everything that Sunbreak needs, directly or not.

    Args:
        extras: Names of extras; empty for the default install.

    Returns:
        Names of what each needs, by name; Sunbreak itself first.
    """
    found: dict[str, list[str]] = {}
    todo = [("sunbreak", frozenset(extras))]
    seen: set[tuple[str, frozenset[str]]] = set()
    while todo:
        name, wanted = one = todo.pop()
        if one in seen:
            continue
        seen.add(one)
        needs = found.setdefault(name, [])
        for text in metadata.requires(name) or ():
            requirement = Requirement(text)
            marker, needed = requirement.marker, canonicalize_name(requirement.name)
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in (*wanted, "")):
                needs += [] if needed in needs else [needed]
                todo.append((needed, frozenset(requirement.extras)))
    return found


def licence(name: str) -> str:
    """The licence of a package as an SPDX expression, or what it says where that is none of the known ones."""
    told = metadata.metadata(name)
    stated = told.get("License") or ""
    expression = told.get("License-Expression") or (stated if compatible(stated) else None)
    if expression:
        return str(expression)
    classifiers = [line.rpartition("::")[2] for line in told.get_all("Classifier") or () if line.startswith("License")]
    lines = [*classifiers, *stated.splitlines()[:3]] or _first_lines(name)
    for line in lines:
        known = next((spdx for word, spdx in WORDS.items() if re.search(rf"\b{word}", line, re.IGNORECASE)), None)
        if known:
            return known
    return "; ".join(line.strip() for line in lines) or "not stated"


def _first_lines(name: str) -> list[str]:
    """How the text of the licence begins that a package brings, where it says nothing else."""
    files = metadata.distribution(name).files or ()
    texts = (Path(file.locate()).read_text(encoding="utf-8") for file in files if "licenses/LICENSE" in str(file))
    return next(texts, "").split("\n")[:3]


def compatible(expression: str) -> bool:
    """Whether a package may be used: of alternatives one has to be allowed, of several licences all."""
    return any(
        all(part.strip() in ALLOWED for part in re.split(r" AND | WITH |[()]", choice) if part.strip() or not choice)
        for choice in expression.split(" OR ")
    )


def size(name: str) -> int:
    """Bytes of the files of a package."""
    files = metadata.distribution(name).files or ()
    return sum(path.stat().st_size for path in (Path(file.locate()) for file in files) if path.is_file())


def bill(found: dict[str, list[str]]) -> dict[str, object]:
    """A bill of materials; the same installation gives the same bytes.

    Args:
        found: From `installed`.

    Returns:
        A document of CycloneDX 1.6. Source: its JSON schema, bom-1.6.
    """
    versions = {name: metadata.version(name).partition("+")[0] for name in found}
    references = {name: f"pkg:pypi/{name}@{version}" for name, version in versions.items()}

    def component(name: str) -> dict[str, object]:
        expression = licence(name)
        stated = {"expression": expression} if compatible(expression) else {"license": {"name": expression}}
        return {
            "type": "application" if name == "sunbreak" else "library", "bom-ref": references[name], "name": name,
            "version": versions[name], "purl": references[name], "licenses": [stated],
        }  # fmt: skip

    listed = [component(name) for name in sorted(found) if name != "sunbreak"]
    edges = [
        {"ref": references[name], "dependsOn": sorted(references[one] for one in needs)}
        for name, needs in sorted(found.items())
    ]
    serial = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps([listed, edges], sort_keys=True))
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json", "bomFormat": "CycloneDX", "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}", "version": 1, "metadata": {"component": component("sunbreak")},
        "components": listed, "dependencies": edges,
    }  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Print what is asked for; 1 where a licence is not compatible."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--default", action="store_true", help="the default install and its sizes")
    parser.add_argument("--sbom", type=Path, metavar="FILE", help="write a bill of materials")
    given = parser.parse_args(arguments)
    found = installed(() if given.default else EXTRAS)
    if given.sbom is not None:
        given.sbom.parent.mkdir(parents=True, exist_ok=True)
        given.sbom.write_text(json.dumps(bill(found), indent=2) + "\n", encoding="utf-8")
        print(f"{given.sbom}: {len(found) - 1} packages")
        return 0
    strange = [name for name in found if not compatible(licence(name))]
    head = "| package | version | licence |" + (" MB |" if given.default else "")
    print(head, "| --- | --- | --- |" + (" ---: |" if given.default else ""), sep="\n")
    for name in sorted(found):
        row = f"| {name} | {metadata.version(name)} | {licence(name)} |"
        print(row + (f" {size(name) / 1e6:.1f} |" if given.default else ""))
    total = f", {sum(map(size, found)) / 1e6:.0f} MB" if given.default else ""
    print(f"\n{len(found) - 1} packages besides Sunbreak{total}; not compatible: {', '.join(strange) or 'none'}.")
    return min(len(strange), 1)


if __name__ == "__main__":
    sys.exit(main())
