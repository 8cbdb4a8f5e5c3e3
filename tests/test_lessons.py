"""Every lesson: how it is built, that it runs, and that its stored outputs are what it prints."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import course_store
import lesson_files
import nbformat
import pytest
import run_course
import secret_scan
from nbval.plugin import IPyNbFile, get_sanitize_patterns
from tuneaws import policies
from tuneaws.policies import executing, learning
from tuneaws.policies import lessons as permission_lessons

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "benchmarks"))

import permissions_record  # noqa: E402

NOTEBOOKS = ROOT / "notebooks"
LESSONS = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
SOLUTIONS = sorted((NOTEBOOKS / "solutions").glob("[0-9][0-9]_*.ipynb"))
BOTH = LESSONS + SOLUTIONS
LINES = 20  # of a code cell
FACTS = ("**Time**", "**Cost on AWS**", "**Needs**", "**Leaves behind**", "**`local`**", "**`aws`**")
FORBIDDEN = {
    "a shell command that installs": r"^\s*[!%]\s*(?:pip|conda|uv)\b",
    "%store": r"^\s*%store\b",
    "a guess from /opt/ml": r"exists\(.*/opt/ml",
}

every_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
every_notebook = pytest.mark.parametrize("path", BOTH, ids=lesson_files.name_of)


def read(path):
    return nbformat.read(path, as_version=4)


def code_cells(path):
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


def words(path):
    return "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")


# --- how they are built


def test_all_lessons_are_found():
    assert len(LESSONS) >= 6, f"found {len(LESSONS)}"
    numbers = [int(path.name[:2]) for path in LESSONS]
    assert numbers == sorted(set(numbers)) and numbers[0] == 0, numbers
    assert {path.name for path in SOLUTIONS} <= {path.name for path in LESSONS}
    stray = {path.name for path in NOTEBOOKS.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts}
    assert stray == {path.name for path in LESSONS}


def test_the_readme_lists_every_lesson():
    readme = (ROOT / "README.md").read_text()
    listed = re.findall(r"\(notebooks/(\d\d_\w+\.ipynb)\)", readme)
    assert listed == [path.name for path in LESSONS]


@every_lesson
def test_a_lesson_opens_with_a_title_a_promise_and_a_fact_box(path):
    title, facts = read(path).cells[:2]
    assert re.match(rf"# {path.name[:2]} \S.*\n\n\S", title.source), title.source
    assert [fact for fact in FACTS if fact not in facts.source] == []
    cost = re.search(r"\*\*Cost on AWS\*\* \|(.*)", facts.source)[1].lower()
    priced = "usd" in cost and re.search(r"20\d\d-\d\d", cost) and "worst case" in cost
    assert priced or cost.strip().startswith("nothing"), cost


@every_lesson
def test_a_lesson_closes_with_a_recap_a_clean_up_and_the_next_one(path):
    headings = re.findall(r"^## (.+)$", words(path), re.MULTILINE)
    assert headings[-2:] == ["Recap", "Clean up"]
    link = re.search(r"\]\(([^)]+)\)", read(path).cells[-1].source)
    assert link, "no link to the next lesson"
    follows = LESSONS.index(path) + 1
    assert (path.parent / link[1]).exists()
    assert follows == len(LESSONS) or link[1] == LESSONS[follows].name


@every_lesson
def test_a_lesson_has_an_exercise_to_do_and_a_solution(path):
    todo = [cell for cell in code_cells(path) if "TODO" in cell.source]
    checks = [cell for cell in code_cells(path) if re.search(r"^check\(", cell.source, re.MULTILINE)]
    assert todo and len(checks) >= len(todo)
    assert (NOTEBOOKS / "solutions" / path.name).exists()


@every_notebook
def test_parameters_are_literals_in_one_cell_and_local_is_the_default(path):
    assert lesson_files.declared_parameters(read(path))["WHERE"] == "local"


def test_the_bootstrap_cell_is_the_same_everywhere():
    cells = {}
    for path in BOTH:
        cells[path] = [cell.source for cell in code_cells(path) if "bootstrap" in lesson_files.tags(cell)]
    assert {path.name: len(found) for path, found in cells.items() if len(found) != 1} == {}
    assert len({found[0] for found in cells.values()}) == 1
    assert len(cells) >= 12, f"compared {len(cells)}"


@every_notebook
def test_cells_are_short(path):
    long = {n: len(cell.source.splitlines()) for n, cell in enumerate(code_cells(path), 1)}
    assert {n: lines for n, lines in long.items() if lines > LINES} == {}


@every_notebook
def test_nothing_asks_installs_or_hands_over_in_hiding(path):
    for number, cell in enumerate(code_cells(path), 1):
        found = [what for what, each in FORBIDDEN.items() if re.search(each, cell.source, re.M)]
        python = "\n".join(line for line in cell.source.splitlines() if not re.match(r"\s*[!%]", line))
        for node in ast.walk(ast.parse(python, feature_version=(3, 10))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in (
                "input",
                "getpass",
                "getpass.getpass",
            ):
                found.append(ast.unparse(node.func))
        assert found == [], f"code cell {number}"


@every_notebook
def test_links_lead_somewhere(path):
    targets = re.findall(r"\]\((?!https?:|#|mailto:|attachment:)([^)#\s]+)", words(path))
    assert [target for target in targets if not (path.parent / target).exists()] == []


# --- what is stored in them


@every_notebook
def test_outputs_are_stored_from_one_clean_run(path):
    cells = code_cells(path)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert sum(bool(cell.outputs) for cell in cells) >= 2
    assert not [output for cell in cells for output in cell.outputs if output.output_type == "error"]
    assert read(path).metadata == course_store.KERNEL
    assert path.stat().st_size < 1_000_000


@every_notebook
def test_outputs_hold_no_trace_of_the_machine(path):
    stored = json.dumps([cell.outputs for cell in code_cells(path)])
    assert course_store.scrub(stored, ROOT) == stored
    assert not re.search(r"(?<![\w.~])/(?:root|home|work|Users|tmp|var/folders)/[\w.-]+", stored)


# --- that they run


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """The folder of the one run: reports, executed notebooks, and its home in .aws."""
    return tmp_path_factory.mktemp("course")


@pytest.fixture(scope="module")
def executed(out):
    """{name: (result, executed notebook)} of one `run_course.py --solutions --learner`.

    As `make course` runs it, save that whoever runs it may do what the generated policies allow, and no more.
    """
    command = [sys.executable, run_course.__file__, "--solutions", "--learner", "--out", str(out)]
    secrets = {**os.environ, **secret_scan.planted()}  # of somebody who has everything set
    ran = subprocess.run(command, capture_output=True, text=True, env=secrets)
    (out / "printed.txt").write_text(ran.stdout + ran.stderr)
    assert (out / "results.json").exists(), ran.stdout + ran.stderr
    found = {}
    for result in json.loads((out / "results.json").read_text()):
        copy = out / f"{result['name']}.ipynb"
        found[result["name"]] = (result, read(copy) if copy.exists() else None)
    return found


@every_notebook
def test_it_runs_from_top_to_bottom(path, executed):
    result, _ = executed[lesson_files.name_of(path)]
    assert result["status"] == "passed", f"code cell {result['cell']}: {result['error']}"


def test_every_notebook_was_run(executed):
    assert set(executed) == {lesson_files.name_of(path) for path in BOTH}
    assert len(executed) >= 12, f"ran {len(executed)}"


@every_lesson
def test_an_exercise_is_open_as_shipped_and_solved_by_its_solution(path, executed):
    shipped = json.dumps([cell.get("outputs") for cell in executed[path.stem][1].cells])
    solved = json.dumps([cell.get("outputs") for cell in executed[f"solutions/{path.stem}"][1].cells])
    assert "[to do]" in shipped
    assert "[to do]" not in solved and "the exercise is solved." in solved


def test_no_secret_of_the_environment_is_in_anything_that_the_run_wrote(executed, out):
    """Notebooks, the report, logs, the home with its database, its S3 files, its ledger and its calls."""
    written = [path for path in out.rglob("*") if path.is_file()]
    assert len(written) >= 100 and any(path.name == "ledger.jsonl" for path in written), len(written)
    assert secret_scan.findings([out]) == []


def nbval_cells(path, session):
    """nbval's own view of a notebook's code cells: which are to be compared, and how."""
    notebook = IPyNbFile.from_parent(session, path=path)
    notebook.compare_outputs = False  # as with --nbval-lax: only what is tagged
    rules = (ROOT / "tests" / "nbval_sanitize.cfg").read_text()
    notebook.sanitize_patterns.update(get_sanitize_patterns(rules))
    return list(notebook.collect())


@every_notebook
def test_stored_outputs_are_what_it_prints(path, executed, request):
    ran = lesson_files.without_injected(executed[lesson_files.name_of(path)][1])
    fresh = [cell for cell in ran if cell.cell_type == "code"]
    compared = 0
    for cell, now in zip(nbval_cells(path, request.session), fresh, strict=True):
        if cell.options["check"]:
            compared += 1
            assert cell.cell.outputs, (
                f"code cell {cell.cell_num + 1} is to be compared and has no stored output"
            )
            same = cell.compare_outputs(clean(now.outputs), clean(cell.cell.outputs))
            differs = "\n".join([cell.cell.source, *cell.comparison_traceback])
            assert same, f"code cell {cell.cell_num + 1}:\n{differs}"
    assert compared >= (4 if path in LESSONS else 1), f"compared only {compared} cells"


def clean(outputs):
    """Outputs as they would be stored: streams joined, the machine's own paths out."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x", outputs=outputs)])
    return course_store.with_outputs(notebook, notebook, ROOT).cells[0].outputs


