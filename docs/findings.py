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

    def section(self) -> str:
        """The entry as a section of the page."""
        lines = [f"## {self.code}\n", self.meaning]
        lines += [f"- **{name}:** {text}" for name, text in self.parts() if text]
        return "\n".join([lines[0], lines[1], *([""] if len(lines) > 2 else []), *lines[2:]]) + "\n"

    def parts(self) -> Iterator[tuple[str, str]]:
        """The named lines of a section."""
        yield "Says", f"`{self.says}`" if self.says else ""
        yield "Cause", self.cause
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
    """The entries of the findings that the source makes directly."""
    for file in sorted(SOURCE.rglob("*.py")):
        for function in ast.walk(ast.parse(file.read_text())):
            if not isinstance(function, ast.FunctionDef | ast.Module):
                continue
            for node in ast.walk(function):
                if not (isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "Finding"):
                    continue
                given = {key.arg: key.value for key in node.keywords if key.arg}
                names = ("code", "severity", "title", "cause", "remedy")
                given |= dict(zip(names, node.args, strict=False))
                code = given.get("code")
                if isinstance(code, ast.Constant):
                    severity = ast.unparse(given["severity"]).split(".")[-1].lower()
                    says, cause, remedy = (template(given.get(name)) for name in names[2:])
                    yield Entry(str(code.value), f"A finding ({severity}).", says, cause, remedy)


def main() -> None:
    """Print the page, by code."""
    by_code = {entry.code: entry for entry in [*findings(), *errors()]}
    sys.stdout.write("\n".join([HEAD, *(by_code[code].section() for code in sorted(by_code))]))


if __name__ == "__main__":
    main()
