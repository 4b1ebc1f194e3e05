"""Meanings of settings that several kinds of source have."""

from __future__ import annotations

NAME_PATTERN = (
    "Regular expression for files' names. Its groups `obsid`, `exposure`, `seq_num` and "
    "`detector` fill the columns of these names."
)
SEPARATOR = (
    "Separator between the cells of a line; a blank for columns that blanks align. By default, "
    "the one that splits the header into the columns that are needed."
)
COMMENT = "Lines that begin with this are ignored, except inside quotes."
MISSING = "Values that mean that nothing is known, in any column."
SKIP = "Patterns of names that are not files yet."
PASSWORD_ENV = "Environment variable with the password. PostgreSQL's `.pgpass` works too."
TIMEOUT_S = "Time that the database has to answer."
