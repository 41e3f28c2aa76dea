"""The rules of the house: what may import what, what stays pure, what every error must carry.

They are read from the source with ``ast``, so that an import inside a function counts as much as one at the top.
"""

from __future__ import annotations

import ast
import re
import string
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from twoway.errors import TwowayError, UsageError

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"
FILES = sorted((SOURCE / "twoway").rglob("*.py"))

# A room imports rooms of lower floors only, and never its neighbours. ARCHITECTURE.md says what each is for.
FLOORS = (
    {"findings"},
    {"errors", "verdicts"},
    {"x509"},
    {"keystores"},
    {"platforms", "authority"},
    {"diagnosis"},
    {"realm"},
    {"gateway", "endpoints", "enrolment"},
    {"lab"},
    {"web", "cli"},
)
# The package itself is the door to all rooms: it may name any of them, but opens them only when asked.
FACADES = {"twoway", "twoway.__main__", "twoway.testing"}

PURE_FILES = (
    "errors.py",
    "findings.py",
    "verdicts.py",
    "x509/**/*.py",
    "keystores/**/*.py",
    "platforms/**/*.py",
    "authority/**/*.py",
    "diagnosis/contents.py",
    "diagnosis/others.py",
    "diagnosis/servers.py",
    "diagnosis/verification.py",
    "realm/states.py",
    "gateway/resources*.py",
    "gateway/resources*/**/*.py",
    "gateway/bootstrap.py",
    "gateway/carriers.py",
    "gateway/compose.py",
    "gateway/decisions.py",
    "gateway/delta.py",
    "gateway/desired.py",
    "gateway/paths.py",
    "gateway/reasons.py",
)
IMPURE_MODULES = {
    *(
        "asyncio",
        "concurrent",
        "fcntl",
        "glob",
        "http",
        "importlib",
        "multiprocessing",
        "os",
        "pathlib",
        "queue",
    ),
    *(
        "random",
        "sched",
        "select",
        "selectors",
        "shutil",
        "signal",
        "socket",
        "socketserver",
        "sqlite3",
        "ssl",
    ),
    *("subprocess", "tempfile", "threading", "time", "urllib.request", "OpenSSL.SSL"),
    *("alembic", "click", "grpc", "httpx2", "rich", "sqlalchemy"),
}
IMPURE_CALLS = {"open", "input", "print", "__import__", "exec", "eval"}
IMPURE_METHODS = {"now", "utcnow", "today"}


def name_of(file: Path) -> str:
    """The dotted name of a source file."""
    parts = file.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(file): file for file in FILES}
TREES = {name: ast.parse(file.read_text(), str(file)) for name, file in MODULES.items()}


