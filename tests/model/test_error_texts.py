"""Texts of messages and errors in one line."""

import errno
import os

import pytest

from observing_monitor.model.messages import error_line, first_line, os_error_text


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("", ""),
        ("\n\n", ""),
        ("disk full", "disk full"),
        ("\n  disk full\r\nsecond line\n", "disk full"),
        ('Traceback (most recent call last):\n  File "x.py"\nKeyError: 3\n', "KeyError: 3"),
        ("Traceback", "Traceback"),
    ],
)
def test_first_line(message, line):
    """A message has its first line, a traceback its last."""
    assert first_line(message) == line


def test_long_lines_are_cut():
    """A line that is too long is cut and ends in an ellipsis."""
    assert first_line("12345\n6", 5) == "12345"
    assert first_line("123456\n7", 5) == "12345…"
    assert error_line(ValueError("x" * 301)) == "x" * 300 + "…"


def test_error_without_text():
    """An exception without a text is named by its type."""
    assert error_line(KeyError()) == "KeyError"
    assert error_line(ValueError("\n")) == "ValueError"
    assert error_line(ValueError("a\nb")) == "a"


def test_system_text(tmp_path):
    """An error of the system is described without its number and path."""
    with pytest.raises(OSError) as caught:
        os.stat(tmp_path / "not there")
    assert os_error_text(caught.value) == os.strerror(errno.ENOENT).lower()


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (OSError("Only\na text"), "only"),
        (OSError(), "oserror"),
        (EOFError("Compressed file ended"), "compressed file ended"),
    ],
)
def test_no_system_text(error, text):
    """An error without a system text is described by its first line."""
    assert os_error_text(error) == text
