"""Archives that are not trusted: source directories and models, extracted within their folder or not at all.

AWS's toolkits rename what would leave the folder; here an archive with such a member is refused.
"""

import os
import posixpath
import tarfile
from pathlib import Path


class ArchiveError(Exception):
    """An archive has a member that must not be written."""


def extract(tar: tarfile.TarFile, folder: Path, what: str, should_stop=lambda: None) -> None:
    """Extract an archive that is not trusted: nothing is written unless every member stays in the folder.

    what          names it in errors, such as "the source directory s3://b/sourcedir.tar.gz"
    should_stop   called between members; raises to break off
    Raises ArchiveError for a member that may not be written; tarfile's and OS errors pass through.
    """
    members = tar.getmembers()
    links = {posixpath.normpath(member.name) for member in members if member.issym()}
    for member in members:
        problem = _problem(member, links)
        if problem:
            raise ArchiveError(
                f"{what} was not extracted: its member {member.name!r} {problem}. Build the archive from"
                " plain files and folders, with names relative to its root."
            )
    for member in members:
        should_stop()
        member.mode = (member.mode or 0o644) & 0o777 | (0o700 if member.isdir() else 0o600)
        member.uid, member.gid = os.getuid(), os.getgid()
        if hasattr(tarfile, "data_filter"):
            tar.extract(member, folder, filter="data")
        else:
            tar.extract(member, folder)


def _problem(member: tarfile.TarInfo, links: set[str]) -> str | None:
    """Why a member must not be extracted, None if it may be."""
    name = posixpath.normpath(member.name)
    if name.startswith("/") or ".." in member.name.split("/"):
        return "would be written outside of it"
    if any(parent in links for parent in _parents(name)):
        return "would be written through a link"
    if member.issym() or member.islnk():
        base = posixpath.dirname(name) if member.issym() else ""
        target = posixpath.normpath(posixpath.join(base, member.linkname))
        ups = [part == ".." for part in member.linkname.split("/")]
        winding = ups != sorted(ups, reverse=True)  # "a/../b": what it means depends on what "a" is
        if member.linkname.startswith("/") or target.split("/")[0] == ".." or winding:
            return f"links to {member.linkname!r}, outside of it"
        if target in links or any(parent in links for parent in _parents(target)):
            return f"links to another link, {member.linkname!r}"
    elif not (member.isfile() or member.isdir()):
        return "is neither a file nor a folder"
    return None


def _parents(name: str) -> list[str]:
    parts = name.split("/")[:-1]
    return ["/".join(parts[: length + 1]) for length in range(len(parts))]
