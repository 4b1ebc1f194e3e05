"""An argument parser whose errors are one line."""

from __future__ import annotations

import argparse
import functools
import re
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from typing import NoReturn


Tell = Callable[[str], None]  # prints a line of an answer

# messages of argparse -> our words
_REWORDED = [
    (r"unrecognized arguments: (.+)", r"unknown argument \1"),
    (r"the following arguments are required: (.+)", r"\1 is missing"),
    (r"argument (\S+): expected (?:one|at least one) argument", r"\1 needs a value"),
    (r"argument (\S+): ignored explicit argument (.+)", r"\1 takes no value, but is given \2"),
    (r"argument (\S+): invalid choice: (.+?) \(choose from (.+)\)", r"\2 is none of \3"),
    (r"argument (\S+): (.+)", r"\1: \2"),
]


class OneLineParser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one line.

    The line says what is wrong, the nearest right word, and how to learn more.

    Parameters
    ----------
    tell : callable, optional
        Prints `--help` and `--version`; by default, argparse does.
    **options
        Those of ArgumentParser.
    """

    words: Iterable[str] = ()  # words that may be among the arguments, in addition to options

    def __init__(self, *, tell: Tell | None = None, **options: Any) -> None:
        super().__init__(**options)
        self._tell = tell

    def add_subparsers(self, **options: Any) -> Any:
        """Add commands, whose parsers are like this one."""
        make = functools.partial(OneLineParser, tell=self._tell)
        return super().add_subparsers(parser_class=cast("type[OneLineParser]", make), **options)

    def _print_message(self, message: str, file: Any = None) -> None:
        # argparse itself ignores that a disk is full
        if file is sys.stdout and self._tell:
            self._tell(message.removesuffix("\n"))
        else:
            super()._print_message(message, file)

    def error(self, message: str) -> NoReturn:
        """Print what is wrong, and exit with 2."""
        wrong = _wrong_words(message)
        hint = ""
        if wrong and wrong[0] in self.words:
            hint = f"{wrong[0]} comes first, or last; "
        elif near := self._nearest(wrong):
            hint = f"did you mean {near}? "
        line = _reworded(" ".join(message.split()))
        self.exit(2, f"{self.prog}: {line}; {hint}{self.prog} --help tells more\n")

    def _nearest(self, wrong: Iterable[str]) -> str:
        import difflib

        known = [*self._option_string_actions, *self.words]
        for word in wrong:
            if near := difflib.get_close_matches(word.partition("=")[0], known, 1):
                return near[0]
        return ""


def _wrong_words(message: str) -> list[str]:
    """Return the words that argparse's message is about."""
    unknown = message.partition("unrecognized arguments: ")[2].split()[:1]
    return unknown or re.findall(r"invalid choice: '([^']+)'", message)


def _reworded(message: str) -> str:
    """Return argparse's message in our words."""
    for pattern, words in _REWORDED:
        if found := re.fullmatch(pattern, message):
            return found.expand(words)
    return message
