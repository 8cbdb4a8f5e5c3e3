"""The page of costs for whoever teaches or pays: by learner, lesson and kind of thing, from the tags.

    rows = ledger(session, cfg)
    write(Path("build/costs"), page(rows, look(session, cfg), session.where, session.account))

One file that needs nothing else: no script, font or style from anywhere. In local it says 0.00 USD and, in a
column of its own, AWS's list price for the same; on aws the list price, or with bill() what AWS has billed.
"""

from __future__ import annotations

import html
from collections import defaultdict
from datetime import date, datetime, timezone
from pathlib import Path

from tuneaws.costs.showing import usd
from tuneaws.costs.spent import LIST_PRICE, SO_FAR

NO_TAG = "(no tag)"
GROUPS = (("learner", "By learner"), ("lesson", "By lesson"), ("what", "By kind of thing"))
RIGHT = ("seconds", "list price", LIST_PRICE, "?")  # heads of columns of numbers, and an unknown one
COST_EXPLORER_USD = 0.01  # a request (https://aws.amazon.com/aws-cost-management/pricing/, 2026-11)

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882; --bar: #0969da88; --bad: #cf222e }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 0 auto; padding: 1rem }
h1 { margin-bottom: 0 } h2 { margin: 2rem 0 .3rem } .small { font-size: .85rem; opacity: .8 }
table { border-collapse: collapse; width: 100%; font-size: .9rem }
th, td { text-align: left; vertical-align: top; padding: .25rem .7rem .25rem 0 }
th, td { border-bottom: 1px solid var(--line) }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
td.bar { width: 35% } td.bar div { background: var(--bar); height: 1em; min-width: 1px }
td.name { overflow-wrap: anywhere; min-width: 9rem }
td.text { white-space: nowrap } .scroll { overflow-x: auto }
.now { border-left: 4px solid var(--bad); background: var(--soft); padding: .2rem 1rem; margin: 1rem 0 }
code { font: 13px/1.45 ui-monospace, monospace; overflow-wrap: anywhere }
"""


def sums(rows: list, by: str, column: str) -> list:
    """[(name, USD, things), …] of the rows, dearest first; what has no such tag is NO_TAG.

    by  "learner", "lesson" or "what"
    """
    groups: dict = defaultdict(list)
    for row in rows:
        groups[row[by] or NO_TAG].append(row[column] or 0)
    return sorted(((name, sum(each), len(each)) for name, each in groups.items()),
                  key=lambda group: (-group[1], group[0]))


def page(rows: list, seen, where: str, account: str, billed: list | None = None) -> str:
    """The whole page as HTML.

    rows    of ledger()          seen  of billing.look()          billed  of bill(), on aws and if asked
    """
    column = LIST_PRICE if where == "local" else SO_FAR
    head = LIST_PRICE if where == "local" else "list price"
    whole = sum(row[column] or 0 for row in rows)
    unknown = sum(row[column] is None for row in rows)
    parts = [f"<h1>{html.escape(_title(whole, where))}</h1>",
             f"<p class='small'>{html.escape(_about(where, account, unknown))}</p>", _now(seen, where)]
    if billed is not None:
        parts += ["<h2>What AWS has billed this month, by its tags</h2>",
                  _table(["learner", "lesson", "USD"], [[*each[:2], f"{each[2]:.2f}"] for each in billed])]
    for by, title in GROUPS:
        parts += [f"<h2>{title}</h2>", _bars(sums(rows, by, column), by, head)]
    parts += [f"<h2>Each thing ({len(rows)})</h2>", _things(rows, column, head)]
    return ('<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>tuneaws: costs</title>\n<style>{STYLE}</style></head>\n<body>\n"
            + "\n".join(parts) + "\n</body></html>\n")


def write(folder: Path, text: str) -> Path:
    """Write the page to <folder>/index.html and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "index.html"
    path.write_text(text, encoding="utf-8")
    return path


def bill(session, cfg, today: date | None = None) -> list:
    """[(learner, lesson, USD), …] of this month, from Cost Explorer. Each request costs 0.01 USD.

    Only what carries the course's tags, since they are cost allocation tags: somebody has to activate
    `course`, `learner` and `lesson` in the billing console, and AWS takes about a day.
    Raises  botocore's errors: ce:GetCostAndUsage is needed
    """
    explorer = session.boto.client("ce", region_name="us-east-1", endpoint_url=session.url)
    found, token = [], {}
    while True:
        answer = explorer.get_cost_and_usage(**bill_request(cfg.project.tags, today), **token)
        for period in answer["ResultsByTime"]:
            for group in period["Groups"]:
                names = [key.partition("$")[2] or NO_TAG for key in group["Keys"]]
                found.append((*names, float(group["Metrics"]["UnblendedCost"]["Amount"])))
        if "NextPageToken" not in answer:
            return sorted(found, key=lambda each: -each[2])
        token = {"NextPageToken": answer["NextPageToken"]}


