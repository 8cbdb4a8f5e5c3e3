"""The runner of the lessons, on tiny notebooks made here."""

import base64
import json
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import course_pages
import course_store
import lesson_files
import nbformat
import psutil
import pytest
import run_course
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

PNG = base64.b64encode(
    bytes.fromhex(
        "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360f8cf500f0003"
        "860180347d6b610000000049454e44ae426082"
    )
).decode()
DRAW = f"from IPython.display import Image, display; import base64\ndisplay(Image(base64.b64decode('{PNG}')))"

LEAVE_A_BUCKET = f"""
import sys
sys.path.insert(0, {str(Path(run_course.__file__).parent)!r})
from tuneaws import config, launch, session
cfg, aws = config.load(), session.connect("local")
aws.client("s3").put_object(Bucket=launch.ensure_bucket(cfg, aws), Key="left", Body=b"x" * 1_000_000)
"""


def lesson(folder, name, *sources, parameters="WHERE = 'local'", tags=("parameters",)):
    """Write one small notebook: a title, a parameters cell, and the given code cells."""
    cells = [new_markdown_cell(f"# Title of {name}\n\nWords. [next](01_next.ipynb)")]
    cells += [new_code_cell(parameters, metadata={"tags": list(tags)})]
    cells += [new_code_cell(source) for source in sources]
    path = Path(folder, f"{name}.ipynb")
    nbformat.write(new_notebook(cells=cells), path)
    return path


def test_given_parameters_reach_the_lesson_and_its_file_stays_untouched(tmp_path):
    path = lesson(tmp_path, "00_a", "print('where is', WHERE, N)", parameters="WHERE = 'local'\nN = 1")
    before = path.read_bytes()
    result = run_course.run_lesson(path, {"WHERE": "somewhere", "N": 7}, tmp_path / "out")
    assert (result.status, result.error, result.title) == ("passed", "", "Title of 00_a")
    assert "where is somewhere 7" in result.executed.read_text()
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("sources", "cell", "error"),
    [
        (["1 / 0", "print('after')"], 2, "ZeroDivisionError: division by zero"),
        (["!exit 3\nprint('went on')"], 2, "RuntimeError: !exit 3 ended with exit code 3"),
        (["x = 1", "%run no_such_script.py"], 3, "no_such_script.py"),
        (["%%bash\nexit 4"], 2, "exit status 4"),
        (["import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"], None, "died"),
    ],
    ids=["exception", "shell-command", "run-magic", "bash-magic", "kernel-dies"],
)
def test_a_failing_cell_fails_the_lesson_and_is_named(tmp_path, sources, cell, error):
    path = lesson(tmp_path, "00_bad", *sources)
    result = run_course.run_lesson(path, {"WHERE": "local"}, tmp_path / "out")
    assert (result.status, result.cell) == ("failed", cell)
    assert error in result.error


def test_an_unknown_parameter_is_refused_before_anything_runs(tmp_path):
    path = lesson(tmp_path, "00_a", f"open({str(tmp_path / 'ran')!r}, 'w')")
    result = run_course.run_lesson(path, {"WHERE": "local", "WERE": "aws"}, tmp_path / "out")
    assert (result.status, result.executed) == ("failed", None)
    assert "no WERE" in result.error
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("made", "problem"),
    [
        ({"tags": ()}, "0 cells are tagged"),
        ({"parameters": "WHERE = input()"}, "`WHERE = input()`"),
        ({"parameters": "import os\nWHERE = 'local'"}, "`import os`"),
    ],
)
def test_a_lesson_without_one_cell_of_literals_is_refused(tmp_path, made, problem):
    result = run_course.run_lesson(lesson(tmp_path, "00_a", **made), {"WHERE": "local"}, tmp_path / "out")
    assert result.status == "failed"
    assert problem in result.error


def test_a_lesson_over_its_time_is_ended_with_its_kernel_and_children(tmp_path):
    note = tmp_path / "pids"
    source = (
        "import os, subprocess, time\nchild = subprocess.Popen(['sleep', '600'])\n"
        f"open({str(note)!r}, 'w').write(f'{{os.getpid()}} {{child.pid}}')\ntime.sleep(600)"
    )
    result = run_course.run_lesson(lesson(tmp_path, "00_slow", source), {}, tmp_path / "out", limit_s=6)
    assert (result.status, result.error) == ("stopped", "stopped after 6 s, the limit for one lesson")
    kernel, child = map(int, note.read_text().split())
    assert not alive(kernel) and not alive(child)


