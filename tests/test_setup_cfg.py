"""setup.cfg names files and tests that exist."""

import ast
import configparser

from conftest import CHECKOUT


def lines(section, option):
    """Return the lines of an option of setup.cfg."""
    parser = configparser.ConfigParser()
    parser.read(CHECKOUT / "setup.cfg", encoding="utf-8")
    return parser.get(section, option).split()


def test_mutmut_paths_exist():
    """`make mutants` names modules and tests that exist."""
    for option in ("source_paths", "only_mutate", "also_copy"):
        for pattern in lines("mutmut", option):
            assert list(CHECKOUT.glob(pattern)), f"{option}: there is no {pattern}"
    for name in lines("mutmut", "pytest_add_cli_args_test_selection"):
        path, _, test = name.partition("::")
        tree = ast.parse((CHECKOUT / path).read_text(encoding="utf-8"))
        tests = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert test in tests if test else tests, f"there is no {name}"


def test_measured_packages_exist():
    """`make coverage` measures packages that exist."""
    for name in lines("coverage:run", "source"):
        assert (CHECKOUT / name / "__init__.py").is_file(), f"there is no package {name}"
