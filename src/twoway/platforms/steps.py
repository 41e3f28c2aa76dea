"""The steps of a kit, as Markdown that a person follows. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from twoway.findings import Finding
from twoway.platforms.order import Order
from twoway.platforms.platform import ByDocument, File, Platform, Rendered, Use


def text(
    platform: Platform, use: Use, order: Order, rendered: Rendered, findings: tuple[Finding, ...]
) -> str:
    """Return STEPS.md.

    Args:
        platform: whose kit it is.
        use: what for.
        order: what it was made of.
        rendered: what the platform made of it.
        findings: what the preflight found.
    """
    return "\n".join(_lines(platform, use, order, rendered, findings)) + "\n"


def _lines(
    platform: Platform, use: Use, order: Order, rendered: Rendered, findings: tuple[Finding, ...]
) -> Iterator[str]:
    leaf = order.leaf
    yield f"# {platform.title}: {use.title}"
    yield ""
    yield f"For `{leaf.subject}`, valid until {leaf.not_after:%Y-%m-%d}. Made on {order.at:%Y-%m-%d}."
    if isinstance(platform.proof, ByDocument):
        source, read = platform.proof.source, platform.proof.read
        yield ""
        yield f"These steps follow the vendor's documents ({source}, as of {read}); nobody has tried them here."
    if findings:
        yield from ("", "## Before you begin", "")
        yield from (f"- **{one.severity}:** {one.title}: {one.remedy}" for one in findings)
    yield from _table("Stays with you", "keep", rendered.keep)
    yield from _table("Goes to the other side", "send", rendered.send)
    yield from ("", rendered.steps.strip())
    if platform.failures:
        yield from (
            "",
            "## If it says something else",
            "",
            "| it says | because | so |",
            "| --- | --- | --- |",
        )
        for failure in platform.failures:
            yield f"| `{_cell(failure.says)}` | {_cell(failure.means)} | {_cell(failure.remedy)} |"


def _table(title: str, folder: str, files: tuple[File, ...]) -> Iterator[str]:
    if not files:
        return
    yield from ("", f"## {title}", "", "| file | what it is |", "| --- | --- |")
    for file in files:
        secret = " **Secret.**" if file.secret else ""
        yield f"| `{folder}/{file.name}` | {_cell(file.about)}{secret} |"


def _cell(words: str) -> str:
    return words.replace("|", "\\|").replace("\n", " ")
