"""Build the documentation site: python docs/site.py. The pages stay plain Markdown that reads well on a forge.

The reference and the model cards are written from docstrings and cards; pages at the root of the repository join in.
"""

import inspect
import json
import re
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import sunbreak
from sunbreak.cli import VERBS

ROOT = Path(__file__).parents[1]
BUILD = ROOT / "build" / "docs"
FORGE = "https://github.com/sunbreak-eo/sunbreak/blob/main/"
JOINED = {"RESULTS.md": "results.md", "CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md",
          "SECURITY.md": "security.md"}  # fmt: skip
"""Pages at the root, and their names on the site."""


def rewritten(text: str, up: str) -> str:
    """Make links out of the folder docs/ lead to the site, or to the forge.

    Args:
        text: A page.
        up: What leads from the page to the root of the repository.

    Returns:
        The page with its links changed.
    """

    def target(found: re.Match[str]) -> str:
        path = found[1]
        return f"]({path.removeprefix('docs/') if path.startswith('docs/') else JOINED.get(path) or FORGE + path})"

    return re.sub(rf"\]\((?!https?:|#){re.escape(up)}([^)]+)\)", target, text)


def reference() -> str:
    """The public names and the verbs of the command line, as they document themselves."""
    parts = ["# Reference", "", "Public names of `sunbreak`, then the command line.", ""]
    for name in sorted(sunbreak.__all__):
        thing = getattr(sunbreak, name)
        if not callable(thing):
            continue
        signature = "" if inspect.isclass(thing) else str(inspect.signature(thing))
        parts += [f"## sunbreak.{name}", "", "```text", f"{name}{signature}", "```", "", "```text"]
        parts += [inspect.getdoc(thing) or "", "```", ""]
    for verb, (make, _) in VERBS.items():
        parser = make()
        parser.prog = f"sunbreak {verb}"
        parts += [f"## sunbreak {verb} (command)", "", "```text", parser.format_help().strip(), "```", ""]
    return "\n".join(parts)


def cards() -> str:
    """The cards of the shipped weights."""
    parts = ["# Model cards", "", "Cards of the weights in the package; `sunbreak models NAME` prints one.", ""]
    for path in sorted(files("sunbreak.weights").iterdir(), key=lambda one: one.name):
        if not path.name.endswith(".json"):
            continue
        card = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(card, dict) or "name" not in card:
            continue
        parts += [f"## {card['name']}", "", str(card.get("summary", "")), ""]
        parts += ["```json", json.dumps(card, indent=2, ensure_ascii=False), "```", ""]
    return "\n".join(parts)


def main() -> None:
    """Gather the pages and run the generator; a warning is an error."""
    shutil.rmtree(BUILD, ignore_errors=True)
    pages = BUILD / "pages"
    shutil.copytree(ROOT / "docs", pages, ignore=shutil.ignore_patterns("*.py", "*.toml", "__pycache__"))
    for page in pages.glob("*.md"):
        page.write_text(rewritten(page.read_text(encoding="utf-8"), "../"), encoding="utf-8")
    for source, name in JOINED.items():
        (pages / name).write_text(rewritten((ROOT / source).read_text(encoding="utf-8"), ""), encoding="utf-8")
    (pages / "reference.md").write_text(reference(), encoding="utf-8")
    (pages / "cards.md").write_text(cards(), encoding="utf-8")
    shutil.copy(ROOT / "docs" / "zensical.toml", BUILD)
    done = subprocess.run(
        [Path(sys.executable).with_name("zensical"), "build", "--strict", "-f", BUILD / "zensical.toml"],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    told = done.stdout + done.stderr
    print(told.strip())
    if done.returncode or "warning" in told.lower():
        sys.exit("the site has warnings")
    print(f"{BUILD / 'site' / 'index.html'}")


if __name__ == "__main__":
    main()
