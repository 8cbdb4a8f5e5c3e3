"""What to do about an error message: the fix from the course's table.

python code/explain.py "An error occurred (NoSuchBucket) when calling the PutObject operation: The specified"
python code/explain.py < message.txt
python code/explain.py --list                 # every row: its id, and the expression that it looks for

Exit status 0 with a fix, 1 without one.
"""

import argparse
import sys

from tuneaws import fixes


def main(arguments: list | None = None) -> int:
    """Print the fix for a message, line by line if the whole of it has none; returns the exit status."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("message", nargs="*", help="the message; none: what is on standard input")
    parser.add_argument("--list", action="store_true", help="print the table instead")
    options = parser.parse_args(arguments)
    if options.list:
        for row in fixes.TABLE:
            print(f"{row.id:<24} {row.where:<6} {row.code:<20} {row.says}")
        return 0
    text = " ".join(options.message) if options.message else sys.stdin.read()
    fix = fixes.of_job(text, text.splitlines())
    if fix is None:
        print("The table has no fix for this. `python code/explain.py --list` prints what it knows.\n"
              "A job's own words stand at the end of its log: training_jobs.explain_failure(sm, logs, name).")
        return 1
    print(f"{fix}\n({fix.id}; source: {fix.source})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
