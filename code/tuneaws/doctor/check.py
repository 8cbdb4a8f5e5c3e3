"""One question about this machine or account, its answer, and whom it is asked about.

A check is a function of a Subject that returns a Check, several, or None where the question does not arise:

    def python(subject) -> Check:
        return passed(platform.python_version())
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

PASS, WARN, FAIL = "pass", "warn", "fail"
FREE_WAY = 'or set WHERE = "local" and go on for free'
DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AccessDeniedFault")


@dataclass(frozen=True)
class Check:
    """An answer. status: "pass", "warn" or "fail"; seen: what was found; fix: one thing to do, "" if none.

    took_s  seconds the check took; 0 for a further answer of the same check
    """

    name: str
    status: str
    seen: str
    fix: str = ""
    took_s: float = 0.0


def passed(seen: str, name: str = "") -> Check:
    """All is well. name: "" for the check's own."""
    return Check(name, PASS, seen)


def warned(seen: str, fix: str, name: str = "") -> Check:
    """It works, or it could not be seen; somebody should look."""
    return Check(name, WARN, seen, fix)


def failed(seen: str, fix: str, name: str = "") -> Check:
    """A lesson would stop here."""
    return Check(name, FAIL, seen, fix)


@dataclass
class Subject:
    """What the doctor looks at.

    cfg      the configuration           session  a Session, None when there is none
    lessons  {"00", "04"}, the numbers of the lessons that are to run
    home     the local AWS's folder, None: the course's own
    """

    cfg: object
    session: object
    lessons: frozenset
    home: Path | None = None

    @property
    def local(self) -> bool:
        """Whether the lessons are to run on this machine."""
        return self.cfg.where == "local"

    def client(self, service: str, region: str | None = None):
        """A client in the session's region, or in another."""
        if region in (None, self.session.region):
            return self.session.client(service)
        return self.session.boto.client(service, region_name=region, endpoint_url=self.session.url)

    @property
    def bucket(self) -> str:
        """The name of the learner's bucket."""
        return self.session.bucket_name(self.cfg.project.name)


def code_of(err: ClientError) -> str:
    """The error's code, such as "AccessDenied"; "404" where AWS gives no more (a HEAD)."""
    return err.response["Error"]["Code"]


def denied(err: ClientError) -> bool:
    """Whether these credentials may not ask."""
    return code_of(err) in DENIED or code_of(err) == "403"


def told(err: Exception) -> tuple:
    """(what happened, what to do) of an error of this project, whose message has a line "Fix: …"."""
    happened, _, fix = str(err).partition("Fix: ")
    return " ".join(happened.split()), " ".join(fix.split())


def unseen(err: Exception) -> Check:
    """The answer when a check could not look."""
    if isinstance(err, ClientError):
        said = f"{err.operation_name}: {code_of(err)}: {err.response['Error'].get('Message', '')}".strip(": ")
        fix = (f"ask whoever manages the account for the action behind {err.operation_name}; it only reads"
               if denied(err) else "run it again; if it stays, read what AWS says")
        return warned(f"could not look: {said}", fix)
    if isinstance(err, BotoCoreError):
        return warned(f"could not look: {err}", "check the network, then run it again")
    return warned(f"could not look: {type(err).__name__}: {err}", "run it again; if it stays, report it")
