"""Time axes of charts in browsers of several time zones: UTC below, local time above."""

import datetime
import json
import re

import pytest
import zones
from chart_nights import BOUNDS, sky_charts
from file_tables import file_table
from night_samples import night_page
from page_samples import summary
from script_site import write_assets, write_night

from observing_monitor.charts.night import night_charts
from observing_monitor.charts.under_the_sky import under_the_sky
from observing_monitor.pages import file_list

DAY_S = 86_400
# UTC minus local time at the observatory; and the nights on which clocks change in Europe
SANTIAGO = {"2020-02-12": 3, "2026-03-28": 3, "2026-10-24": 3}
READERS = [
    *((zone, "2020-02-12") for zone in zones.ZONES),
    ("Europe/Berlin", "2026-03-28"),
    ("Europe/Berlin", "2026-10-24"),
]

# The first trace: its points, and both axes' labels, in pixels from the left end of the axis.
DRAWN = """place => {
  const axis = place._fullLayout.xaxis, left = place.getBoundingClientRect().left + axis._offset;
  const ticks = (selector) => [...place.querySelectorAll(selector)]
    .map((tick) => [tick.textContent.slice(0, 5), tick.getBoundingClientRect()])
    .filter(([, box]) => box.width) // plotly hides a label that would stick out
    .map(([text, box]) => [text, (box.left + box.right) / 2 - left]);
  return {
    points: place.data[0].x.map((x) => axis.d2p(x)),
    utc: ticks(".xtick text"), local: ticks(".x2tick text"), length: axis._length,
  };
}"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder with the assets and with pages of nights with charts and 101 files."""
    root = tmp_path_factory.mktemp("site")
    write_assets(root, with_plotly=True)
    (root / "auxTel").mkdir()
    for night in SANTIAGO:
        page = night_page(charts=sky_charts(night), files_js="")
        write_night(root / f"auxTel/{night}.html", page)
    return root


def open_chart(browser, page_file, zone, chart="chart-files"):
    """Return a page open in a zone, and its chart once it is drawn."""
    page = browser.new_page(viewport={"width": 1400, "height": 900}, timezone_id=zone)
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    page.goto(page_file.as_uri())
    plot = page.locator(f"#{chart} .plot")
    plot.scroll_into_view_if_needed()
    page.wait_for_selector(f"#{chart} .plot[data-drawn=yes]")
    return page, plot


def instants(plot):
    """Return the instants of the first trace as the page has them: seconds since 1970."""
    figure = plot.locator("xpath=..").locator("script").text_content()
    return [x / 1000 for x in json.loads(figure)["data"][0]["x"]]


def of_day(clock):
    """Return the seconds of the day of a label such as 02:30."""
    hours, minutes, seconds = [*map(int, clock.split(":")), 0][:3]
    return hours * 3600 + minutes * 60 + seconds


def check_axes(plot, utc_minus_local_h):
    """Compare each point and each label with its place on a straight line of time."""
    drawn, times = plot.evaluate(DRAWN), instants(plot)
    points = drawn["points"]
    per_px = (times[-1] - times[0]) / (points[-1] - points[0])
    for at, x in zip(times, points, strict=True):
        assert points[0] + (at - times[0]) / per_px == pytest.approx(x, abs=0.5)
    for name, offset_h in (("utc", 0), ("local", utc_minus_local_h)):
        labels = drawn[name]
        assert len(labels) >= 3, "the axis has labels"
        for text, x in labels:
            assert -1 <= x <= drawn["length"] + 1
            shown = times[0] + (x - points[0]) * per_px - offset_h * 3600
            distance = (shown - of_day(text) + DAY_S / 2) % DAY_S - DAY_S / 2
            assert abs(distance) <= abs(per_px), f"{name} axis: {text} is {distance:.0f} s off"
    return times, drawn


def drag(page, plot, start, end):
    """Drag the mouse over a chart, between two shares of its width."""
    box = plot.locator(".nsewdrag").first.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + start * box["width"], middle)
    page.mouse.down()
    page.mouse.move(box["x"] + end * box["width"], middle, steps=5)
    page.mouse.up()
    page.wait_for_timeout(600)


