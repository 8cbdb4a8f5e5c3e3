"""The files of lesson 06: five kinds, each with a mistake that costs one row and no other."""

import pytest
from tuneaws import data
from tuneaws.example_files import write_example_files


@pytest.fixture(scope="module")
def converted(tmp_path_factory):
    """(files written, report, cleaning) of 80 rows."""
    folder = tmp_path_factory.mktemp("files")
    rows = [{"dialogue": f"Ann: hello {n} ❤\nBen: {n} times", "summary": f"Ben says {n}."} for n in range(80)]
    paths = write_example_files(folder / "in", rows)
    return paths, *data.convert(folder / "in", folder / "out.jsonl")


def test_all_five_files_are_read_each_as_what_it_is(converted):
    paths, report, _ = converted
    assert [path.name for path in sorted(paths)] == sorted(report.files)
    kinds = {name: facts.kind for name, facts in report.files.items()}
    assert kinds == {"from_excel.csv": "CSV", "from_a_colleague.json": "JSON", "from_a_log.jsonl": "JSONL",
                     "notes.txt.gz": "TXT", "instances.csv": "CSV"}
    encodings = {facts.encoding for facts in report.files.values()}
    assert {"UTF-16", "UTF-8", "UTF-8 with a byte order mark"} <= encodings


def test_each_mistake_costs_one_row(converted):
    _, report, cleaning = converted
    lost = {name: facts.left_out for name, facts in report.files.items() if facts.left_out}
    assert lost == {"from_excel.csv": 1, "from_a_colleague.json": 1, "from_a_log.jsonl": 1,
                    "instances.csv": 1}
    assert dict(cleaning.dropped) == {"empty summary": 1}
    assert cleaning.kept == cleaning.read - 1 == report.rows - 1 > 80
