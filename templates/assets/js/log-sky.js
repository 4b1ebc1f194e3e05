// A click on the sky map opens the nearest exposure in the observing log.

const NEAR = 6; // units of the maps: a pointing farther from the click is not meant
const NO_SKY = ["bias", "dark", "flat", "arc"]; // they are not on the maps

/**
 * Return where exposures are on a map; null in each that has no place.
 * @param {Table} table
 * @param {string} map "horizontal" or "equatorial"
 * @returns {(row: number) => [number, number] | null}
 */
function placesOn(table, map) {
  const column = (/** @type {string} */ name) => table.columns.find((one) => one.name === name);
  const value = (/** @type {Column | undefined} */ one, /** @type {number} */ row) => (
    one && one.kind === "float" ? one.values[row] : null);
  const isFlat = map === "equatorial";
  const x = column(isFlat ? "ra_deg" : "azimuth_deg");
  const y = column(isFlat ? "dec_deg" : "altitude_deg");
  const types = column("observation_type");
  return (row) => {
    const [across, up] = [value(x, row), value(y, row)];
    if (across === null || up === null) return null;
    if (types && NO_SKY.includes(cellText(types, row))) return null;
    if (isFlat) return [180 - (((across % 360) + 360) % 360), -up];
    const angle = (across * Math.PI) / 180;
    return [-(90 - up) * Math.sin(angle), -(90 - up) * Math.cos(angle)];
  };
}

/**
 * Return the exposure nearest to a point, of several the latest; -1 if none is near.
 * @param {Table} table
 * @param {string} map
 * @param {DOMPoint} point
 */
function nearestOn(table, map, point) {
  const placeOf = placesOn(table, map);
  let [best, least] = [-1, NEAR * NEAR];
  for (let row = 0; row < table.n; row += 1) {
    const place = placeOf(row);
    if (!place) continue;
    const distance = (place[0] - point.x) ** 2 + (place[1] - point.y) ** 2;
    if (distance <= least) [best, least] = [row, distance];
  }
  return best;
}

/** @param {HTMLElement} section of the log */
function startSkyMap(section) {
  document.querySelectorAll(".sky-maps svg").forEach((svg) => {
    if (!(svg instanceof SVGSVGElement)) return;
    svg.style.cursor = "pointer";
    svg.addEventListener("click", async (event) => {
      const matrix = svg.getScreenCTM();
      const log = await openLog(section);
      if (!matrix || !log) return;
      const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.inverse());
      const row = nearestOn(log.table, svg.dataset.map || "", point);
      if (row >= 0) goToExposure(section, log.anchor(row));
    });
  });
}