@pytest.mark.parametrize(("zone", "night"), READERS)
def test_axes_in_every_zone(browser, site, zone, night):
    """Both axes have every point at its time, also after a zoom, a pan and a change of colours."""
    page, plot = open_chart(browser, site / f"auxTel/{night}.html", zone)
    offset_h = SANTIAGO[night]
    _, whole = check_axes(plot, offset_h)
    drag(page, plot, 0.3, 0.7)
    _, zoomed = check_axes(plot, offset_h)
    assert zoomed["points"][0] < whole["points"][0] - 100, "zoomed"
    page.evaluate(
        "document.querySelector('#chart-files [data-val=pan]').dispatchEvent(new Event('click'))"
    )
    drag(page, plot, 0.4, 0.6)
    _, panned = check_axes(plot, offset_h)
    moved = panned["points"][0] - zoomed["points"][0]
    assert moved == pytest.approx(0.2 * zoomed["length"], abs=3), "panned"
    page.emulate_media(color_scheme="dark")
    page.wait_for_timeout(600)
    assert check_axes(plot, offset_h)[1]["points"] == pytest.approx(panned["points"], abs=1)
    page.close()


@pytest.mark.parametrize(("zone", "night"), READERS)
def test_hover_shows_utc(browser, site, zone, night):
    """The label of a point has its time in UTC."""
    page, plot = open_chart(browser, site / f"auxTel/{night}.html", zone)
    times, drawn = check_axes(plot, SANTIAGO[night])
    number = len(times) // 2
    y = plot.evaluate(
        "(place, i) => place._fullLayout.yaxis._offset"
        " + place._fullLayout.yaxis.d2p(place.data[0].y[i])",
        number,
    )
    left = plot.evaluate("place => place._fullLayout.xaxis._offset")
    plot.hover(position={"x": left + drawn["points"][number], "y": y})
    label = plot.locator(".hoverlayer .hovertext").first
    label.wait_for()
    at = re.search(r"by (\d\d:\d\d:\d\d) UTC", label.text_content())
    # points are nearer to each other than a pixel: the label may be of a neighbour
    assert at and abs(of_day(at[1]) - times[number] % DAY_S) < 600
    page.close()


@pytest.fixture(scope="module")
def clicked(site):
    """The page of a night with 101 files whose charts lead to the table of files."""
    files = file_table(101)
    charts = under_the_sky(night_charts(files, *BOUNDS), *BOUNDS, None, "America/Santiago")
    page = night_page(charts=charts, files_js="click.files.js", summary=summary(n_files=101))
    write_night(site / "auxTel/click.html", page)
    payload = file_list.render_files_js(files)
    (site / "auxTel/click.files.js").write_text(payload, encoding="utf-8")
    return site / "auxTel/click.html"


@pytest.mark.parametrize("chart", ["chart-files", "chart-delay"])
def test_a_click_leads_to_the_rows_of_its_time(browser, clicked, zone, chart):
    """A click on a point shows the files of its time in UTC."""
    page, plot = open_chart(browser, clicked, zone, chart)
    number = len(instants(plot)) // 2
    x, y = plot.evaluate(
        """(place, i) => {
          const {xaxis, yaxis} = place._fullLayout, {x, y} = place.data[0];
          return [xaxis._offset + xaxis.d2p(x[i]), yaxis._offset + yaxis.d2p(y[i])];
        }""",
        number,
    )
    plot.click(position={"x": x, "y": y})
    page.wait_for_url("**/*#files?by=created_at*", timeout=5000)
    from_at, to_at = (
        datetime.datetime.fromisoformat(f"{text}+00:00").timestamp()
        for text in re.findall(r"(?:from|to)=([^&]*)Z", page.url.replace("%3A", ":"))
    )
    assert from_at - 2 <= instants(plot)[number] <= to_at + 2
    page.wait_for_selector("#all-files[data-ready]")
    assert re.fullmatch(r"[1-9]\d* of 101 files", page.inner_text("#files-shown"))
    page.close()