def is_type_checking(node: ast.AST) -> bool:
    """Whether the node is the ``if TYPE_CHECKING`` block, which never runs."""
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def running(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node of a tree but those that only a type checker sees."""
    yield tree
    for child in ast.iter_child_nodes(tree):
        if not is_type_checking(child):
            yield from running(child)


def imported(node: ast.AST) -> Iterator[str]:
    """The modules that one node imports, in whatever form."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, "relative imports are not used here"
        for alias in node.names:
            whole = f"{node.module}.{alias.name}"
            of_ours = whole.startswith("twoway.")
            yield whole if whole in MODULES or not of_ours else str(node.module)
    elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
        yield from (str(given.value) for given in node.args[:1] if isinstance(given, ast.Constant))


def imports(name: str) -> set[str]:
    """Every module that a module of ours imports, at its top or inside its functions."""
    return {found for node in running(TREES[name]) for found in imported(node)}


def floor(name: str) -> int:
    """How high the room of a module lies."""
    room = name.split(".")[1]
    return next(height for height, rooms in enumerate(FLOORS) if room in rooms)


def ours(names: set[str]) -> set[str]:
    """Those of the names that are modules of ours, the facade itself left out."""
    return {name for name in names if name.startswith("twoway.")}


@pytest.mark.parametrize("name", sorted(set(MODULES) - FACADES))
def test_every_room_is_on_a_floor(name):
    """A new room has its place in the import order."""
    assert any(name.split(".")[1] in rooms for rooms in FLOORS)


@pytest.mark.parametrize("name", sorted(set(MODULES) - FACADES))
def test_imports_go_down_only(name):
    """A room imports itself and rooms on lower floors, nothing else of ours."""
    room = name.split(".")[1]
    wrong = {
        other for other in ours(imports(name)) if other.split(".")[1] != room and floor(other) >= floor(name)
    }
    assert set() == wrong


def test_facade_opens_rooms_only_when_asked():
    """``import twoway`` costs nothing: it imports no room of ours until a name is used."""
    top = {found for node in TREES["twoway"].body if not is_type_checking(node) for found in imported(node)}
    assert set() == ours(top)


def test_no_import_cycles():
    """No module imports itself through others, not even inside functions."""
    graph = {name: ours(imports(name)) - {name} for name in MODULES if name not in FACADES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def pure_modules() -> list[str]:
    """The modules that must stay pure."""
    return sorted({name_of(file) for glob in PURE_FILES for file in (SOURCE / "twoway").glob(glob)})


@pytest.mark.parametrize("name", pure_modules())
def test_pure_rooms_import_nothing_that_reaches_the_world(name):
    """A pure module imports no clock, no chance, no file, no network and no thread."""
    wrong = {
        other
        for other in imports(name)
        for bad in IMPURE_MODULES
        if other == bad or other.startswith(f"{bad}.")
    }
    assert set() == wrong


@pytest.mark.parametrize("name", pure_modules())
def test_pure_rooms_import_only_pure_modules_of_ours(name):
    """Purity is not lost by way of another room."""
    assert set() == ours(imports(name)) - set(pure_modules())


@pytest.mark.parametrize("name", pure_modules())
def test_pure_rooms_read_no_clock_and_no_file(name):
    """What a pure module needs comes in as an argument."""
    calls = [node for node in running(TREES[name]) if isinstance(node, ast.Call)]
    names = {node.func.id for node in calls if isinstance(node.func, ast.Name)}
    methods = {
        ast.unparse(node.func)
        for node in calls
        if isinstance(node.func, ast.Attribute)
        and node.func.attr in IMPURE_METHODS
        and ast.unparse(node.func.value).split(".")[-1] in {"datetime", "date", "dt"}
    }
    assert set() == (names & IMPURE_CALLS) | methods


def descendants(kind: type[TwowayError]) -> Iterator[type[TwowayError]]:
    """All classes below one."""
    for child in kind.__subclasses__():
        yield child
        yield from descendants(child)


ALL = sorted(set(descendants(TwowayError)), key=lambda kind: kind.__name__)
BRANCHES = [kind for kind in TwowayError.__subclasses__() if kind is not UsageError]
LEAVES = [kind for kind in ALL if kind not in BRANCHES]


@pytest.mark.parametrize("kind", LEAVES, ids=lambda kind: kind.__name__)
def test_every_error_says_what_why_and_what_to_do(kind):
    """A class has its own words, and they use only the facts that it has."""
    words = {"message": kind.message, "cause": kind.cause, "remedy": kind.remedy}
    assert [] == [name for name, text in words.items() if not text]
    assert kind.__dict__.get("__doc__")
    assert kind.message != TwowayError.message
    used = {field for text in words.values() for _, field, _, _ in string.Formatter().parse(text) if field}
    assert set() == {re.split(r"[.\[]", field)[0] for field in used} - set(kind.fields)


@pytest.mark.parametrize("kind", LEAVES, ids=lambda kind: kind.__name__)
def test_messages_follow_the_house_style(kind):
    """Lower case unless it opens with a name, and no period."""
    assert not kind.message.endswith(".")
    assert not re.match(r"(?!Envoy)[A-Z][a-z]", kind.message)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", kind.code)


def test_error_codes_are_unique():
    """A code names one class: scripts depend on it."""
    codes = [kind.code for kind in LEAVES]
    assert [] == sorted({code for code in codes if codes.count(code) > 1})


def test_branches_of_the_error_tree_are_never_raised():
    """A branch has no code of its own, so only its leaves are raised."""
    branches = {"TwowayError", *(kind.__name__ for kind in BRANCHES)}
    raised = {
        (name, ast.unparse(node.exc.func).split(".")[-1])
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)
    }
    assert [] == sorted(pair for pair in raised if pair[1] in branches)


def test_errors_are_declared_in_one_file():
    """The tree can be read in one place."""
    assert {"twoway.errors"} == {kind.__module__ for kind in ALL if kind.__module__.startswith("twoway.")}


def test_every_code_has_its_entry_in_the_documentation():
    """docs/findings.md is what `make docs` makes of the source today."""
    made = subprocess.run(
        [sys.executable, ROOT / "docs" / "findings.py"], capture_output=True, text=True, check=True
    )
    assert made.stdout == (ROOT / "docs" / "findings.md").read_text(), "run `make docs`"


def test_every_dependency_says_why():
    """Each requirement in pyproject.toml has a comment above it."""
    text = (ROOT / "pyproject.toml").read_text()
    project = tomllib.loads(text)
    required = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    lines = [line.strip() for line in text.splitlines()]
    bare = [
        wanted
        for wanted in required
        for number, line in enumerate(lines)
        if line == f'"{wanted}",' and not lines[number - 1].startswith("#")
    ]
    assert [] == bare
