// The second time axis of a chart: the observatory's local time.

const MINUTE_MS = 60000;
const TICK_STEPS_MS = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440]
  .map((minutes) => minutes * MINUTE_MS);
const TICK_WIDTH_PX = 60;

/**
 * Return ticks at round local times, also on a night on which the clocks are changed.
 * @param {[begins: number, offset: number][]} offsets local time minus UTC, from when on (ms);
 *   the first also holds for all times before it
 * @param {number} from
 * @param {number} to
 * @param {number} width in pixels
 */
function localTicks(offsets, from, to, width) {
  const n = Math.max(2, width / TICK_WIDTH_PX);
  const step = TICK_STEPS_MS.find((s) => (to - from) / s <= n) || (to - from) / 2;
  /** @type {{tickvals: number[], ticktext: string[]}} */
  const ticks = { tickvals: [], ticktext: [] };
  offsets.forEach(([begins, offset], i) => {
    const start = i ? Math.max(from, begins) : from;
    const end = i + 1 < offsets.length ? Math.min(to, offsets[i + 1][0] - 1) : to;
    for (let at = Math.ceil((start + offset) / step) * step - offset; at <= end; at += step) {
      ticks.tickvals.push(at);
      ticks.ticktext.push(new Date(at + offset).toISOString().slice(11, 16));
    }
  });
  return ticks;
}

/**
 * Return an instant of plotly's in milliseconds: its dates are UTC, with or without saying so.
 * @param {number | string} at
 */
function inMilliseconds(at) {
  if (typeof at === "number") return at;
  const text = at.replace(" ", "T").replace(/Z$/, "");
  return Date.parse(text + (text.length > 10 ? "Z" : ""));
}

/**
 * Return an instant as text: plotly shows text as it is, but numbers in the reader's zone.
 * @template T
 * @param {T | number} at milliseconds; anything else stays as it is
 */
function asDate(at) {
  return typeof at === "number" ? new Date(at).toISOString() : at;
}

/**
 * Return a time axis with dates as text; any other axis as it is.
 * @param {Axis} axis
 */
function withDates(axis) {
  if (axis.type !== "date") return axis;
  const copy = { ...axis };
  if (axis.range) copy.range = axis.range.map(asDate);
  return copy;
}

/**
 * Return a figure with dates as text. The page has them as numbers, which are shorter.
 * @param {Figure} figure
 * @returns {Figure}
 */
function inUtc(figure) {
  const layout = { ...figure.layout };
  if (!layout.xaxis || layout.xaxis.type !== "date") return figure;
  layout.xaxis = withDates(layout.xaxis);
  if (layout.xaxis2) layout.xaxis2 = withDates(layout.xaxis2);
  if (layout.shapes) {
    layout.shapes = layout.shapes.map((shape) => (
      { ...shape, x0: asDate(shape.x0), x1: asDate(shape.x1) }));
  }
  return { data: figure.data.map((trace) => ({ ...trace, x: trace.x.map(asDate) })), layout };
}

/**
 * Return the ticks of local time for a range of a chart.
 * @param {Plot} place
 * @param {Layout} layout
 * @param {Axis} axis its range
 */
function ticksOf(place, layout, axis) {
  const [from, to] = (axis.range || []).map(inMilliseconds);
  const ticks = localTicks((layout.meta || {}).local_time || [], from, to, place.clientWidth);
  return { tickvals: ticks.tickvals.map(asDate), ticktext: ticks.ticktext };
}
