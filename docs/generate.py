"""Parts of the documentation made from the code, as a hook of MkDocs.

A page asks for a part with a line of its own: `{{ settings: lasair }}`, `{{ columns: NIGHTS }}`,
`{{ include: CHANGELOG.md }}`, `{{ examples }}`, `{{ commands }}`. Links to files beside docs/
become links to the pages that show them.
"""

from __future__ import annotations

import dataclasses
import datetime
import posixpath
import re
import tomllib
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from observing_monitor.commands import arguments
from observing_monitor.model import columns
from observing_monitor.model.setting import SettingDescription, describe_settings, toml_text
from observing_monitor.readers.store_options import Storage
from observing_monitor.settings import receivers, records
from observing_monitor.sources.registry import BUILT_IN, source_class

CHECKOUT = Path(__file__).resolve().parent.parent
EXAMPLES = sorted((CHECKOUT / "examples").glob("*.toml")) + [CHECKOUT / "examples/known.yaml"]
EXAMPLE_PACKAGE = CHECKOUT / "examples/observing_monitor_example"
MARKER = re.compile(r"^\{\{ *(\w+)(?:: *(\S+))? *\}\}$", re.MULTILINE)
LINK = re.compile(r"(?<=\]\()(?!\w+:)([^)#\s]+)(#[^)\s]*)?(?=\))")
# files beside docs/ -> the page that shows them
PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
    "benchmarks/README.md": "benchmarks.md",
    "cron_observing_monitor.sh": "operations.md#cron",
}

# tables of the settings file -> the record that holds them
RECORDS: dict[str, Callable[[], type]] = {
    "stream": lambda: records.StreamSettings,
    "from": lambda: records.FromSettings,
    "previews": lambda: records.PreviewSettings,
    "measure_limits": lambda: records.MeasureLimit,
    "dome": lambda: records.DomeSettings,
    "storage": lambda: Storage,
    **{kind: lambda kind=kind: receivers.RECEIVERS[kind] for kind in receivers.RECEIVERS},
    **{kind: lambda kind=kind: source_class(kind).Settings for kind in BUILT_IN},
}
# tables of the schema whose names are words on the pages, not columns with values
WORDS = ("STATUS_WORDS", "CLASSES")
KINDS = {
    "text": "text",
    "int": "whole number",
    "float": "number",
    "bool": "true or false",
    "flag": "true, false or empty",
    "instant": "instant (UTC)",
}


class Setting(NamedTuple):
    """One row of the settings reference."""

    key: str
    type: str
    default: str
    meaning: str
    example: str


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Return a page's text with generated parts and working links."""
    text = MARKER.sub(lambda match: PARTS[match[1]](match[2]), markdown)
    return rewrite_links(text, page.file.src_uri)


def rewrite_links(text: str, page: str) -> str:
    """Return a page's text; links to files beside docs/ lead to pages."""

    def rewritten(match: re.Match[str]) -> str:
        target, anchor = match[1], match[2] or ""
        path = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), target))
        if path.startswith("docs/"):
            return target + anchor
        target = PAGES.get(path) or f"examples.md#{anchor_of(path)}"
        return posixpath.relpath(target, posixpath.dirname(page) or ".") + anchor

    return LINK.sub(rewritten, text)


def anchor_of(path: str) -> str:
    """Return the anchor of a file's heading on the page of examples."""
    return re.sub(r"[^\w-]", "", posixpath.basename(path).lower())


def included(path: str) -> str:
    """Return a Markdown file of the checkout, its links as seen from docs/."""
    folder = posixpath.dirname(path)

    def moved(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join("..", folder, match[1]))
        return posixpath.relpath(target, ".").removeprefix("../docs/") + (match[2] or "")

    return LINK.sub(moved, (CHECKOUT / path).read_text())


