"""still_billing() for people: what bills by the hour, what by the month, and what ends it.

    show_still_billing(session, cfg)        # the last cell of every lesson

    nothing is billing by the hour
    by the month: 1.95 USD on AWS, 0.00 here
      custom model tuneaws-2026-11-22-09-14-05-120133: 1.95 USD
      48 MB in S3, tuneaws-123456789012-us-east-1-3f9a1c: under 0.01 USD
"""

from __future__ import annotations

import contextlib

from tuneaws.costs.billing import look

ON_AWS = " on AWS"


def show_still_billing(session, cfg) -> None:
    """Print what of the course bills, or "nothing is billing". Never raises for what is denied."""
    print("\n".join(lines(look(session, cfg), session.where)))


@contextlib.contextmanager
def then_still_billing(session, cfg):
    """Show what bills at the end of a program's work, however it ends: done, failed or by Ctrl-C."""
    try:
        yield
    finally:
        show_still_billing(session, cfg)


def lines(seen, where: str) -> list:
    """The lines of show_still_billing(). seen: from billing.look()."""
    more = ON_AWS if where == "local" else ""  # in local the list price stands in a column of its own
    hour, month = f"USD/h{more}", f"USD/month{more}"
    hourly = [row for row in seen.rows if row[hour] != 0]
    monthly = [row for row in seen.rows if row not in hourly and row[month] != 0]
    asked = [row for row in seen.rows if row not in hourly and row not in monthly]
    if not seen.rows and not seen.unseen:
        return ["nothing is billing"]
    parts = [_part("hour", hourly, hour, where), _part("month", monthly, month, where) if monthly else []]
    return [*(line for part in parts for line in part),
            *(f"only when it is asked, or by what it launched: {_name(row)}" for row in asked),
            *(f"could not be seen: {what}" for what in seen.unseen)]


def _part(unit: str, rows: list, column: str, where: str) -> list:
    """What bills by one unit of time: the sum, and a line for each row; by the hour also how to end it."""
    if not rows:
        return [f"nothing is billing by the {unit}"]
    known = sum(row[column] or 0 for row in rows)
    least = "at least " if None in [row[column] for row in rows] else ""
    here = " on AWS, 0.00 here" if where == "local" else ""
    said = [f"BILLING BY THE HOUR: {least}{usd(known)}{here}" if unit == "hour" else
            f"by the month: {least}{usd(known)}{here}"]
    for row in rows:
        price = "price not known" if row[column] is None else usd(row[column])
        since = f", since {row['since']} UTC" if unit == "hour" and row["since"] else ""
        said.append(f"  {_name(row)}: {price}{since}")
        if unit == "hour":
            said.append(f"    end it: {row['end it with']}")
    return said


def usd(amount: float) -> str:
    """"1.95 USD", and "under 0.01 USD" for what is not nothing."""
    return f"{amount:.2f} USD" if amount == 0 or amount >= 0.01 else "under 0.01 USD"


def _name(row: dict) -> str:
    whose = ", ".join(row[tag] for tag in ("learner", "lesson") if row[tag])
    return f"{row['what']} {row['name']}" + (f" ({whose})" if whose else "")
