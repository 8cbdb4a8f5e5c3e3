"""A file as text: unpacked if it is gz, decoded, in blocks or in lines, with what was wrong on the way."""

import codecs
import io
import zlib
from collections.abc import Iterator
from pathlib import Path

from .report import Problem, ReadError, Report

BLOCK = 1 << 20  # bytes read at a time
PACKED_BLOCK = 1 << 14  # of a gz: it may become a thousand times as much
LONGEST = 1 << 26  # characters of one line or one JSON value: what is longer is no row
MARKS = ((codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF8, "utf-8-sig"),
         (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))  # fmt: skip
NAMES = {"utf-8": "UTF-8", "utf-8-sig": "UTF-8 with a byte order mark", "cp1252": "not all UTF-8"}
# First bytes of what people upload under a wrong name → (what it is, what to do).
FOREIGN = {
    b"PK\x03\x04": ("a zip archive (Excel's .xlsx is one too)", "unpack it, or save the sheet as CSV"),
    b"\xd0\xcf\x11\xe0": ("an old Office file", "save the sheet as CSV"),
    b"PAR1": ("a Parquet file", "convert it: pandas.read_parquet(path).to_csv(…)"),
    b"ARROW1": ("an Arrow file", "convert it to CSV or JSONL"),
    b"SQLite format 3": ("an SQLite database", "export the table as CSV"),
    b"%PDF": ("a PDF", "save its text as .txt"),
    b"BZh": ("compressed with bzip2", "unpack it, or compress it with gzip"),
    b"\xfd7zXZ": ("compressed with xz", "unpack it, or compress it with gzip"),
    b"\x28\xb5\x2f\xfd": ("compressed with zstd", "unpack it, or compress it with gzip"),
    b"<!doctype html": ("a web page", "download the data itself; this is often a login page"),
    b"<html": ("a web page", "download the data itself; this is often a login page"),
    b"<?xml": ("XML", "convert it to CSV or JSONL"),
}  # fmt: skip


class Source:
    """One file as decoded text. Iterate over blocks() or lines(), once."""

    def __init__(self, path: Path, name: str, report: Report):
        self.path, self.name, self.report = path, name, report
        self.facts = report.files[name]
        self.line = 1  # the line at which the block that was read last begins
        self.encoding = ""
        self.cut = False  # the file ends before its time

    def note(self, kind: str, line: int, seen: str, done: str, fix: str = "", lost: bool = False) -> None:
        """Report something that is wrong with this file."""
        self.report.add(kind, Problem(self.name, line, seen, done, fix, lost))

    # --- bytes

    def _bytes(self) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            if packed:
                yield from self._unpacked(file)
                return
            if self.path.suffix.lower() == ".gz":
                self.note("not gz", 0, "is called .gz and is not compressed", "it is read as it is")
            while block := file.read(BLOCK):
                yield block

    def _unpacked(self, file) -> Iterator[bytes]:
        unpack, members = zlib.decompressobj(wbits=31), 0
        while data := file.read(PACKED_BLOCK):
            while data:
                if unpack.eof:
                    if not (data := data.lstrip(b"\0")):
                        break
                    unpack, members = zlib.decompressobj(wbits=31), members + 1
                before = unpack.copy()
                try:
                    block, broken = unpack.decompress(data), None
                except zlib.error as err:
                    block, broken = salvage(before, data), err
                if block:
                    yield block
                if broken and members and not block:
                    self.note("not gz", 0, "has something behind its compressed data", "that is left out")
                    return
                if broken:
                    self._ends_early(f"is damaged gz ({broken})")
                    return
                data = unpack.unused_data
        if not unpack.eof:
            self._ends_early("is a gz that ends before its time")

    def _ends_early(self, seen: str) -> None:
        self.cut = True
        self.note("ends early", self.line, seen, "the whole rows before it are read",
                  "copy or download the file again", lost=True)  # fmt: skip

    # --- text

    def blocks(self) -> Iterator[str]:
        """The text in pieces of about BLOCK characters; NUL bytes are taken out, bare CR becomes LF."""
        decoder = only_cr = None
        for data in self._bytes():
            if decoder is None:
                self.encoding = guess_encoding(data)
                self.facts.encoding = NAMES.get(self.encoding, self.encoding.upper())
                decoder = codecs.getincrementaldecoder(self.encoding)()
            text = self._decode(decoder, data)
            if only_cr is None:
                text = text.removeprefix("\ufeff")
                only_cr = "\r" in text and "\n" not in text
            yield from self._counted(text.replace("\r", "\n") if only_cr else text)
        if decoder is not None:
            yield from self._counted(self._decode(decoder, b"", final=True))

    def _counted(self, text: str) -> Iterator[str]:
        if "\0" in text:
            line = self.line + text.count("\n", 0, text.index("\0"))
            self.note("NUL", line, f"has NUL bytes ({text.count(chr(0)):,} from here on in this block)",
                      "they are taken out")  # fmt: skip
            text = text.replace("\0", "")
        if text:
            yield text
            self.line += text.count("\n")

    def _decode(self, decoder, data: bytes, final: bool = False) -> str:
        try:
            return decoder.decode(data, final)
        except UnicodeDecodeError as err:
            line = self.line + err.object[: err.start].count(b"\n")
            if decoder.__class__.__module__.endswith(("utf_8", "utf_8_sig")):
                codecs.register_error("as_cp1252", _as_cp1252)
                decoder.errors = "as_cp1252"
                self.encoding, self.facts.encoding = "cp1252", NAMES["cp1252"]
                self.note("encoding", line, f"is not UTF-8 (byte 0x{err.object[err.start]:02x})",
                          "such bytes are read as Windows-1252 (Latin-1)",
                          "check the accents, or save the file as UTF-8")  # fmt: skip
            else:
                decoder.errors = "ignore" if final else "replace"  # half a character at the end
                self.note("encoding", line, f"starts as {err.encoding} and does not go on so ({err.reason})",
                          "what cannot be read becomes \ufffd or is left out",
                          "save the file as UTF-8", lost=True)  # fmt: skip
            return decoder.decode(data, final)

    def lines(self) -> Iterator[str]:
        """The lines, each with its line end, parted at LF only.

        Raises  ReadError if a line is longer than LONGEST.
        """
        rest = ""
        for block in self.blocks():
            text = rest + block
            cut = text.rfind("\n") + 1
            yield from io.StringIO(text[:cut], newline="\n")
            rest = text[cut:]
            if len(rest) > LONGEST:
                raise ReadError(f"{self.path} has a line of over {LONGEST:,} characters. "
                                "Fix: one row a line, and line ends between them")  # fmt: skip
        if rest and self.cut:
            self.note("ends early", self.line, f"is cut off: {rest[:40]!r}", "it is left out")
        elif rest:
            yield rest


