"""Files as people have them: every good row comes out, every bad one is named, and memory does not grow."""

import gzip
import itertools
import json
import subprocess
import sys
from pathlib import Path

import pytest
from broken_files import CASES, CSV, LINES, PACKED, REFUSED, ROWS
from container.training import reading
from container.training.reading import ReadError, Report, opening, read, read_folder

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


def saved(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def test_the_corpus_has_its_size_and_no_name_twice():
    names = [name for name, *_ in [*CASES, *REFUSED]]
    assert len(names) >= 120 and len(set(names)) == len(names) - 1  # packed.csv.gz is in both


@pytest.mark.parametrize("name, content, rows, words", CASES, ids=[name for name, *_ in CASES])
def test_a_file_gives_its_good_rows_and_says_what_was_wrong(tmp_path, name, content, rows, words):
    report = Report()
    found = list(read(saved(tmp_path, name, content), report, name))
    assert len(found) == len(rows), str(report)
    assert found == rows
    assert words in str(report)
    assert report.rows == len(rows) and report.files[name].rows == len(rows)


@pytest.mark.parametrize("block", [8, 64])
@pytest.mark.parametrize("name, content, rows, words", [case for case in CASES if len(case[1]) < 5000],
                         ids=[case[0] for case in CASES if len(case[1]) < 5000])  # fmt: skip
def test_where_a_block_ends_changes_nothing(tmp_path, monkeypatch, block, name, content, rows, words):
    """Files larger than a block are read in pieces; here every file is, down to pieces of eight bytes."""
    path, whole, parts = saved(tmp_path, name, content), Report(), Report()
    list(read(path, whole, name))
    monkeypatch.setattr(opening, "BLOCK", block)
    assert list(read(path, parts, name)) == rows
    if "utf-16" not in name and name != "nul.csv" and "bare" not in name:  # told from a block of some size
        assert [(p.line, p.lost) for p in parts.problems] == [(p.line, p.lost) for p in whole.problems]


@pytest.mark.parametrize("name, content, words", REFUSED, ids=[name for name, *_ in REFUSED])
def test_a_file_without_rows_is_refused_with_a_fix(tmp_path, name, content, words):
    with pytest.raises(ReadError) as refused:
        list(read(saved(tmp_path, name, content)))
    assert words in str(refused.value) and name in str(refused.value)
    assert "Fix: " in str(refused.value) and "Traceback" not in str(refused.value)


def test_a_file_that_is_not_there_or_not_readable_is_named(tmp_path):
    with pytest.raises(ReadError, match="there is no file"):
        list(read(tmp_path / "rows.csv"))
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(ReadError, match="folder.csv cannot be opened .*Fix: "):
        list(read(tmp_path / "folder.csv"))


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.999])
def test_a_gz_that_was_cut_gives_the_rows_before_the_cut(tmp_path, share):
    report = Report()
    path = saved(tmp_path, "cut.csv.gz", PACKED[: int(len(PACKED) * share)])
    rows = list(read(path, report, "cut.csv.gz"))
    assert rows == [{"q": f"row {n} {n * n:x}", "a": str(n)} for n in range(len(rows))]
    assert 0.9 * share < len(rows) / 9000 < 1.0
    assert "is a gz that ends before its time; the whole rows before it are read" in str(report)


def test_any_cut_of_any_file_ends_in_rows_or_in_a_sentence(tmp_path):
    """Short files cut at many bytes, three of them at each: rows before the cut come out, nothing raises."""
    cuts, strict = 0, ("lines.jsonl", "array.json", "utf-8.csv")
    for name, content, rows, _ in CASES:
        if len(content) > 400 or "utf-16" in name or "utf-32" in name:
            continue
        for end in range(1, len(content), 1 if name in strict else 5):
            report = Report()
            try:
                found = list(read(saved(tmp_path, name, content[:end]), report, name))
            except ReadError as err:
                assert "Fix: " in str(err)
                continue
            cuts += 1
            if name in strict:
                whole = [row for row in rows if row in found]
                assert whole == rows[: len(whole)] and len(found) - len(whole) <= 1
    assert cuts > 900, cuts


FLAT = [{"q": f"row {n}, it's", "a": str(n), "n": n} for n in range(6)]
CHATS = [
    {
        "messages": [
            {"role": "user", "content": f"hi {n}"},
            {"role": "assistant", "content": f"yo, {n} [x] {{y}}"},
        ]
    }
    for n in range(6)
]
FORMS = {
    "flat.jsonl": "{}", "flat.json": "[{}]", "lines.json": "[\n{}\n]", "pretty.json": "[{}]",
    "object.json": '{{"v": 1, "rows": [{}]}}',
}  # fmt: skip


