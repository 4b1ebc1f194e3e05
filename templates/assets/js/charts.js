// Charts: drawn by plotly when they come near the window; a click leads to nights or files.

const darkMedia = window.matchMedia("(prefers-color-scheme: dark)");
const printMedia = window.matchMedia("print");
// No other buttons: plotly's own list has one that sends the chart to its makers.
const MODE_BAR_BUTTONS = [["zoom2d", "pan2d", "resetScale2d", "toImage"]];

/**
 * Ranges of the charts that the reader zoomed: chart id -> axis -> range.
 * @typedef {Record<string, Partial<Record<"xaxis" | "yaxis", (number | string)[]>>>} Zooms
 */

/** @type {Zooms} */
const zooms = {};
/** @type {Set<Plot>} */
const drawnPlots = new Set();
/** @type {Promise<unknown> | null} */
let plotly = null;

/** Load plotly's script, 5 MB, once and only if a chart is looked at. */
function loadPlotly() {
  plotly = plotly || new Promise((resolve, reject) => {
    const script = make("script");
    script.src = page.plotly;
    script.onload = resolve;
    script.onerror = () => reject(new Error(page.plotly + " could not be loaded"));
    document.head.append(script);
  });
  return plotly;
}

/** @param {Plot} place */
function figureId(place) {
  return place.dataset.figure || "";
}

/**
 * Keep a zoom for the next page, and follow it with the ticks of local time.
 * @param {Plot} place
 * @param {Record<string, unknown>} event what plotly changed, by its name in the layout
 */
function noteZoom(place, event) {
  const layout = place.layout;
  /** @type {Zooms[string]} */
  const zoom = {};
  for (const axis of /** @type {const} */ (["xaxis", "yaxis"])) {
    const range = (layout[axis] || {}).range;
    if (axis + ".range[0]" in event && range) zoom[axis] = range.slice();
  }
  if (Object.keys(zoom).length) zooms[figureId(place)] = zoom;
  else if ("xaxis.autorange" in event || "yaxis.autorange" in event) delete zooms[figureId(place)];
  const isMoved = Object.keys(event).some((key) => key.startsWith("xaxis.") || key === "autosize");
  if (!layout.xaxis2 || !layout.xaxis || !isMoved) return;
  const ticks = ticksOf(place, layout, layout.xaxis);
  window.Plotly.relayout(place, {
    "xaxis2.tickvals": ticks.tickvals, "xaxis2.ticktext": ticks.ticktext,
  });
}

/**
 * Return the layout of a chart as it is drawn now.
 * @param {Plot} place
 * @param {Layout} layout
 */
function layoutOf(place, layout) {
  const made = styledLayout(layout);
  // plotly notices the width of the paper too late
  if (printMedia.matches) made.width = place.clientWidth;
  const zoom = zooms[figureId(place)] || {};
  if (zoom.xaxis) made.xaxis = { ...made.xaxis, range: zoom.xaxis, autorange: false };
  if (zoom.yaxis) made.yaxis = { ...made.yaxis, range: zoom.yaxis, autorange: false };
  if (made.xaxis && made.xaxis2) {
    const ticks = ticksOf(place, made, made.xaxis);
    made.xaxis2 = { ...made.xaxis2, ...ticks, range: made.xaxis.range };
  }
  return made;
}

/** @param {Plot} place */
function drawPlot(place) {
  /** @type {Figure} */
  const written = JSON.parse(required(figureId(place), HTMLElement).textContent || "");
  const figure = inUtc(written);
  const options = { responsive: true, displaylogo: false, modeBarButtons: MODE_BAR_BUTTONS };
  const layout = layoutOf(place, figure.layout);
  return window.Plotly.react(place, figure.data.map(painted), layout, options).then(() => {
    if (!drawnPlots.has(place)) {
      place.on("plotly_click", followPoint);
      place.on("plotly_relayout", (event) => noteZoom(place, event));
      place.on("plotly_doubleclick", () => { delete zooms[figureId(place)]; });
    }
    drawnPlots.add(place);
    place.dataset.drawn = "yes";
  });
}

/**
 * Open the page of a night, or show the files that a point within a night stands for.
 * @param {ClickEvent} event
 */
function followPoint(event) {
  const point = event.points[0];
  if (/^\d{4}-\d\d-\d\d\.html$/.test(point.customdata)) window.location.href = point.customdata;
  const { by, bin_ms: width } = point.data.meta || {};
  if (!by || !byId("all-files")) return;
  const times = point.data.x;
  const at = inMilliseconds(times[point.pointIndex]);
  const before = point.pointIndex ? inMilliseconds(times[point.pointIndex - 1]) : at;
  const from = width ? at - width / 2 : before;
  const to = width ? at + width / 2 - 1 : at;
  const iso = (/** @type {number} */ ms) => new Date(ms).toISOString().slice(0, 19) + "Z";
  const range = new URLSearchParams({ by: by, from: iso(from), to: iso(to) });
  window.location.hash = "#files?" + range;
}

/**
 * Draw the charts one by one, each in its own task, so that a key waits for one at most.
 * The table of all files comes first if it is being opened.
 */
function startCharts() {
  /** @type {Promise<unknown>} */
  let last = Promise.resolve();
  const nextTask = () => new Promise((resolve) => setTimeout(resolve));
  /** @param {Plot} place */
  const drawNext = (place) => {
    last = last.then(loadPlotly).then(nextTask).then(() => opening).then(() => drawPlot(place))
      .catch((error) => {
        place.textContent = "This chart cannot be drawn: " + error.message;
      });
  };
  const nearby = new IntersectionObserver((entries) => {
    entries.filter((entry) => entry.isIntersecting).forEach((entry) => {
      nearby.unobserve(entry.target);
      drawNext(/** @type {Plot} */ (entry.target));
    });
  }, { rootMargin: "400px" });
  all(".plot").forEach((place) => nearby.observe(place));
  [darkMedia, printMedia].forEach((media) => {
    media.addEventListener("change", () => drawnPlots.forEach(drawPlot));
  });
}