def _as_cp1252(err) -> tuple[str, int]:
    raw = err.object[err.start : err.end]
    return "".join(bytes([b]).decode("cp1252" if b not in b"\x81\x8d\x8f\x90\x9d" else "latin-1")
                   for b in raw), err.end  # fmt: skip


def guess_encoding(start: bytes) -> str:
    """ "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be" or "utf-32", from how a file starts."""
    for mark, encoding in MARKS:
        if start.startswith(mark):
            return encoding
    some = start[:4096]
    if some.count(0) > len(some) // 4:  # UTF-16 without a mark: every other byte of English is 0
        return "utf-16-le" if some[1::2].count(0) > some[::2].count(0) else "utf-16-be"
    return "utf-8"


def salvage(unpack, data: bytes, enough: int = 1 << 30) -> bytes:
    """What can be unpacked of compressed bytes before they are broken or cut off."""
    found = bytearray()
    for at in range(len(data)):
        try:
            found += unpack.decompress(data[at : at + 1])
        except zlib.error:
            break
        if unpack.eof or len(found) >= enough:
            break
    return bytes(found)


def first_bytes(path: Path, count: int = 1 << 16) -> bytes:
    """How a file starts, unpacked. b"" if it is empty. Raises ReadError if it cannot be opened."""
    try:
        with path.open("rb") as file:
            start = file.read(count)
    except OSError as err:
        raise ReadError(f"{path} cannot be opened ({err.strerror}). Fix: check its name and rights") from err
    if start.startswith(b"\x1f\x8b"):
        unpacked = salvage(zlib.decompressobj(wbits=31), start, count)
        if not unpacked and len(start) < 18 or start[2:3] != b"\x08":  # the least that a gz has
            raise ReadError(f"{path} is damaged gz. Fix: copy or download it again")
        return unpacked
    return start[:count]


def check_text(path: Path, start: bytes) -> None:
    """Raises ReadError if the first bytes are not those of a text file."""
    bare = start.removeprefix(codecs.BOM_UTF8).lstrip()[:32].lower()
    for mark, (what, fix) in FOREIGN.items():
        if start.startswith(mark) or (mark.startswith(b"<") and bare.startswith(mark)):
            raise ReadError(f"{path} is {what}. Fix: {fix}")
    if guess_encoding(start) in ("utf-8", "utf-8-sig"):
        odd = sum(byte < 9 or 13 < byte < 32 for byte in start if byte)
        if odd > len(start) // 10:
            raise ReadError(f"{path} is not text: {start[:20]!r}. Fix: export it as UTF-8 CSV or JSONL")
