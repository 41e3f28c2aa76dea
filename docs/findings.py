"""Print docs/findings.md: every error class and every finding in the source, by code. Run by ``make docs``."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from twoway.errors import TwowayError

SOURCE = Path(__file__).parents[1] / "src" / "twoway"

HEAD = """\
# Findings

Every refusal, failed check and bad input has one of these codes, the same in the command line, in `--json`, in the
gateway's answers and in the library's exceptions. A code never changes its meaning; its words may change.
`{...}` stands for a fact of the case. This page is made from the source by `make docs`.
"""


class Entry(NamedTuple):
    """What the page says about one code."""

    code: str
    meaning: str
    says: str
    cause: str
    remedy: str
    advice: str = ""

    def block(self) -> str:
        """The entry in Markdown, without its heading."""
        lines = [f"- **{name}:** {text}" for name, text in self.parts() if text]
        return "\n".join([self.meaning, "", *lines]) + "\n"

    def parts(self) -> Iterator[tuple[str, str]]:
        """The named lines of a section."""
        yield "Says", f"`{self.says}`" if self.says else ""
        yield "Cause", self.cause
        yield "The partner", self.advice
        yield "Remedy", self.remedy


def descendants(kind: type[TwowayError]) -> Iterator[type[TwowayError]]:
    """All error classes below one, those without a code of their own left out."""
    for child in kind.__subclasses__():
        if "code" in child.__dict__:
            yield child
        yield from descendants(child)


def errors() -> Iterator[Entry]:
    """The entries of the exception tree."""
    for kind in descendants(TwowayError):
        yield Entry(kind.code, " ".join((kind.__doc__ or "").split()), kind.message, kind.cause, kind.remedy)


def template(node: ast.expr | None) -> str:
    """The text that an expression makes, its variable parts in braces."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=values):
            return "".join(template(value) for value in values)
        case ast.FormattedValue(value=value):
            return "{" + ast.unparse(value).split("(")[0].split(".")[-1].strip("_") + "}"
        case ast.IfExp(body=body, orelse=other):
            return f"{template(body)} / {template(other)}"
        case None:
            return ""
        case _:
            return "{" + ast.unparse(node).split("(")[0].split(".")[-1] + "}"


def findings() -> Iterator[Entry]:
    """The entries of the findings and of the gateway's reasons that the source makes directly."""
    for file in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call):
                kind = ast.unparse(node.func).split(".")[-1]
                names = ARGUMENTS.get(kind, ())
                given = {key.arg: key.value for key in node.keywords if key.arg}
                given |= dict(zip(names, node.args, strict=False))
                if isinstance(given.get("code"), ast.Constant):
                    yield entry(kind, given)


# What makes a finding, and the names of its arguments in their order.
ARGUMENTS = {
    "Finding": ("code", "severity", "title", "cause", "remedy"),
    "Reason": ("code", "status", "title", "advice", "remedy"),
    "HandshakeFailure": ("marker", "code", "title", "remedy"),
    "Alarm": ("code", "title", "remedy"),
}


def entry(kind: str, given: dict[str, ast.expr]) -> Entry:
    """The entry of one call that makes a finding."""
    match kind:
        case "Finding":
            meaning = f"A finding ({ast.unparse(given['severity']).split('.')[-1].lower()})."
        case "Reason":
            meaning = f"A refusal by the gateway (HTTP status {ast.unparse(given['status'])})."
        case "Alarm":
            meaning = "An alarm in the journal, about the gateway itself."
        case _:
            meaning = "A handshake that failed at the gateway."
    texts = {name: template(given.get(name)) for name in ("code", "title", "cause", "advice", "remedy")}
    return Entry(texts["code"], meaning, texts["title"], texts["cause"], texts["remedy"], texts["advice"])


def main() -> None:
    """Print the page, by code; what says the same code in several places stands together."""
    by_code: dict[str, list[Entry]] = {}
    for one in [*errors(), *findings()]:
        same = by_code.setdefault(one.code, [])
        same += [one] if one.block() not in {other.block() for other in same} else []
    sections = [
        f"## {code}\n\n" + "\n".join(one.block() for one in by_code[code]) for code in sorted(by_code)
    ]
    sys.stdout.write("\n".join([HEAD, *sections]))


if __name__ == "__main__":
    main()
