"""What a reader should know before believing the figures of an evaluation. Part of tuneaws.evaluate."""

from tuneaws.evaluate.rouge import beyond_ascii

FEW_ROWS = 100  # below it, percentile intervals are too narrow to be trusted, and wide all the same


def warnings_of(report) -> list:
    """Sentences about a Report: few rows, rows trained on, rows without an answer, a floor not beaten."""
    found = []
    if len(report.rows) < FEW_ROWS:
        found.append(f"only {len(report.rows)} test rows: intervals of fewer than {FEW_ROWS} are not to be "
                     "trusted. Take more rows")
    if report.leaked:
        some = ", ".join(report.leaked[:3])
        found.append(f"{len(report.leaked)} test rows were trained on, such as {some}: their score "
                     "measures memory. Leave them out of training")
    twice = len(report.rows) - len({(row["dialogue"], row["reference"]) for row in report.rows})
    if twice:
        found.append(f"{twice} test rows are there twice: the intervals are too narrow by that")
    for name, system in report.systems.items():
        if system.failed:
            first = next(iter(system.failed.values()))
            found.append(f"{name} gave no answer to {len(system.failed)} of {len(report.rows)} rows. They "
                         f"are in none of its scores; compare() leaves them out for both. First: {first}")
    found += report.left_out
    found += [f"{report.main} does not beat {floor}, a floor that any model must beat: "
              f"{report.verdict(report.main, floor)}" for floor in report.floors_above()]
    other = sum(beyond_ascii(row["reference"]) for row in report.rows)
    if other:
        found.append(f"{other} references have letters beyond a to z. They count here, and "
                     "rouge-score drops them: its score of these rows is another")
    return found
