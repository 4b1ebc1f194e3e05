"""A parser of arguments that says what is wrong with them in one line."""

import argparse
import difflib
import re
from collections.abc import Iterable
from typing import NoReturn


class OneLine(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one line: what is wrong, the nearest right word, and where to read more; exit code 2."""

    words: Iterable[str] = ()  # words that may stand among the arguments, beside the options

    def error(self, message: str) -> NoReturn:
        known = [*self._option_string_actions, *self.words]
        wrong = message.partition("unrecognized arguments: ")[2].split()[:1] or re.findall(r"invalid choice: '([^']+)'", message)
        near = [word for text in wrong for word in difflib.get_close_matches(text.partition("=")[0], known, 1)]
        hint = f"did you mean {near[0]}? " if near else ""
        self.exit(2, f"{self.prog}: {' '.join(message.split())}; {hint}{self.prog} --help tells more\n")
