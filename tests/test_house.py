"""The rules of the house: who may import whom, what is pinned, and what never gets into a commit."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CODE = ROOT / "code"
PARTS = ("container", "pocketaws", "tuneaws")
DYNAMIC = ("importlib.import_module", "import_module", "__import__")


def tracked() -> list[Path]:
    """Every file of the repository that git has or would take."""
    listed = subprocess.check_output(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, text=True
    )
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def python_files(folder: Path = ROOT) -> list[Path]:
    return [path for path in tracked() if path.suffix == ".py" and path.is_relative_to(folder)]


# --- three folders, three rules


def imported(path: Path) -> set[str]:
    """The top-level names that a file imports, by statement or by function."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(node.module.partition(".")[0])
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in DYNAMIC:
            names |= {arg.value.partition(".")[0] for arg in node.args if isinstance(arg, ast.Constant)}
    return names


# The one way between neighbours: rows are read beside you by the very code that reads them in the job.
SHARED_READER = ("tuneaws/rows.py", "container")


def forbidden(path: Path) -> set[str]:
    """What a file of one of the three folders imports of its neighbours."""
    name = path.relative_to(CODE)
    own = name.parts[0]
    allowed = {own} | ({SHARED_READER[1]} if name.as_posix() == SHARED_READER[0] else set())
    return imported(path) & (set(PARTS) - allowed)


def test_the_three_folders_do_not_import_each_other():
    checked = {part: python_files(CODE / part) for part in PARTS}
    assert all(len(files) >= 3 for files in checked.values()), {k: len(v) for k, v in checked.items()}
    wrong = {
        str(path.relative_to(CODE)): sorted(found)
        for files in checked.values()
        for path in files
        if (found := forbidden(path))
    }
    assert wrong == {}


def test_rows_py_takes_only_what_reads_from_the_container():
    tree = ast.parse((CODE / SHARED_READER[0]).read_text(encoding="utf-8"))
    taken = {
        f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module.startswith("container")
        for alias in node.names
    }
    allowed = ("container.training.reading", "container.training.fields")
    assert taken and all(name.startswith(allowed) for name in taken), taken


def test_only_local_aws_py_starts_pocketaws():
    """It starts it as a program; nothing imports it, which the test above holds."""
    starting = {
        path.name
        for path in python_files(CODE / "tuneaws")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.List) and "'-m', 'pocketaws'" in ast.unparse(node)
    }
    assert starting == {"local_aws.py"}


@pytest.mark.parametrize(
    "line",
    ["import tuneaws", "from tuneaws.data import read_rows", "importlib.import_module('tuneaws.x')"],
)
def test_the_import_rule_sees_every_way_to_import(tmp_path, monkeypatch, line):
    (tmp_path / "pocketaws").mkdir()
    path = tmp_path / "pocketaws" / "bad.py"
    path.write_text(f"def f():\n    {line}\n")
    monkeypatch.setattr(sys.modules[__name__], "CODE", tmp_path)
    assert forbidden(path) == {"tuneaws"}


def test_code_is_a_folder_and_not_a_package():
    """A package called `code` would hide the standard library's module of that name, which pdb imports."""
    assert not (CODE / "__init__.py").exists()
    shadowing = {path.name for path in CODE.iterdir()} & {"datasets", "sagemaker", "boto3", "code", "moto"}
    assert shadowing == set()


# --- every file


def test_python_files_keep_to_the_syntax_of_3_10():
    files = python_files()
    for path in files:
        ast.parse(path.read_text(encoding="utf-8"), filename=str(path), feature_version=(3, 10))
    assert len(files) >= 30, f"checked only {len(files)} files"


def test_public_functions_and_modules_of_code_say_what_they_do():
    files = [path for path in python_files(CODE) if path.name not in ("__init__.py", "__main__.py")]
    silent = []
    for path in files:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        silent += [] if ast.get_docstring(tree) else [str(path.relative_to(CODE))]
        for node in public_definitions(tree):
            if not ast.get_docstring(node):
                silent.append(f"{path.relative_to(CODE)}: {node.name}")
    assert silent == []
    assert len(files) >= 20, f"checked only {len(files)} files"


