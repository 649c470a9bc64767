"""The page on adding a network, followed to the letter."""

import re
import sys
import types
from pathlib import Path

from sunbreak import registry
from sunbreak.cli import main
from sunbreak.models import describe
from sunbreak.networks import build
from sunbreak.train.export import count
from sunbreak.train.options import TrainOptions
from sunbreak.train.run import train

PAGE = Path(__file__).parents[2] / "docs" / "add-a-network.md"


def test_the_network_of_the_page_can_be_added_listed_trained_and_scored(monkeypatch, tmp_path, capsys):
    file, entry = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    module = types.ModuleType("sunbreak.networks.radar_only")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(file, module.__dict__)
    added = eval(f"{{{entry}}}", {"NetworkEntry": registry.NetworkEntry})
    monkeypatch.setitem(registry.NETWORKS, "radar-only", added["radar-only"])

    parameters, gmacs = count(build("radar-only"))
    assert (added["radar-only"].parameters, added["radar-only"].gmacs) == (parameters, round(gmacs, 2))
    assert "radar alone" in describe("radar-only")
    options = TrainOptions(steps=2, batch=1, crop=64, final_crop=64, scene_size=64, warmup=1)
    assert train("radar-only", ["simulated:"], tmp_path / "run", options=options, config={"width": 8}).finished
    assert main(["evaluate", str(tmp_path / "run"), "--data", "simulated:n=1,size=256"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert any(row and row[0] == str(tmp_path / "run") for row in rows)
