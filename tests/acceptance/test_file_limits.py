"""Files, functions and docstrings stay as short as a reader likes them."""

import ast
import statistics

import pytest
from conftest import CHECKOUT

PYTHON = ("observing_monitor", "tests", "examples", "benchmarks")
OWN = ("observing_monitor", "examples", "benchmarks")  # tests may list long data
CORPUS = CHECKOUT / "tests" / "corpus"  # has code of others, kept as it was
LINES = {".py": 500, ".js": 400, ".css": 400, ".html": 200}
FUNCTION_LINES = 60
# Without docstrings, at 100 characters a line.
MEDIAN_LINES, MOST_LINES = 6, 21
FIRST_LINE, WORDS = 72, 9
NOT_FIRST = ("what", "whether", "which", "of", "how", "where")


def files(ending, *folders):
    """Return the paths of our own files with an ending."""
    found = [path for folder in folders for path in (CHECKOUT / folder).rglob(f"*{ending}")]
    skipped = ("__pycache__", "plotly")
    return sorted(
        path
        for path in found
        if not path.is_relative_to(CORPUS) and not any(word in str(path) for word in skipped)
    )


def long_files(ending, *folders):
    """Return each file that has too many lines, with their number."""
    limit = LINES[ending]
    counted = {path: len(path.read_text().splitlines()) for path in files(ending, *folders)}
    assert counted, "there is something to count"
    return [f"{shown(path)}: {n} lines" for path, n in counted.items() if n > limit]


def shown(path, node=None):
    return f"{path.relative_to(CHECKOUT)}" + (f":{node.lineno}" if node else "")


def nodes(kinds, *folders):
    """Yield each definition of some kinds, with its file."""
    for path in files(".py", *folders):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, kinds):
                yield path, node


def functions(*folders):
    """Return each function's name and place, and its lines from `def` on."""
    return [
        (f"{shown(path, node)} {node.name}", node.end_lineno - node.lineno + 1)
        for path, node in nodes((ast.FunctionDef, ast.AsyncFunctionDef), *folders)
    ]


def docstring_lines(node):
    """Return the number of lines of a function's docstring."""
    if not ast.get_docstring(node):
        return 0
    return node.body[0].end_lineno - node.body[0].lineno + 1


def first_lines(folder):
    """Return the place and the first line of each docstring."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return [
        (shown(path, node if hasattr(node, "lineno") else None), docstring.splitlines()[0])
        for path, node in nodes(kinds, folder)
        if (docstring := ast.get_docstring(node))
    ]


@pytest.mark.parametrize(
    ("ending", "folders"),
    [
        *((".py", (folder,)) for folder in PYTHON),
        (".js", ("templates",)),
        (".css", ("templates",)),
        (".html", ("templates",)),
    ],
)
def test_no_file_is_long(ending, folders):
    """No file has more lines than its kind may have."""
    assert long_files(ending, *folders) == []


@pytest.mark.parametrize("folder", OWN)
def test_no_function_is_long(folder):
    """No function has more than 60 lines."""
    assert [told for told in functions(folder) if told[1] > FUNCTION_LINES] == []


def test_most_functions_are_short():
    """Half of the program's functions have 6 lines at most, 90 % have 21."""
    lines = sorted(
        node.end_lineno - node.lineno + 1 - docstring_lines(node)
        for _, node in nodes((ast.FunctionDef, ast.AsyncFunctionDef), "observing_monitor")
    )
    assert statistics.median(lines) <= MEDIAN_LINES
    assert lines[int(len(lines) * 0.9)] <= MOST_LINES


@pytest.mark.parametrize("folder", PYTHON)
def test_docstrings_begin_with_a_short_line(folder):
    """The first line of a docstring has 72 characters at most."""
    assert [told for told in first_lines(folder) if len(told[1]) > FIRST_LINE] == []


@pytest.mark.parametrize("folder", OWN)
def test_docstrings_are_brief(folder):
    """The first lines of docstrings have 9 words on average."""
    counted = [len(line.split()) for _, line in first_lines(folder)]
    assert statistics.mean(counted) <= WORDS


@pytest.mark.parametrize("folder", PYTHON)
def test_docstrings_say_what_one_gets(folder):
    """No docstring begins with a question word or with "of"."""
    lines = first_lines(folder)
    assert [told for told in lines if told[1].split()[0].lower().strip(",:") in NOT_FIRST] == []