def public_definitions(tree: ast.Module) -> list:
    """Public functions and classes of a module, and the longer methods of classes that inherit nothing."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    top = [node for node in tree.body if isinstance(node, (*functions, ast.ClassDef))]
    own = [node for node in top if isinstance(node, ast.ClassDef) and not node.bases]
    methods = [node for outer in own for node in outer.body if isinstance(node, functions)]
    found = top + [node for node in methods if len(node.body) > 3]
    return [node for node in found if not node.name.startswith("_") and node.name != "main"]


SECRETS = {
    "an access key": r"\b(?:AKIA|ASIA)(?!IOSFODNN7EXAMPLE)[A-Z0-9]{16}\b",
    "a hub token": r"\bhf_[A-Za-z0-9]{30,}\b",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "a path of one machine": r"(?<![\w.$~}>])/(?:root|work|Users/\w+|home/(?!ec2-|sagemaker-)\w+)/[\w.-]+",
    "a registry host": r"https?://(?:pypi\.org|files\.pythonhosted\.org|download\.pytorch\.org)",
}


def traces(text: str) -> list[str]:
    """What a text holds that belongs in nobody's commit."""
    return [f"{what}: {found[0]}" for what, each in SECRETS.items() for found in re.finditer(each, text)]


def test_no_file_holds_a_secret_or_a_path_of_one_machine():
    checked, found = 0, {}
    for path in tracked():
        if path == Path(__file__).resolve():
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # weights, pictures
        checked += 1
        if traces(text):
            found[str(path.relative_to(ROOT))] = traces(text)[:3]
    assert found == {}
    assert checked >= 50, f"checked only {checked} files"


def test_the_search_for_traces_finds_them():
    assert len(traces("AKIA" + "A" * 16 + " hf_" + "a" * 34 + " at /root/.cache and /home/ann/x")) == 4
    assert (
        traces("/opt/ml/model arn:aws:iam::123456789012:role/work/x https://aws.com/home/a/b")
        == []
    )


def test_no_tracked_file_is_larger_than_5_mb():
    assert [str(path) for path in tracked() if path.stat().st_size > 5_000_000] == []


# --- make, README, config


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_make_alone_prints_every_target():
    declared = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1].split()
    assert set(declared) == make_targets(), "a target without a `## what it does`"
    shown = subprocess.check_output(["make"], cwd=ROOT, text=True)
    assert set(re.findall(r"^  make (\w+)", shown, re.MULTILINE)) == make_targets()


def test_every_script_that_make_runs_is_there():
    scripts = re.findall(r"\$\(PY\) (\S+\.py)", (ROOT / "Makefile").read_text())
    assert [script for script in scripts if not (ROOT / script).is_file()] == []
    assert len(scripts) >= 4, f"checked only {len(scripts)} scripts"


def documents() -> list[Path]:
    return [path for path in tracked() if path.suffix == ".md"]


def test_commands_in_the_documents_exist():
    checked = 0
    for path in documents():
        for block in re.findall(r"```(?:bash|sh|console)?\n(.*?)```", path.read_text(), re.DOTALL):
            for line in block.splitlines():
                if match := re.match(r"\s*(?:\$ )?make (?!-)(?:\w+=\S+ )*([a-z]+)", line):
                    assert match[1] in make_targets(), f"{path.name}: {line}"
                    checked += 1
                for script in re.findall(r"\bpython3? ((?:code|tests|benchmarks)/\S+\.py)", line):
                    assert (ROOT / script).is_file(), f"{path.name}: {line}"
                    checked += 1
    assert checked >= 4, f"checked only {checked} commands"


def test_links_between_documents_lead_somewhere():
    checked = 0
    for path in documents():
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", path.read_text()):
            assert (path.parent / target).exists(), f"{path.relative_to(ROOT)} links to {target}"
            checked += 1
    assert checked >= 5, f"checked only {checked} links"


def test_every_key_of_config_yaml_has_a_comment():
    """On its line, in the comment right above it or its neighbour, or on the line of the map it is in."""
    lines = (ROOT / "config.yaml").read_text().splitlines()
    keys = [n for n, line in enumerate(lines) if re.match(r"\s*[a-z_]+:\s*\S", line)]
    bare = []
    for n in keys:
        near = [lines[n], *(line for line in lines[max(0, n - 2) : n] if line.strip().startswith("#"))]
        if indent(lines[n]) > 2:  # a map inside a section, such as the tags
            near.append(next(line for line in reversed(lines[:n]) if indent(line) < indent(lines[n])))
        if not any("#" in line for line in near):
            bare.append(lines[n].strip())
    assert bare == []
    assert len(keys) >= 30, f"found only {len(keys)} keys"


def indent(line: str) -> int:
    return len(line) - len(line.lstrip())
