"""One page of a list, for services whose tokens are their own affair: here the number of rows before it."""

import re

from pocketaws.errors import AwsError

TOKEN = re.compile("[0-9]{1,9}")


def page(
    rows: list, request: dict, wrong: AwsError, size: int = 100, names: tuple = ("NextToken", "MaxResults")
) -> tuple[list, dict]:
    """(one page, {"NextToken": …} where there is another).

    wrong   what is raised for a token that no answer gave
    size    the rows of a page, where the request does not say      names   of both members
    """
    token = request.get(names[0]) or "0"
    if not TOKEN.fullmatch(token) or int(token) > len(rows):
        raise wrong
    end = int(token) + request.get(names[1], size)
    return rows[int(token) : end], {names[0]: str(end)} if end < len(rows) else {}
