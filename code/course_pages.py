"""The report of a run: one page with every lesson's status, time and figures, and a page for each lesson.

Every page stands alone: no script, font or style from anywhere else, so it can be mailed or opened offline.
"""

from __future__ import annotations

import dataclasses
import html
import importlib.metadata
import json
import os
import platform
import re
import time
from pathlib import Path

import nbformat
from nbconvert import HTMLExporter
from nbconvert.preprocessors import CoalesceStreamsPreprocessor
from pygments.formatters import HtmlFormatter

SHOWN_VERSIONS = ("boto3", "sagemaker", "torch", "transformers", "peft", "bitsandbytes", "moto")
NOT_ON_PAPER = ("application/vnd.jupyter.widget-view+json", "application/javascript")

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882; --good: #1a7f37; --bad: #cf222e }
@media (prefers-color-scheme: dark) { :root { --good: #3fb950; --bad: #f85149 } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem }
table { border: 0; border-collapse: collapse; display: block; overflow-x: auto }
th, td { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0 }
th, td { border: 0; border-bottom: 1px solid var(--line) }
td.number { text-align: right; font-variant-numeric: tabular-nums }
.passed { color: var(--good) } .failed, .stopped { color: var(--bad); font-weight: bold }
.problem { border-left: 4px solid var(--bad); padding: .1rem 1rem; margin: 1rem 0; background: var(--soft) }
pre, code { font: 13px/1.45 ui-monospace, monospace; overflow-x: auto; max-width: 100% }
pre { padding: .6rem; margin: .4rem 0; white-space: pre-wrap; overflow-wrap: anywhere }
.input pre, .problem pre { background: var(--soft); border-radius: 4px }
.output pre { white-space: pre }
.output { border-left: 3px solid var(--line); padding-left: .6rem }
.prompt, .anchor-link { display: none }
img, svg { max-width: 100%; height: auto; background: #fff }
figure { margin: 1.5rem 0 } figcaption, footer, .small { font-size: .85rem; opacity: .8 }
.ansi-red-fg, .ansi-red-intense-fg { color: var(--bad) } .ansi-green-fg { color: var(--good) }
"""


def write_report(run, out: Path) -> Path:
    """Write out/index.html, results.json and a page for each executed lesson; return the path of the index.

    run   a run_course.Run
    """
    rows, figures = [], []
    for result in run.results:
        name = html.escape(result.name)
        up = "../" * result.name.count("/")
        executed = result.executed if result.executed and result.executed.exists() else None
        if executed:
            notebook = nbformat.read(executed, as_version=4)
            page = lesson_page(notebook, result.title, report=f"{up}index.html")
            (out / f"{result.name}.html").write_text(page, encoding="utf-8")
            figures += [_figure(result, png, n) for n, png in enumerate(pictures(notebook), 1)]
        link = f'<a href="{name}.html">{name}</a>' if executed else name
        rows.append(
            f'<tr><td>{link}<br><span class="small">{html.escape(result.title)}</span></td>'
            f'<td class="{result.status}">{result.status}</td>'
            f'<td class="number">{result.seconds:.1f}</td></tr>'
        )
    total = sum(result.seconds for result in run.results)
    passed = sum(result.status == "passed" for result in run.results)
    body = [
        f"<h1>{passed} of {len(run.results)} lessons passed in {total:.0f} s</h1>",
        "<p class='problem'>The run was cut short by Ctrl-C.</p>" if run.cut_short else "",
        *(_problem(result) for result in run.results if result.status != "passed"),
        _left(run),
        "<table><thead><tr><th>Lesson</th><th>Status</th><th>Seconds</th></tr></thead>",
        f"<tbody>{''.join(rows)}</tbody></table>",
        *figures,
        f"<footer><p>{'<br>'.join(html.escape(line) for line in _surroundings())}</p></footer>",
    ]
    index = out / "index.html"
    index.write_text(_page("tuneaws: report", "\n".join(body)), encoding="utf-8")
    figures_of_run = [dataclasses.asdict(result) for result in run.results]
    (out / "results.json").write_text(json.dumps(figures_of_run, indent=1, default=str), encoding="utf-8")
    return index


def lesson_page(notebook, title: str, report: str = "index.html") -> str:
    """Return an executed lesson as one HTML page. Links to other notebooks lead to their pages."""
    notebook = nbformat.from_dict(notebook)
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            for kind in NOT_ON_PAPER:
                output.get("data", {}).pop(kind, None)
    notebook = CoalesceStreamsPreprocessor().preprocess(notebook, {})[0]  # lines printed apart, one block
    body, _ = HTMLExporter(template_name="basic", embed_images=True).from_notebook_node(notebook)
    body = re.sub(r'href="([\w./-]+)\.ipynb"', r'href="\1.html"', body)
    return _page(title, f'<p class="small"><a href="{report}">report</a></p>\n{body}')


def pictures(notebook) -> list[str]:
    """Return the PNG figures of an executed notebook as base64 text, in order."""
    return [
        output.data["image/png"].strip()
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]


def _figure(result, png: str, number: int) -> str:
    name = html.escape(result.name)
    return (
        f'<figure><img alt="figure {number} of {name}" src="data:image/png;base64,{png}">'
        f"<figcaption>{html.escape(result.title)}: figure {number}</figcaption></figure>"
    )


def _problem(result) -> str:
    where = f", code cell {result.cell}" if result.cell else ""
    return (
        f'<div class="problem"><p><b>{html.escape(result.name)}{where}</b></p>'
        f"<pre>{html.escape(result.error)}</pre></div>"
    )


def _left(run) -> str:
    """What the run leaves behind and what of it bills, from AWS's own answer, as HTML."""
    local = "stays up (make clean ends it)" if run.kept else "was ended with the run"
    said = f"<p>The AWS of this machine {local}. Spent: nothing. Still billing at the end"
    if run.billing is None:
        return f"{said}: not asked.</p>"
    return f"{said}, if it were AWS:</p><pre>{html.escape(chr(10).join(run.billing))}</pre>"


def _surroundings() -> list[str]:
    versions = [f"Python {platform.python_version()}"]
    for name in SHOWN_VERSIONS:
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            versions.append(f"{name} not installed")
    return [
        time.strftime("%Y-%m-%d %H:%M %Z"),
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs",
        ", ".join(versions),
    ]


def _page(title: str, body: str) -> str:
    light = HtmlFormatter(style="default").get_style_defs(".highlight")
    dark = HtmlFormatter(style="github-dark").get_style_defs(".highlight")
    colours = (
        f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n.highlight {{ background: none }}"
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>{STYLE}{colours}</style></head>\n<body>\n{body}\n</body></html>\n"
    )
