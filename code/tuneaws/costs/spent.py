"""What the course made, and what it has cost so far: the book of the calls, joined with what AWS says.

    table(ledger(session, cfg))
    show_ledger(session, cfg)              # the rows that cost something, and the sum

    machines        billable seconds of AWS, or from creation to deletion, times the list price
    tuning          at most: a token a byte, as the estimate before it; AWS gives no count afterwards
    answers         the tokens that Bedrock counted, those of streams not
    storage         today's bytes and models, for as long as they are there

AWS's bill comes a day later and has discounts, taxes and credits that a list price has not. In local nothing
costs anything: "USD so far" is 0.00, and a column of its own has AWS's list price for the same machines and
the seconds that were measured here, which on AWS's machines would be others.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timezone

from botocore.exceptions import BotoCoreError, ClientError

from tuneaws.costs import lives, settling, things
from tuneaws.costs.billing import minute
from tuneaws.costs.book import Book
from tuneaws.costs.showing import usd
from tuneaws.lesson import table

SO_FAR, LIST_PRICE = "USD so far", "list price on AWS"
COLUMNS = ("created", "what", "name", "type", "count", "learner", "lesson", "ended", "seconds", SO_FAR)
# What bills by itself. A tuning job's training jobs are things of their own.
BILLED = ("training job", "processing job", "endpoint", "provisioned throughput", "customization job")


def ledger(session, cfg) -> list:
    """A row for each thing that was made, oldest first.

    created, ended  in UTC, "2026-11-22 14:03"; ended None: it is there    seconds  that bill, of one machine
    "USD so far"    0.0 in local, where "list price on AWS" has what the same would be; None: not known
    Raises nothing for what is denied: the book has it, without what AWS says.
    """
    entries = Book.of(session).entries()
    rows = _made(entries)
    newest = {(what, name): at for what, name, at in rows}
    for thing in things.find(session, cfg, entries):
        key = thing["what"], thing["name"]
        there = rows.setdefault((*key, thing.get("at") or newest.get(key)), dict.fromkeys(COLUMNS))
        there.update({key: value for key, value in thing.items() if value is not None})
    for key, row in _asked(entries).items():
        rows[key] = row
    return sorted((_finished(row, session.where) for row in rows.values()), key=lambda row: row["created"])


def show_ledger(session, cfg) -> None:
    """Print what cost something, how much else was made, and the sum; "?" where the price is not known."""
    rows, column = ledger(session, cfg), LIST_PRICE if session.where == "local" else SO_FAR
    billed = [row for row in rows if row[column] is None or row[column] > 0]
    shown = [column, "what", "name", "type", "count", "lesson", "seconds"]  # 120 characters: JupyterLab's
    short = [{**row, column: "?" if row[column] is None else usd(row[column]),
              "name": _short(row["name"]), "lesson": (row["lesson"] or "")[:2]} for row in billed]
    table(short, shown)
    free = len(rows) - len(billed)
    print(f"{free} more things were made that bill nothing")
    least = "at least " if None in [row[column] for row in rows] else ""
    print(f"so far: {least}{usd(total(rows, column))}" + (
        ", AWS's list price for what ran here; here it cost 0.00 USD" if session.where == "local" else ""))


def total(rows: list, column: str = SO_FAR) -> float:
    """The sum of a column; what is not known counts nothing."""
    return sum(row[column] or 0 for row in rows)


def spent_at_most(entries: list, now: datetime | None = None) -> float:
    """USD that the book has, at most: what is settled, and the worst case of what is not.

    What bills until it is deleted costs its worst case, or its hours if they are more already.
    """
    settled = _settled(entries)
    spent = sum(one.get("usd") or 0 for one in entries if one["event"] == "asked")
    for life in lives.of(entries):
        key = life.made["what"], life.made["name"]
        spent += settled[key] if key in settled else sum(
            _unsettled(life.made["what"], *period, now) for period in life.periods())
    return spent


def settle(book: Book, client) -> None:
    """Note in the book what the jobs that have ended have cost. Some requests for each that was open.

    client  (service, region) -> boto3 client
    """
    entries = book.entries()
    known = {(one["what"], one["name"]) for one in entries if one["event"] == "settled"}
    for one in entries:
        if one["event"] != "made" or one["what"] not in settling.BY_KIND or not one.get("usd_per_hour"):
            continue
        if (one["what"], one["name"]) in known:
            continue
        try:
            seconds = settling.BY_KIND[one["what"]](client("sagemaker", one.get("region")), one["name"])
        except (ClientError, BotoCoreError):
            continue
        if seconds is not None:
            book.add({"event": "settled", "what": one["what"], "name": one["name"], "seconds": seconds,
                      "usd": one["usd_per_hour"] * seconds / 3600})


def _unsettled(what: str, says: dict, start: datetime, end: datetime | None, now: datetime | None) -> float:
    """What a period of a thing has cost, as far as the book knows: hours are counted, all else at its worst.

    says  the entry that began the period: what its machines cost, and its worst case
    """
    worst = says.get("worst_usd") or 0
    if what not in ("endpoint", "provisioned throughput") or not says.get("usd_per_hour"):
        return worst
    cost = says["usd_per_hour"] * lives.hours(start, end or now or datetime.now(timezone.utc))
    return cost if end else max(cost, worst)


def _made(entries: list) -> dict:
    """{(what, name, when): row} of what the book has made, oldest first. A name may have been made again."""
    rows, settled = {}, _settled(entries)
    for life in lives.of(entries):
        one = life.made
        rows[one["what"], one["name"], one["at"]] = {
            **dict.fromkeys(COLUMNS), "created": minute(datetime.fromisoformat(one["at"])),
            "what": one["what"], "name": one["name"], "type": one.get("type"), "count": one.get("count"),
            "learner": one["learner"], "lesson": one["lesson"], "ended": minute(life.ended),
            SO_FAR: _by_the_book(life, settled) if one["what"] in BILLED else 0.0}
    return rows


def _by_the_book(life: lives.Life, settled: dict) -> float | None:
    """What a thing that bills has cost when AWS does not say so any more; None: the book does not know."""
    key = life.made["what"], life.made["name"]
    known = life.ended and all(says.get("usd_per_hour") is not None for says, _, _ in life.periods())
    if key in settled or not known:
        return settled.get(key)
    return sum(says["usd_per_hour"] * lives.hours(start, end) for says, start, end in life.periods())


def _settled(entries: list) -> dict:
    """{(what, name): USD} of the jobs that have ended, and were looked at since."""
    return {(one["what"], one["name"]): one["usd"] for one in entries if one["event"] == "settled"}


def _asked(entries: list) -> dict:
    """{("answers", model, lesson): row}: the tokens that models on Bedrock were asked for."""
    groups: dict = defaultdict(list)
    for one in entries:
        if one["event"] == "asked":
            groups["answers", one["name"], one.get("lesson")].append(one)
    return {(what, name, lesson): {
        **dict.fromkeys(COLUMNS), "created": minute(datetime.fromisoformat(ones[0]["at"])),
        "what": what, "name": name,
        "type": f"{sum(one['input_tokens'] + one['output_tokens'] for one in ones):,} tokens",
        "count": len(ones), "learner": ones[0].get("learner"), "lesson": lesson,
        SO_FAR: None if any(one.get("usd") is None for one in ones) else sum(one["usd"] for one in ones)}
        for (what, name, lesson), ones in groups.items()}


def _finished(row: dict, where: str) -> dict:
    """The row with its columns in order. In local it costs nothing, and the list price stands apart."""
    row = {name: row.get(name) for name in COLUMNS}
    return {**row, SO_FAR: 0.0, LIST_PRICE: row[SO_FAR]} if where == "local" else row


def _short(name: str, most: int = 29) -> str:
    return name if len(name) <= most else f"{name[:most - 1]}…"
