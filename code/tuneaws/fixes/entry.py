"""One row of the table of fixes, what it looks for, and what comes out of it."""

import re
from dataclasses import dataclass

FREE_WAY = 'or set WHERE = "local" and go on for free.'
# How botocore begins str() of a ClientError (botocore.exceptions.ClientError.MSG_TEMPLATE, 1.44.5).
BOTOCORE = re.compile(r"An error occurred \((?P<code>[^)]*)\) when calling the (?P<operation>\w+) operation")


@dataclass(frozen=True)
class Said:
    """What somebody said: AWS in an answer, botocore before it asked, a job in its FailureReason or its log.

    text       the message, without what botocore puts in front
    codes      AWS's code; of another exception its class's name and its bases'; () where nobody knows
    operation  such as "CreateTrainingJob", service such as "sagemaker"; "" where nobody knows
    """

    text: str
    codes: tuple = ()
    operation: str = ""
    service: str = ""


@dataclass(frozen=True)
class Fix:
    """What to do about an error.

    text     one thing to do        free  how to go on without paying       source  who says so
    general  it only says where to look
    str() is for a terminal, with the free way; `line` is what stands below an error.
    """

    id: str
    text: str
    free: str
    source: str
    general: bool = False

    def line(self, where: str = "aws") -> str:
        """ "Fix: …", with the free way on aws; in local everything is free already."""
        return f"Fix: {self.text},\n{self.free}" if where == "aws" else f"Fix: {self.text}."

    def __str__(self) -> str:
        return self.line()


@dataclass(frozen=True)
class Entry:
    """A row: when it fits, and what to do then.

    id         short and stable, such as "role-trust"
    where      call: AWS or botocore refused a call; job: FailureReason or a status message of a job, an
               endpoint or an import; log: a line of a log; local: only the local AWS says it
    says       a regular expression for re.search in the message. What its named groups find stands in `fix`
    fix        one thing to do, a sentence without a full stop; {group} is what the expression found
    source     the page or the report that has the message or the remedy, with the date it was read
    code, operation, service   regular expressions for the whole name; "": any
    free       the free way on
    general    looked at last: it only says where to look
    """

    id: str
    where: str
    says: str
    fix: str
    source: str
    code: str = ""
    operation: str = ""
    service: str = ""
    free: str = FREE_WAY
    general: bool = False

    def fits(self, said: Said) -> Fix | None:
        """The fix with what was found filled in, None when the row is about something else.

        What is not known (a pasted line has no code, no service) is not held against it; but a row that goes
        by the code alone needs one.
        """
        if self.code and not any(re.fullmatch(self.code, each) for each in said.codes):
            if said.codes or re.search(self.says, ""):
                return None
        for pattern, value in ((self.operation, said.operation), (self.service, said.service)):
            if pattern and not re.fullmatch(pattern, value) and (value or self.general):
                return None
        found = re.search(self.says, said.text)
        if not found:
            return None
        words = {name: text or "" for name, text in found.groupdict().items()}
        return Fix(self.id, self.fix.format(**words), self.free, self.source, self.general)


def said_by(error, service: str = "") -> Said:
    """What an exception or a text says. A text may have botocore's first words, with code and operation."""
    response = getattr(error, "response", None)
    if isinstance(response, dict) and "Error" in response:  # botocore's ClientError
        told = response["Error"]
        operation = getattr(error, "operation_name", "") or ""
        return Said(told.get("Message", ""), (told.get("Code", ""),), operation, service)
    text = str(error)
    if isinstance(error, BaseException):
        names = tuple(kind.__name__ for kind in type(error).__mro__ if issubclass(kind, Exception))
        if not BOTOCORE.search(text):
            return Said(f"{names[0]}: {text}", names, service=service)
    head = BOTOCORE.match(text.strip())
    if head:
        return Said(text[head.end():], (head["code"],), head["operation"], service)
    return Said(text, service=service)
