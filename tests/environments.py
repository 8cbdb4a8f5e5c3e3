"""Python environments that some tests need beside .venv, built once under .venvs/ from tests/envs/*.txt.

    python tests/environments.py            builds what is missing (make test does)
    python_of("sdk2")                       in a test: the environment's python

sdk2      the SageMaker SDK 2, whose estimator is the reference for ours
toolkit   the sagemaker-training toolkit, AWS's side of script mode
studio    this interpreter's own packages, with SageMaker Studio's older versions in front
inference the same, with the toolkit and the older versions of AWS's Hugging Face inference image in front
trl       the same, with TRL in front: for `make bench`, so make test does not build it
"""

import fcntl
import hashlib
import shutil
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HOME = ROOT / ".venvs"
NAMES = ("sdk2", "toolkit", "studio", "inference")
BENCH = ("trl",)
LAYERED = frozenset({"studio", "inference", "trl"})  # sees this interpreter's packages behind its own


def python_of(name: str) -> Path:
    """Return the python of one environment, built now if it is missing or out of date.

    Raises  ValueError for a name that is in neither list; RuntimeError with pip's last lines if the
            build fails, so that a test which needs it fails and never skips.
    """
    if name not in NAMES + BENCH:
        raise ValueError(f"no environment is called {name!r}; there are {', '.join(NAMES + BENCH)}")
    folder = HOME / name
    python = folder / "bin" / "python"
    with _locked(name):
        stamp = folder / "complete"
        wanted = _fingerprint(name)
        if not (stamp.is_file() and stamp.read_text() == wanted and python.exists()):
            shutil.rmtree(folder, ignore_errors=True)
            _build(name, folder, python)
            stamp.write_text(wanted)  # last, so that an interrupted build is built again
    return python


def _build(name: str, folder: Path, python: Path) -> None:
    _run([sys.executable, "-m", "venv", str(folder)])
    if name in LAYERED:
        # A .pth file's lines come after the environment's own packages on sys.path.
        behind = dict.fromkeys(sysconfig.get_path(key) for key in ("purelib", "platlib"))
        own = subprocess.check_output(
            [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
        )
        Path(own.strip(), "behind.pth").write_text("\n".join(behind) + "\n")
    # Each file lists all that its environment needs, so there is nothing to resolve.
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    _run([*pip, "--requirement", str(_requirements(name))])


def _requirements(name: str) -> Path:
    return ROOT / "tests" / "envs" / f"{name}.txt"


def _fingerprint(name: str) -> str:
    """What an environment was built from: its file, this interpreter, and whose packages lie behind."""
    parts = [_requirements(name).read_bytes(), sys.version.encode(), str(HOME).encode()]
    if name in LAYERED:
        parts.append(sysconfig.get_path("purelib").encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


@contextmanager
def _locked(name: str):
    HOME.mkdir(exist_ok=True)
    with open(HOME / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run(command: list[str]) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        last = "\n".join(done.stdout.strip().splitlines()[-15:])
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{last}")


if __name__ == "__main__":
    wanted = sys.argv[1:] or NAMES
    with ThreadPoolExecutor() as pool:  # most of a build is waiting for downloads
        for each, python in zip(wanted, pool.map(python_of, wanted), strict=True):
            print(f"{each:9} {python.relative_to(ROOT)}")