def test_a_changed_output_is_noticed(tmp_path, request):
    stored = nbformat.v4.new_output("stream", text="kept 3 rows in 1.2 s\n")
    cell = nbformat.v4.new_code_cell("f()", outputs=[stored], metadata={"tags": ["nbval-check-output"]})
    plain = nbformat.v4.new_code_cell("g()", outputs=[stored])
    nbformat.write(nbformat.v4.new_notebook(cells=[cell, plain]), tmp_path / "00_a.ipynb")
    checked, unchecked = nbval_cells(tmp_path / "00_a.ipynb", request.session)
    assert checked.options["check"] and not unchecked.options["check"]
    same, other = (nbformat.v4.new_output("stream", text=f"kept {n} rows in 9.9 s\n") for n in (3, 4))
    assert checked.compare_outputs([same], [stored])
    assert not checked.compare_outputs([other], [stored])


# --- that the policies are enough, and no more than that


@pytest.fixture(scope="module")
def recorded(executed, out):
    """{"policy action": {lesson: {"calls", …}}} of the run, and the calls that were refused."""
    lines = permissions_record.lines(out / ".aws")
    asked = {}
    for line in lines:
        policy = permissions_record.policy_of(line["principal"])
        for action in line["actions"] if policy and line["decision"] == "allowed" else ():
            asked.setdefault(policy, set()).add(action)
    return asked, [line for line in lines if line["decision"] == "denied"], len(lines)


