"""TXT → rows: blocks of lines with an empty line between them, or, where there is none, lines."""

import itertools
import re
from collections.abc import Iterator

from .opening import Source

PEEK = 2000  # lines looked at for an empty line
LONGEST_BLOCK = 1 << 20  # characters; a longer block is parted
SUMMARY = re.compile(r"(?i)summary\s*:\s*(.*)")


def read_text(source: Source) -> Iterator[dict]:
    """{"text": block}; or {"dialogue", "summary"} where the last line of a block is "Summary: …"."""
    lines = source.lines()
    head = list(itertools.islice(lines, PEEK))
    if len(head) > 1 and all(line.strip() and not SUMMARY.match(line) for line in head):
        source.note("no empty line", 0, "has no empty line between its texts", "every line is a row",
                    "put an empty line between texts of several lines")  # fmt: skip
        for line in itertools.chain(head, lines):
            if line.strip():
                yield {"text": line.strip()}
        return
    block, size = [], 0
    for number, line in enumerate(itertools.chain(head, lines, [""]), start=1):
        if line.strip():
            block.append(line.rstrip("\r\n"))
            size += len(line)
        if block and (not line.strip() or size > LONGEST_BLOCK):
            if size > LONGEST_BLOCK:
                source.note("long", number, f"is in a text of over {LONGEST_BLOCK:,} characters",
                            "the text is parted here", "put empty lines between texts")  # fmt: skip
            yield _row(block)
            block, size = [], 0


def _row(block: list[str]) -> dict:
    summary = SUMMARY.match(block[-1])
    if summary:
        return {"dialogue": "\n".join(block[:-1]), "summary": summary[1]}
    return {"text": "\n".join(block)}