def examples(_: str | None = None) -> str:
    """Return all files of examples/ as code blocks."""
    shown = [(path, path.suffix[1:]) for path in EXAMPLES]
    parts = [
        f"## {path.name}\n\n```{language}\n{path.read_text()}```\n" for path, language in shown
    ]
    parts.append("## observing_monitor_example\n\nA package that adds a kind of source.\n")
    for name in ("observing_monitor_example.py", "setup.cfg", "pyproject.toml"):
        language = {".py": "python", ".cfg": "ini"}.get(Path(name).suffix, "toml")
        text = (EXAMPLE_PACKAGE / name).read_text()
        parts.append(f"### {name}\n\n```{language}\n{text}```\n")
    return "\n".join(parts)


def commands_table(_: str | None = None) -> str:
    """Return the commands and what each does as a Markdown table."""
    rows = [(f"`{name}`", sentence(words)) for name, words in arguments.COMMANDS.items()]
    rows.append(("`metrics`", "Record or show a night's numbers, for the programs of a pipeline"))
    return markdown_table(("command", "what it does"), rows)


def settings_table(name: str) -> str:
    """Return the reference of one settings table as a Markdown table."""
    rows = site_settings() if name == "site" else record_settings(name)
    head = Setting("key", "type", "default", "meaning", "example")
    return markdown_table(head, rows)


def columns_table(name: str) -> str:
    """Return the columns of one table of the schema as a Markdown table."""
    described = getattr(columns, name)
    if isinstance(described, dict):
        return markdown_table(("value", "meaning"), [(f"`{k}`", v) for k, v in described.items()])
    if name in WORDS:
        return markdown_table(
            ("name", "heading", "meaning"), [(f"`{c.name}`", c.label, c.meaning) for c in described]
        )
    rows = [(f"`{c.name}`", c.label, KINDS[c.kind], c.meaning) for c in described]
    return markdown_table(("name", "heading", "type", "meaning"), rows)


def markdown_table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table."""
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(cell_of, line))} |" for line in lines)


def cell_of(text: str) -> str:
    """Return a cell's text with `|` escaped, except in code."""
    parts = text.replace("\n", " ").split("`")
    parts[::2] = [part.replace("|", "\\|") for part in parts[::2]]
    return "`".join(parts)


def site_settings() -> list[Setting]:
    """Return the settings of `[observing_monitor]`, from the parser."""
    parser = arguments.make_parser()
    keys = set(parser._config_file_parser.options) - {*arguments.ONE_STREAM, "database"}
    rows = []
    for action in parser._actions:
        if action.dest not in keys:
            continue
        kind = bool if action.nargs == 0 else action.type or str
        type_words = "list of texts" if action.dest == "redact" else words_of_callable(kind)
        meaning, default = split_default(action.help or "")
        default = words_of_default(action.default) if action.default else default
        example = example_of("site", action.dest, action.default)
        rows.append(Setting(f"`{action.dest}`", type_words, default, sentence(meaning), example))
    return rows


def split_default(text: str) -> tuple[str, str]:
    """Split an option's help into its meaning and its default."""
    match = re.fullmatch(r"(.*?)\s*\(default:? ([^()]+)\)", text)
    return (match[1], match[2]) if match else (text, "")


def words_of_callable(kind: Callable[..., Any]) -> str:
    """Return the type of a command line's option in words."""
    names = {
        "_place": "path or address",
        "_file": "path",
        "_night": "date",
        "_whole_number": "whole number",
        "_number": "number",
    }
    return names.get(kind.__name__) or words_of_type(kind)


def record_settings(name: str) -> list[Setting]:
    """Return the settings of one record; those of every source come last."""
    record = RECORDS[name]()
    own = record.__dict__.get("__annotations__", {})
    described = sorted(describe_settings(record), key=lambda setting: setting.key not in own)
    return [
        Setting(
            f"`{setting.key}`",
            words_of_kind(setting.kind),
            "**required**" if setting.is_required else words_of_default(setting.default),
            sentence(setting.meaning),
            example_of_setting(name, setting),
        )
        for setting in described
    ]


def words_of_kind(kind: str) -> str:
    """Return the values of a setting for a table: no article, no empty text."""
    return kind.removeprefix("a ").removeprefix('"", ')


def example_of_setting(table: str, setting: SettingDescription) -> str:
    """Return the example of a setting: its own, or else one from examples/."""
    if setting.example is not None:
        return code_span(f"{setting.key} = {toml_text(setting.example)}")
    return example_of(table, setting.key, None if setting.is_required else setting.default)