def bill_request(tags: dict, today: date | None = None) -> dict:
    """The GetCostAndUsage request for this month so far. Its End is not counted, so it is tomorrow. Pure."""
    today = today or datetime.now(timezone.utc).date()
    each = [{"Tags": {"Key": key, "Values": [value]}} for key, value in tags.items()]
    tomorrow = date.fromordinal(today.toordinal() + 1)
    return {"TimePeriod": {"Start": f"{today.replace(day=1)}", "End": f"{tomorrow}"},
            "Granularity": "MONTHLY", "Metrics": ["UnblendedCost"],
            "Filter": each[0] if len(each) == 1 else {"And": each},
            "GroupBy": [{"Type": "TAG", "Key": "learner"}, {"Type": "TAG", "Key": "lesson"}]}


def _title(whole: float, where: str) -> str:
    if where == "local":
        return f"The course cost 0.00 USD here; AWS's list price for the same: {usd(whole)}"
    return f"The course has cost {usd(whole)} so far, by AWS's list prices"


def _about(where: str, account: str, unknown: int) -> str:
    at = f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC"
    count = f" Without a known price, and so not counted: {unknown} of the rows." if unknown else ""
    if where == "local":
        return (f"{at}, the AWS of this machine. Seconds were measured here: AWS's machines take others, "
                f"so this is no forecast of a bill.{count}")
    return (f"{at}, account {account}. List prices times what AWS says it bills; taxes, discounts, credits "
            f"and traffic are in the bill, which comes a day later.{count}")


def _now(seen, where: str) -> str:
    """What bills by the hour at this moment, and how it ends."""
    column = "USD/h on AWS" if where == "local" else "USD/h"
    hourly = [row for row in seen.rows if row[column] != 0]
    lines = [f"<li>{html.escape(row['what'])} {html.escape(row['name'])}: "
             f"{'price not known' if row[column] is None else usd(row[column])} an hour, {_who(row)}<br>"
             f"<code>{html.escape(row['end it with'])}</code></li>" for row in hourly]
    lines += [f"<li>could not be seen: {html.escape(what)}</li>" for what in seen.unseen]
    if not lines:
        return "<p>Nothing bills by the hour right now.</p>"
    here = " Here it is free; on AWS it would cost:" if where == "local" else ""
    return f"<div class='now'><p><b>Bills right now.</b>{here}</p><ul>{''.join(lines)}</ul></div>"


def _who(row: dict) -> str:
    return html.escape(", ".join(row[tag] or NO_TAG for tag in ("learner", "lesson")))


def _bars(groups: list, by: str, head: str) -> str:
    most = max((amount for _, amount, _ in groups), default=0) or 1
    lines = "".join(
        f"<tr><td class='name'>{html.escape(name)}</td><td class='number'>{count}</td>"
        f"<td class='number'>{usd(amount)}</td>"
        f"<td class='bar'>{_bar(amount / most)}</td></tr>"
        for name, amount, count in groups)
    return (f"<table><thead><tr><th>{by}</th><th class='number'>things</th><th class='number'>{head}</th>"
            f"<th></th></tr></thead><tbody>{lines}</tbody></table>")


def _bar(share: float) -> str:
    return f"<div style='width:{100 * share:.1f}%'></div>" if share else ""


def _things(rows: list, column: str, head: str) -> str:
    names = ["seconds", "what", "name", "type", "learner", "lesson", "created"]
    cells = [["?" if row[column] is None else usd(row[column]), *(row[name] for name in names)]
             for row in sorted(rows, key=lambda row: (-(row[column] or 0), row["created"]))]
    return _table([head, *names], cells)


def _table(heads: list, rows: list) -> str:
    """Numbers stand on the right."""
    def cell(value, tag="td"):
        number = isinstance(value, int | float) or str(value).endswith("USD") or value in RIGHT
        kind = "number" if number else "text" if len(str(value)) < 20 else "name"
        return f"<{tag} class='{kind}'>{'' if value is None else html.escape(str(value))}</{tag}>"

    head = "".join(cell(name, "th") for name in heads)
    body = "".join(f"<tr>{''.join(map(cell, row))}</tr>" for row in rows)
    return f"<div class='scroll'><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