@pytest.mark.parametrize("rows", [FLAT, CHATS], ids=["rows", "chats"])
@pytest.mark.parametrize("name", FORMS)
def test_a_character_too_many_or_too_few_costs_one_row(tmp_path, name, rows):
    """At every place of the first and of the fourth of six rows; the five others come out."""
    parts = [json.dumps(row, indent=1 if name == "pretty.json" else None) for row in rows]
    tried, lost = 0, []
    for broken in (0, 3):
        good = [row for number, row in enumerate(rows) if number != broken]
        for at, odd in itertools.product(range(0, len(parts[broken]), 2), ["", *'"{}[],x']):
            part = parts[broken][:at] + odd + parts[broken][at + (not odd) :]
            joined = ("\n" if name.endswith("l") else ",\n").join(
                [*parts[:broken], part, *parts[broken + 1 :]]
            )
            report, tried = Report(), tried + 1
            found = list(read(saved(tmp_path, name, FORMS[name].format(joined).encode()), report, name))
            if [row for row in found if row in good] != good:
                lost.append((part, str(report)))
    assert tried > 250
    # A row that lost its closing bracket may take the next one into itself, and be right JSON.
    assert len(lost) <= (3 if rows is CHATS and name != "flat.jsonl" else 0), lost[:3]


# --- folders


def test_a_folder_of_mixed_kinds_is_read_whole_and_its_bad_files_are_named(tmp_path):
    (tmp_path / "more").mkdir()
    for name, content in {
        "a.csv": CSV.encode(), "b.json": json.dumps(ROWS).encode(), "c.jsonl": LINES.encode(),
        "d.txt": b"one\n\ntwo", "more/e.csv.gz": gzip.compress(CSV.encode()), "f.pdf": b"%PDF", "g.csv": b"",
        ".hidden.csv": b"x", "h.csv": b"q,a\n",
    }.items():  # fmt: skip
        saved(tmp_path, name, content)
    report = Report()
    rows = list(read_folder(tmp_path, report))
    assert [name for name, _ in rows] == [
        *["a.csv"] * 3, *["b.json"] * 3, *["c.jsonl"] * 3, *["d.txt"] * 2, *["more/e.csv.gz"] * 3
    ]  # fmt: skip
    assert report.rows == 14 and report.left_out == 2
    for words in (
        "a.csv: CSV, UTF-8, delimiter ',': 3 rows",
        "f.pdf gives no rows: ",
        "g.csv gives no rows: ",
        "h.csv: CSV, UTF-8, delimiter ',': 0 rows",
    ):
        assert words in str(report)


def test_a_folder_without_rows_is_refused(tmp_path):
    for words in ("it holds: nothing", "a.pdf gives no rows"):
        with pytest.raises(ReadError, match=f"(?s){words}.*Fix: one of .json"):
            list(read_folder(tmp_path, Report()))
        saved(tmp_path, "a.pdf", b"%PDF")
    with pytest.raises(ReadError, match="there is no folder"):
        list(read_folder(tmp_path / "nowhere", Report()))


# --- the report


def test_columns_without_a_name_are_said_to_be_empty_only_where_they_are(tmp_path):
    said = {}
    for name, cell in (("empty.csv", ""), ("filled.csv", "note")):
        report = Report()
        list(read(saved(tmp_path, name, f"q,a,,\none,1,,\ntwo,2,,{cell}\n".encode()), report, name))
        said[name] = [kind for _, kind in report.counts]
    assert said == {"empty.csv": ["header"], "filled.csv": ["unnamed cells"]}


def test_the_report_counts_what_it_does_not_show_and_stays_small(tmp_path):
    text = "q,a\n" + "one,1\nx,y,z\n" * 5000
    report = Report(shown=3)
    assert sum(1 for _ in read(saved(tmp_path, "a.csv", text.encode()), report, "a.csv")) == 5000
    assert len(report.problems) == 3 and report.left_out == 5000 and len(report.lines()) == 5
    assert str(report).endswith("and 4,997 more in a.csv: cells")
    assert "a.csv: CSV, UTF-8, delimiter ',': 5,000 rows, 5,000 left out" in str(report)


def test_the_lines_that_the_report_names_are_those_of_the_file(tmp_path):
    """Behind rows of several lines, behind CRLF, and beyond the first block."""
    text = "q,a\r\n" + '"two\r\nlines",1\r\n' * 40_000 + "x,y,z\r\none,1\r\n"
    report = Report()
    rows = list(read(saved(tmp_path, "a.csv", text.encode()), report, "a.csv"))
    assert (len(rows), [problem.line for problem in report.problems]) == (40_001, [80_002])
    array = "[\n" + ",\n".join(['{"q": "' + "x" * 100 + '"}'] * 20_000) + ',\n{"q" 1},\n{"q": "y"}]'
    report = Report()
    rows = list(read(saved(tmp_path, "a.json", array.encode()), report, "a.json"))
    assert (len(rows), [problem.line for problem in report.problems]) == (20_001, [20_002])