def alive(pid):
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_no_lessons_is_an_error_that_counts_them(tmp_path):
    with pytest.raises(lesson_files.LessonError, match="found 0 lessons in"):
        lesson_files.find_lessons(tmp_path)
    lesson(tmp_path, "03_train_here_first")
    with pytest.raises(lesson_files.LessonError, match="found 0 lessons like '07'.*03_train_here_first"):
        lesson_files.find_lessons(tmp_path, "07")


def test_data_is_set_where_it_is_declared_and_refused_where_nobody_reads_it(tmp_path):
    plain = lesson(tmp_path, "00_a")
    with pytest.raises(lesson_files.LessonError, match="none of these lessons has a DATA parameter"):
        lesson_files.parameters_for([plain], "/rows")
    reader = lesson(tmp_path, "01_b", parameters="WHERE = 'local'\nDATA = ''")
    chosen = lesson_files.parameters_for([plain, reader], "/rows")
    assert chosen == {plain: {"WHERE": "local"}, reader: {"WHERE": "local", "DATA": "/rows"}}


# --- the whole run, as `make course` starts it


@contextmanager
def course(tmp_path, *arguments):
    """A running `run_course.py` over tmp_path/nb; ended as by Ctrl-C if the test leaves it running."""
    command = [sys.executable, str(Path(run_course.__file__)), "--notebooks", str(tmp_path / "nb")]
    command += ["--out", str(tmp_path / "out"), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)


def test_one_bad_lesson_fails_the_run_but_the_others_run_and_the_report_says_so(tmp_path):
    (tmp_path / "nb").mkdir()
    lesson(tmp_path / "nb", "00_good", "import os\nprint(os.environ['AWS_ENDPOINT_URL'])", DRAW)
    lesson(tmp_path / "nb", "01_bad", LEAVE_A_BUCKET, "raise ValueError('<loss> is nan')")
    lesson(tmp_path / "nb", "02_good", "print('<b>after</b>')")
    (tmp_path / "nb" / "solutions").mkdir()
    lesson(tmp_path / "nb" / "solutions", "00_good", "print('the answer')")
    with course(tmp_path, "--solutions") as process:
        out, err = process.communicate(timeout=180)
    assert process.returncode == 1, out + err
    assert "3 of 4 lessons passed" in out
    assert "01_bad, code cell 3: ValueError: <loss> is nan" in err
    after_the_failure, _, at_the_end = out.partition("at the end of the run:")
    for said in (after_the_failure, at_the_end):
        assert "nothing is billing by the hour" in said and "1 MB in S3, tuneaws-1234" in said
    report = (tmp_path / "out" / "index.html").read_text()
    assert report.index("ValueError: &lt;loss&gt; is nan") < report.index("<table>")
    assert report.count('class="passed"') == 3 and report.count('class="failed"') == 1
    assert report.count("data:image/png;base64,") == 1
    assert "1 MB in S3, tuneaws-123456789012-us-east-1-" in report and "(root, 01_bad)" in report
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    names = [(each["name"], each["status"]) for each in results]
    assert names[:3] == [("00_good", "passed"), ("solutions/00_good", "passed"), ("01_bad", "failed")]
    assert "the answer" in (tmp_path / "out" / "solutions" / "00_good.html").read_text()
    assert not (tmp_path / "out" / ".aws" / "server.json").exists()
    endpoint = re.search(r"http://127\.0\.0\.1:(\d+)", (tmp_path / "out" / "00_good.html").read_text())
    assert not listening(int(endpoint[1])), "pocketaws is still up"