# The clean-up looks for roles and policies too. A learner may not list them, and it says so and goes on.
INSTRUCTORS = ("iam:ListRoles", "iam:ListPolicies")


def test_a_learner_with_the_generated_policies_is_refused_nothing(recorded):
    asked, refused, calls = recorded
    missed = [line for line in refused if line["refused"] not in INSTRUCTORS]
    assert [(line["app"], line["refused"], line["resources"]) for line in missed] == []
    assert calls >= 3000, f"recorded only {calls} calls"
    assert {policy: len(actions) >= 3 for policy, actions in asked.items()} == dict.fromkeys(
        ("learner", "execution_role", "bedrock_role"), True
    )


def test_every_action_of_the_policies_was_asked_for_or_says_why_it_is_there(recorded):
    asked, _, _ = recorded
    tables = {"learner": learning.LEARNER, "execution_role": executing.EXECUTION}
    idle = [(policy, grant.action) for policy, table in tables.items() for grant in table
            if not grant.why and grant.action not in asked[policy]]
    assert idle == []
    document = policies.bedrock_role("123456789012", "b")
    assert {action for one in document["Statement"] for action in one["Action"]} == asked["bedrock_role"]


def test_the_stored_table_knows_every_action_that_the_lessons_asked_for(recorded):
    asked, _, _ = recorded
    known = set(permission_lessons.table()) | set(INSTRUCTORS)
    assert sorted(asked["learner"] - known) == []