# --- memory

# Linux's ru_maxrss begins with what the parent held when it forked; VmHWM is of this program alone.
PEAK = """
import pathlib, resource, sys
sys.path.insert(0, sys.argv[1])
from container.training import reading
count = sum(1 for _ in reading.read(sys.argv[2]))
status = pathlib.Path("/proc/self/status")
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(count, int(status.read_text().partition("VmHWM:")[2].split()[0]) if status.exists() else peak)
"""
SIZES = {
    "rows.csv": ("q,a,c\n", "the question number {n},the answer to it,{n}\n", ""),
    "rows.jsonl": ("", '{{"q": "the question number {n}", "a": "the answer to it"}}\n', ""),
    "rows.json": (
        "[",
        '{{"q": "the question number {n}", "a": "the answer to it"}},\n',
        '{"q": "", "a": ""}]',
    ),
    "in-object.json": (
        '{"rows": [',
        '{{"q": "the question number {n}", "a": "it"}},\n',
        '{"q": "", "a": ""}]}',
    ),
    "rows.csv.gz": ("q,a,c\n", "the question number {n},the answer to it,{n}\n", ""),
}


@pytest.mark.parametrize("name", SIZES)
def test_ten_times_the_rows_take_no_more_memory(tmp_path, name, course_root):
    peaks = []
    for rows in (30_000, 300_000):
        begin, row, end = SIZES[name]
        path, pack = tmp_path / f"{rows}-{name}", gzip.open if name.endswith("gz") else open
        with pack(path, "wt", encoding="utf-8") as file:
            file.write(begin)
            file.writelines(row.format(n=n) for n in range(rows))
            file.write(end)
        command = [sys.executable, "-c", PEAK, str(course_root / "code"), str(path)]
        count, peak = map(int, subprocess.check_output(command, text=True).split())
        assert count == rows + ("json" in name and "jsonl" not in name)
        peaks.append(peak)
    assert peaks[1] < peaks[0] * 1.15, peaks


def test_one_line_that_never_ends_is_refused_and_not_held(tmp_path, monkeypatch):
    monkeypatch.setattr(opening, "LONGEST", 1 << 21)
    with pytest.raises(ReadError, match="a line of over 2,097,152 characters"):
        list(read(saved(tmp_path, "a.jsonl", b"x" * (1 << 23))))


def test_the_first_row_comes_before_the_last_is_read(tmp_path):
    path = saved(tmp_path, "a.jsonl", LINES.encode() * 100_000)
    rows = read(path)
    assert list(itertools.islice(rows, 3)) == ROWS
    rows.close()


# --- one implementation


def test_what_ships_is_what_tuneaws_reads_with():
    from tuneaws import rows

    assert rows.reading is reading and rows.find_encoding is reading.find_encoding


def test_the_package_imports_the_standard_library_only():
    """It runs before any library is installed, as a package of a job's own folder."""
    folder = Path(reading.__file__).parents[1]
    command = [
        sys.executable,
        "-S",
        "-I",
        "-c",
        f"import sys; sys.path.insert(0, {str(folder)!r}); import reading",
    ]
    assert subprocess.run(command, capture_output=True, text=True).stderr == ""


# --- real files, when they are there


def test_the_survey_of_new_zealand_loses_nothing(tmp_path):
    """Nine columns of the newer file have no name, and 41 rows have another row's cells in them."""
    files = sorted((SHARED / "stats_nz").glob("*.csv")) if SHARED.exists() else []
    if not files:
        pytest.skip(f"the survey's files are not in {SHARED / 'stats_nz'}")
    report = Report()
    older, newer = (list(read(path, report, path.name)) for path in files)
    assert (len(older), len(newer)) == (13_932, 21_672)
    columns = [
        "year",
        "industry_code_ANZSIC",
        "industry_name_ANZSIC",
        "rme_size_grp",
        "variable",
        "value",
        "unit",
    ]
    assert all(list(row)[:7] == columns for row in older + newer)
    more = [row for row in newer if len(row) > 7]
    assert len(more) == 41 and all(list(row)[7:] == [f"column_{n}" for n in range(10, 17)] for row in more)
    assert report.counts == {(files[1].name, "unnamed cells"): 41}
    assert "line 17135 has cells in columns without a name: '2022'" in str(report)
    assert [sum(row["value"] == "C" for row in rows) for rows in (older, newer)] == [292, 383]