def listening(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_ctrl_c_ends_everything_and_still_writes_the_report(tmp_path):
    (tmp_path / "nb").mkdir()
    lesson(tmp_path / "nb", "00_good", "print('quick')")
    note = tmp_path / "pid"
    source = f"import os, time\nopen({str(note)!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)"
    lesson(tmp_path / "nb", "01_slow", source)
    with course(tmp_path) as process:
        deadline = time.monotonic() + 120
        while not (note.exists() and note.read_text()):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, out + err
    report = (tmp_path / "out" / "index.html").read_text()
    assert "cut short by Ctrl-C" in report and "00_good" in report
    assert not alive(int(note.read_text()))
    assert not (tmp_path / "out" / ".aws" / "server.json").exists()


def test_wrong_arguments_end_with_2_and_one_line(tmp_path):
    for arguments, problem in [
        ((), "found 0 lessons"),
        (("--data", "/no/where"), "/no/where does not exist"),
    ]:
        with course(tmp_path, *arguments) as process:
            err = process.communicate(timeout=60)[1]
        assert process.returncode == 2
        assert problem in err and "Traceback" not in err


# --- pages


def executed(*outputs):
    cells = [new_markdown_cell("# T\n\n[next](01_next.ipynb)"), new_code_cell("run()", outputs=list(outputs))]
    return new_notebook(cells=cells, metadata={"widgets": {"x": {"state": {}}}})


def test_pages_stand_alone_without_script_or_network(tmp_path):
    widget = {"application/vnd.jupyter.widget-view+json": {"model_id": "m"}, "text/plain": "3 of 3 steps"}
    notebook = executed(
        new_output("display_data", data=widget),
        new_output("display_data", data={"image/png": PNG}),
        new_output("error", ename="ValueError", evalue="x", traceback=["\x1b[0;31mValueError\x1b[0m: x"]),
    )
    path = tmp_path / "00_a.ipynb"
    nbformat.write(notebook, path)
    result = run_course.Result("00_a", "T & <T>", "passed", 1.0, executed=path)
    index = course_pages.write_report(run_course.Run([result], []), tmp_path)
    pages = [index.read_text(), (tmp_path / "00_a.html").read_text()]
    for page in pages:
        assert not re.findall(r"""(?:src|href)=["']?(?:https?:)?//""", page)
        assert "<script" not in page and "@import" not in page
        assert '<meta name="viewport"' in page and "<title>" in page
    assert "T &amp; &lt;T&gt;" in pages[0]
    assert "3 of 3 steps" in pages[1] and 'href="01_next.html"' in pages[1] and "ansi-red-fg" in pages[1]


# --- stored outputs


def test_stored_outputs_are_those_of_the_run_without_traces_of_the_machine(tmp_path):
    root = tmp_path / "course"
    root.mkdir()
    path = lesson(root, "00_a", "print(1)", "print(2)")
    done = nbformat.read(path, as_version=4)
    injected = new_code_cell("WHERE = 'x'", metadata={"tags": ["injected-parameters"]})
    done.cells.insert(2, injected)
    text = f"{root}/build/a {Path.home()}/.aws http://127.0.0.1:40123/x"
    done.cells[3].outputs = [new_output("stream", name="stdout", text="a"), new_output("stream", text="b\n")]
    done.cells[4].outputs = [
        new_output("execute_result", {"text/plain": text, "image/png": PNG}, execution_count=9)
    ]
    done.cells[4].metadata["execution"] = {"iopub.status.busy": "2026-01-01T00:00:00Z"}
    copy = tmp_path / "copy.ipynb"
    nbformat.write(done, copy)
    course_store.store(path, copy, root)
    stored = nbformat.read(path, as_version=4)
    assert [cell.source for cell in stored.cells[2:]] == ["print(1)", "print(2)"]
    assert [cell.get("execution_count") for cell in stored.cells] == [None, 1, 2, 3]
    assert [output.text for output in stored.cells[2].outputs] == ["ab\n"]
    result = stored.cells[3].outputs[0]
    assert result.data["text/plain"] == "build/a ~/.aws http://127.0.0.1:4610/x"
    assert (result.execution_count, result.data["image/png"]) == (3, PNG)
    assert "execution" not in stored.cells[3].metadata
    assert stored.metadata == course_store.KERNEL


def test_outputs_of_another_version_of_a_lesson_are_not_stored(tmp_path):
    path = lesson(tmp_path, "00_a", "print(1)")
    copy = lesson(tmp_path, "00_b", "print(2)")
    with pytest.raises(ValueError, match="run it again"):
        course_store.store(path, copy, tmp_path)
