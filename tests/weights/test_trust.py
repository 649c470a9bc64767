"""Checksums are noted beside weights in UTF-8, wherever that is done."""

import json
import os
import subprocess
import sys

from model_files import mapper


def test_a_card_keeps_its_letters_where_the_system_writes_ascii(tmp_path):
    card = mapper(tmp_path / "net.onnx", card={"summary": "Rétablit la surface", "sha256": {}}).with_suffix(".json")
    card.write_text(json.dumps(json.loads(card.read_text()), ensure_ascii=False), encoding="utf-8")
    ascii_only = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    command = [sys.executable, "-m", "sunbreak.cli", "models", str(tmp_path / "net.onnx"), "--trust"]
    subprocess.run(command, env=ascii_only, check=True, capture_output=True)
    noted = json.loads(card.read_bytes())
    assert noted["summary"] == "Rétablit la surface"
    assert set(noted["sha256"]) == {"onnx"}
    assert {path.name for path in tmp_path.iterdir()} == {"net.onnx", "net.json"}