def sentence(text: str) -> str:
    """Return a text with a capital first letter, unless it begins with code."""
    text = text.strip().removeprefix("…").strip()
    text = text[:1].upper() + text[1:] if re.match(r"[a-z]+\b(?![_.(/:=])", text) else text
    parts = text.split("`")  # every second one is code
    parts[::2] = [part.replace("*", "\\*").replace("<", "&lt;") for part in parts[::2]]
    return "`".join(parts)


def words_of_type(kind: Any) -> str:
    """Return a type in words: `list of texts`, `whole number`."""
    simple = {
        str: "text",
        int: "whole number",
        float: "number",
        bool: "true or false",
        Path: "path",
        datetime.date: "date",
        Any: "value",
    }
    if kind in simple:
        return simple[kind]
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal:
        return "one of " + ", ".join(f"`{word}`" for word in inner if word)
    if origin is list:
        return f"list of {words_of_type(inner[0])}s" if inner[0] is not dict else "list of tables"
    if origin is dict or dataclasses.is_dataclass(kind):
        return "table"
    if origin in (typing.Union, types.UnionType):
        return " or ".join(words_of_type(part) for part in inner if part is not type(None))
    raise TypeError(f"no words for the type {kind}")


def words_of_default(default: Any) -> str:
    """Return a default as TOML in a code span; nothing for one that is empty."""
    if is_empty(default):
        return ""
    text = toml_text(default)
    if "(?" in text:
        return "a built-in pattern"
    return f"`{text}`"


def is_empty(default: Any) -> bool:
    """True if a default says nothing: no text, no entry, no path."""
    return default in ("", None, [], {}, Path()) or dataclasses.is_dataclass(default)


def example_of(table: str, key: str, default: Any) -> str:
    """Return the shortest example that sets a key, or else its default."""
    values = [found[key] for found in example_tables(table) if key in found]
    lines = [f"{key} = {toml_text(value)}" for value in values]
    if not lines and not is_empty(default):
        lines = [f"{key} = {toml_text(default)}"]
    if not lines:
        raise LookupError(f"no file of examples/ sets {key!r} in a table {table!r}")
    return code_span(min(lines, key=len))


def code_span(text: str) -> str:
    """Return a text as a code span of Markdown."""
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def example_tables(table: str) -> Iterator[Mapping[str, Any]]:
    """Give every table of one kind in the examples of settings."""
    for path in EXAMPLES:
        if path.suffix != ".toml":
            continue
        settings = tomllib.loads(path.read_text())
        streams = list(settings.get("streams", {}).values())
        if table == "site":
            yield settings.get("observing_monitor", {})
        elif table == "storage":
            yield from storages(settings)
        elif table in receivers.RECEIVERS:
            named = [
                one for owner in [settings, *streams] for one in owner.get("notify", {}).values()
            ]
            yield from (one for one in named if one["type"] == table)
        else:
            yield from tables_of_streams(table, streams)


def tables_of_streams(
    table: str, streams: Iterable[Mapping[str, Any]]
) -> Iterator[Mapping[str, Any]]:
    """Give the tables of one kind that streams have, or the streams themselves."""
    for stream in streams:
        if table == "stream":
            yield stream
        elif table in ("from", "previews", "measure_limits", "dome"):
            found = stream.get(table, [])
            tables = found if isinstance(found, list) else [found]
            yield from (entry for entry in tables if isinstance(entry, dict))
        else:
            for source in stream.get("sources", []):
                if source["type"] == table or (source["type"], table) == ("files", "objects"):
                    yield source


def storages(settings: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Give `[storage]` and each `[storage."ADDRESS"]`."""
    storage = settings.get("storage", {})
    yield {key: value for key, value in storage.items() if "://" not in key}
    yield from (value for key, value in storage.items() if "://" in key)


PARTS: dict[str, Callable[[Any], str]] = {
    "settings": settings_table,
    "columns": columns_table,
    "include": included,
    "examples": examples,
    "commands": commands_table,
}
