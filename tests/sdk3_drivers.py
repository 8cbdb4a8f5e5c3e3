"""Programs of tests/ that run under an SDK 3, in a process each: the SDK takes 3 to 4 s to be imported."""

import json
import os
import subprocess
import sys
from pathlib import Path

from environments import python_of

ROOT = Path(__file__).resolve().parents[1]
VERSIONS = {"newest": "3.27.0", "studio": "3.12.0"}  # PyPI's, and what Studio has


def what_it_saw(driver: str, which: str, local_aws) -> dict:
    """Run tests/<driver> under one of VERSIONS against the local AWS; return the JSON of its last line."""
    python = sys.executable if which == "newest" else python_of(which)
    environment = {**os.environ, "AWS_ENDPOINT_URL": local_aws.url, "PYTHONPATH": str(ROOT / "code")}
    command = [str(python), str(ROOT / "tests" / driver)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["version"] == VERSIONS[which]
    return found
