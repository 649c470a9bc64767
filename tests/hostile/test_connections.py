"""Nothing is sent home: without an address among its arguments, no verb opens a connection or looks up a name."""

import json
import subprocess
import sys

import pytest

WATCHED = """
import json, socket, sys, time
asked = []
def connect(self, address, *_):
    asked.append(repr(address))
    raise OSError("no network here")
def lookup(host, *_, **__):
    asked.append(repr(host))
    raise OSError("no network here")
socket.socket.connect = socket.socket.connect_ex = connect
socket.getaddrinfo = socket.gethostbyname = lookup
from sunbreak.cli import main
code = main(json.loads(sys.argv[1]))
time.sleep(1)  # for what others do at their leisure
print(json.dumps([code, asked, sorted(name for name in sys.modules if "telemetry" in name.split(".")[0])]))
"""


@pytest.mark.outcome("Hostile input", "libraries that report home (OpenVINO's telemetry)", "silenced: no connection")
@pytest.mark.parametrize("runtime", ["openvino", "onnx"])
def test_restoring_opens_no_connection(tmp_path, s2, s1, runtime):
    given = ["restore", s2, "--radar", s1, "-o", tmp_path / "out", "--runtime", runtime, "--mask", "network"]
    command = [sys.executable, "-c", WATCHED, json.dumps([str(part) for part in given])]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert json.loads(done.stdout.splitlines()[-1]) == [0, [], []]
