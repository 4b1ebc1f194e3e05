"""Patterns find the same in each engine that matches them."""

import re
import warnings

import pyarrow as pa
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from python_groups import groups_by_python

from observing_monitor.errors import UsageError
from observing_monitor.model import re2
from observing_monitor.readers.patterns import Pattern

NAMES = [
    "AT_O_20210216_000001.fits",
    "AT_O_20210216_000001-R22S00.fits.fz",
    "at_o_20210216_1.FITS",
    "dark_0012_b.fits",
    "kK sS 12,5 ~[x]-{y}|z^$",
    " leading",
    "a",
    None,
    "",
    "a\n",
    "a\nb",
    "K12_Kelvin.fits",
    "ſ_1.fits",
    "٣٤.fits",
    "münchen_0001.fits",
    "MÜNCHEN_0001.FITS",
    "x\x0by\x1cz",
    "x\x7f",
]
PATTERNS = [
    r"^(?P<obsid>([A-Z]+_?)+\d+_\d+)\.fits$",
    r"(?P<obsid>\w+?)(?:-(?P<detector>R\d\dS\d\d))?\.fits(?:\.fz)?\Z",
    r"(?i)(?P<obsid>[a-z_]+)_(?P<seq_num>\d+)",
    r"(?P<obsid>[^\W\d_]+)",
    r"(?P<x>\d*)\.fits",
    r"(?P<x>\S+)\s(?P<y>\S+)$",
    r"(?m)^(?P<x>a|b)$",
    r"(?s)(?P<x>a.b)|(?P<y>..)",
    r"(?x) (?P<x> [a-z]+ ) _ # a comment",
    r"(?a)(?P<x>\w+)",
    r"(?P<x>[[:alpha:]])",
    r"(?P<x>a{,3}x?|\x41{1,2})",
    r"(?P<x>\bk)|(?P<y>\B\w\b)",
    r"(?P<x>[\d\-~\]^]+)",
    r"(?P<x>[^k])(?P<y>(?i:k))",
    r"(?P<x>\u00fc)",
    r"(?i)(?P<x>ü|ı)",
    r"(?P<x>\d{3,}?)(?P<y>.*)",
    r"(?P<x>a)?(?P<y>t|T_)",
    r"(?P<x>(?P<y>A)T)_",
    r"\101(?P<x>T)\137",
    r"(?P<x>{)|(?P<y>a{)|(?P<z>\{y\})",
    r"no groups",
    r"()(?P<x>|a)",
]
REFUSED = {
    r"_(?P<seq_num>\d+)(?=_b)": "look-ahead",
    r"(?<!x)(?P<x>\d+)": "look-behind",
    r"(?P<x>\d)(?P=x)": "back reference",
    r"(a)?(?P<x>(?(1)b|c))": "back reference",
    r"(?P<x>(?>a+)b)": "atomic",
    r"(?P<x>a++b)": "possessive",
    r"(?P<x>(a*)*b)": "may be empty",
    r"(?:(?P<x>a)|b)+": "in a repetition",
    r"a(?:_(?P<x>\d*))?": "left out",
    r"(?P<x>é+)": "beyond ASCII",
    r"(?P<é>e+)": "beyond ASCII",
    r"(?P<x>a{1,1001})": "repetitions",
    r"(?P<x>(?:[ab]{999}){999})": "repetitions",
}


def is_same(pattern, texts, at_start=False):
    found = Pattern("name_pattern", pattern).groups(texts, at_start)
    assert found == groups_by_python(pattern, texts, at_start)


@pytest.mark.filterwarnings("ignore:Possible nested set:FutureWarning")
@pytest.mark.parametrize("at_start", [False, True])
@pytest.mark.parametrize("pattern", [*PATTERNS, *REFUSED])
def test_patterns_find_what_python_finds(pattern, at_start):
    """RE2, and the process for the rest, find the same as Python."""
    is_same(pattern, NAMES, at_start)
    is_same(pattern, [], at_start)
    is_same(pattern, [None], at_start)


@pytest.mark.parametrize("pattern", REFUSED)
def test_refused_patterns_have_a_remark(pattern):
    """`check` says why a pattern is matched in a process of its own."""
    (remark,) = Pattern("name_pattern", pattern).remarks()
    assert REFUSED[pattern] in remark


