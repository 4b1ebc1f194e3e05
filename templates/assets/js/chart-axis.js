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
 * Return an instant of plotly's in milliseconds: its dates are UTC without saying so.
 * @param {number | string} at
 */
function inMilliseconds(at) {
  if (typeof at === "number") return at;
  return Date.parse(at.replace(" ", "T") + (at.length > 10 ? "Z" : ""));
}

/**
 * Return the ticks of local time for a range of a chart.
 * @param {Plot} place
 * @param {Layout} layout
 * @param {Axis} axis its range
 */
function ticksOf(place, layout, axis) {
  const [from, to] = (axis.range || []).map(inMilliseconds);
  return localTicks((layout.meta || {}).local_time || [], from, to, place.clientWidth);
}
