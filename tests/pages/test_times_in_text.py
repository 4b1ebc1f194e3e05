"""Times in text on the example's pages have a date and a zone."""

import re
from html.parser import HTMLParser

CLOCK = re.compile(r"\b\d\d:\d\d(?::\d\d)?\b")
DATED = re.compile(r"(\d\d-\d\d|\d\d:\d\d–)[ T]?$")  # before a time; the second is a span's end
VOID = {"br", "meta", "link", "input", "img", "rect", "hr", "path", "col"}
BLOCKS = {"p", "li", "dd", "dt", "td", "th", "h1", "h2", "h3", "summary", "figcaption", "title"}


class Texts(HTMLParser):
    """The blocks of text of a page, and the words above each."""

    def __init__(self):
        super().__init__()
        self.open = []  # [element, text before it in its section]
        self.above = [""]  # texts of the sections and tables around
        self.found = []  # [text, text above]
        self.silent = 0

    def handle_starttag(self, tag, attributes):
        shown = dict(attributes)
        texts = [shown.get(name) for name in ("title", "aria-label")]
        texts += [shown.get("content")] if shown.get("name") == "description" else []
        self.found += [[text, " ".join(self.above)] for text in texts if text]
        if tag in VOID:
            return
        self.silent += tag in ("script", "style", "pre")
        if tag in ("section", "table"):
            self.above.append("")
        if tag in BLOCKS:
            self.found.append(["", " ".join(self.above)])

    def handle_endtag(self, tag):
        self.silent -= tag in ("script", "style", "pre")
        if tag in ("section", "table"):
            self.above.pop()

    def handle_data(self, data):
        if self.silent:
            return
        self.above[-1] += data
        if self.found:
            self.found[-1][0] += data


def times_of(page):
    """Return a page's clock times, each with the text around it."""
    texts = Texts()
    texts.feed(page.read_text(encoding="utf-8"))
    for text, above in texts.found:
        for time in CLOCK.finditer(text):
            yield text[: time.start()], text[time.start() :], above


def test_each_time_has_a_zone_and_a_date(demo):
    """All times but those of twilight, in captions, have a date."""
    pages = list((demo / "site").rglob("*.html"))
    n_times, wrong = 0, []
    for page in pages:
        for before, after, above in times_of(page):
            n_times += 1
            is_sky = "In UTC: " in before
            has_zone = is_sky or "UTC" in after or "UTC" in above
            if not has_zone or not (is_sky or DATED.search(before)):
                wrong.append(f"{page.name}: …{before[-60:]}{after[:30]}")
    assert n_times > 1000 and wrong == []