@pytest.mark.filterwarnings("ignore:Possible nested set:FutureWarning")
@pytest.mark.parametrize("pattern", [one for one in PATTERNS if one.isascii() and "u00" not in one])
def test_ordinary_patterns_are_matched_by_re2(pattern):
    """RE2 matches all patterns of ordinary parts."""
    assert Pattern("name_pattern", pattern).remarks() == []


def test_wrong_patterns_are_refused():
    """A pattern that is not valid, or lacks a group, is an error of usage."""
    with pytest.raises(UsageError, match="no regular expression from character 1 on"):
        Pattern("name_pattern", "(")
    with pytest.raises(UsageError, match="no group 'exposure'"):
        Pattern("raw_pattern", "(?P<detector>x)", "exposure", "detector")


letters = st.sampled_from("aAbBkKsSi19_-. ~^$|{}[]()")
atoms = st.one_of(
    letters.map(re.escape),
    st.sampled_from([r"\d", r"\D", r"\w", r"\W", r"\s", r"\S", ".", r"\b", r"\B", "^", "$"]),
    st.sampled_from(["[ab]", "[^ab]", "[a-z]", "[^a-z0-9]", r"[\w-]", r"[^\W_]", r"[\d.]", "[]a]"]),
    st.sampled_from([r"\x41", r"\Z", r"\A", r"[\x20-\x41]", "a{,2}", "(?:|a)", "(?i:k)", r"\n"]),
)
repeats = st.sampled_from(["", "", "", "*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}", "{0,}?"])


def larger(inner):
    group = st.sampled_from(["(?:", "(", "(?P<NAME>", "(?P<NAME>", "(?i:", "(?-i:"])
    return st.one_of(
        st.lists(inner, min_size=1, max_size=4).map("".join),
        st.lists(inner, min_size=2, max_size=3).map("|".join).map(lambda text: f"(?:{text})"),
        st.builds(lambda open_, text, sign: f"{open_}{text}){sign}", group, inner, repeats),
    )


def numbered(text):
    """Give each named group a name of its own."""
    first, *rest = text.split("NAME")
    return first + "".join(f"g{number}{part}" for number, part in enumerate(rest))


flags = st.sampled_from(["", "", "(?i)", "(?s)", "(?m)", "(?im)"])
bodies = st.recursive(st.builds("{}{}".format, atoms, repeats), larger, max_leaves=8)
grown = st.builds("{}(?P<all>{})".format, flags, bodies.map(numbered))
typed = st.text("ab1_.?*+|()[]^$\\dwsbBAZ{},2-:P<x>i~&", max_size=14).map(
    lambda text: f"(?P<all>{text})"
)
texts = st.lists(st.text("aAbBkKsSi19_-. ~^$|{}[]()", max_size=10), min_size=1, max_size=6)


@example(r"(?P<g0>(a|ab)(c|bcd)(d*))", ["abcd"], False)
@example(r"(?:(?P<g0>a)|(?P<g1>b))c", ["bc", "ac"], True)
@example(r"(?P<g0>(?:a|ab)+?)b*$", ["abab"], False)
@given(st.one_of(grown, typed), texts, st.booleans())
@settings(max_examples=400, deadline=None, derandomize=True)
def test_re2_finds_what_python_finds(pattern, some, at_start):
    """RE2 matches as Python does, group by group."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        try:
            made = Pattern("name_pattern", pattern)
        except UsageError:
            assume(False)
        assume(made.names and made.remarks() == [])
        assert made.groups(some, at_start) == groups_by_python(pattern, some, at_start), (
            re2.translate(pattern)
        )


def test_a_night_of_names_needs_no_process(monkeypatch):
    """Printable names of an ordinary pattern never start a process."""
    monkeypatch.setattr("subprocess.Popen", None)
    made = Pattern("name_pattern", PATTERNS[0])
    names = [f"AT_O_20210216_{number:06}.fits" for number in range(10_000)]
    assert made.groups(names)["obsid"].to_pylist() == [name[:-5] for name in names]
    assert isinstance(made.groups(pa.array(names))["obsid"], pa.Array)
