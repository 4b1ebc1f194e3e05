// All that is known about an exposure: what an open row of the observing log shows.

const FILES_AT_ONCE = 12; // the other files of an exposure are folded
const POSITION = ["ra_deg", "dec_deg", "altitude_deg", "azimuth_deg", "airmass", "rotation_deg"];

/**
 * Return an instant without the year of the night.
 * @param {string} text
 */
function nearText(text) {
  return text.startsWith(page.name.slice(0, 5)) ? text.slice(5) : text;
}

/**
 * Return an angle in sexagesimal.
 * @param {number} value in degrees, or hours
 * @param {number} digits of the seconds
 */
function sexagesimal(value, digits) {
  const scale = 10 ** digits;
  const whole = Math.round(Math.abs(value) * 3600 * scale);
  const pad = (/** @type {number} */ n) => String(n).padStart(2, "0");
  const seconds = ((whole / scale) % 60).toFixed(digits).padStart(digits ? digits + 3 : 2, "0");
  return (value < 0 ? "-" : "") + pad(Math.floor(whole / scale / 3600)) + ":"
    + pad(Math.floor(whole / scale / 60) % 60) + ":" + seconds;
}

/**
 * Return the text of a fact, with its unit.
 * @param {Column} column
 * @param {number} row
 */
function factText(column, row) {
  const text = cellText(column, row);
  if (!text || column.kind === "path" || column.kind === "word") return text;
  if (column.kind === "instant") return text + (isFuture(column, row) ? FUTURE : "");
  const unit = column.unit || "";
  const value = column.values[row] || 0;
  const number = unit === "°" ? String(Number(value.toFixed(5))) : text;
  const shown = number + (/^\w/.test(unit) ? " " : "") + unit;
  if (column.name === "ra_deg") return shown + " (" + sexagesimal((((value % 360) + 360) % 360) / 15, 1) + ")";
  if (column.name === "dec_deg") return shown + " (" + sexagesimal(value, 0) + ")";
  return shown;
}

/**
 * Return the facts of a row with a heading; null if it has none.
 * @param {string} heading
 * @param {Column[]} columns
 * @param {number} row
 */
function factList(heading, columns, row) {
  const list = make("dl", undefined, "facts");
  for (const column of columns) {
    const text = factText(column, row);
    if (!text) continue;
    const term = make("dt", visible(column.label));
    term.title = column.meaning;
    const value = make("dd");
    value.append(make("bdi", visible(text)));
    const pair = make("div");
    pair.append(term, value);
    list.append(pair);
  }
  if (!list.childElementCount) return null;
  const part = make("section");
  part.append(make("h3", heading), list);
  return part;
}

/**
 * Return the columns of an open row by part.
 * @param {Table} table
 */
function detailParts(table) {
  const facts = table.columns.filter((one) => !one.is_count && !one.is_picture && one.name !== "files");
  const isPlace = (/** @type {Column} */ one) => POSITION.includes(one.name);
  return /** @type {[string, Column[]][]} */ ([
    ["Exposure", facts.filter((one) => !one.is_measure && !isPlace(one))],
    ["Position", facts.filter(isPlace)],
    ["Numbers", facts.filter((one) => one.is_measure)],
  ]);
}

/**
 * Return the steps of a file in the order of time: created, then each with the time since the
 * one before, then the last attempt if it failed.
 * @param {Table} files
 * @param {number} row
 */
function stepsText(files, row) {
  /** @type {[seconds: number, label: string][]} */
  const steps = [];
  let tried = NaN;
  let message = "";
  for (const column of files.columns) {
    if (column.name === "reason") message = cellText(column, row);
    if (column.kind !== "instant") continue;
    const value = column.values[row];
    if (value === null) continue;
    if (column.name === "tried_at") tried = column.zero + value;
    else steps.push([column.zero + value, column.label.toLowerCase()]);
  }
  steps.sort((a, b) => a[0] - b[0]);
  const texts = steps.map(([seconds, label], i) => (i
    ? label + " +" + duration(seconds - steps[i - 1][0])
    : label + " " + nearText(instantText(seconds))));
  if (message && tried) texts.push("tried " + nearText(instantText(tried)) + " ✕ " + message);
  else if (message) texts.push("✕ " + message);
  return texts.join(" → ");
}

/**
 * Return a file of an exposure with its own timeline.
 * @param {Table} files
 * @param {number} row
 * @param {Map<string, string>} labels of classes
 */
function fileEntry(files, row, labels) {
  const text = (/** @type {string} */ name) => {
    const column = files.columns.find((one) => one.name === name);
    return column ? cellText(column, row) : "";
  };
  const entry = make("li");
  const fileClass = text("file_class");
  const chip = make("span", labels.get(fileClass) || fileClass, "chip " + fileClass.replace(/[^a-z_]/g, ""));
  const path = make("bdi", visible(text("path")), "name");
  const size = text("size_bytes");
  const steps = make("bdi", visible(stepsText(files, row)));
  const line = make("div", undefined, "steps");
  line.append(steps);
  entry.append(chip, " ", path, size ? " " : "", make("span", size, "faint"), line);
  return entry;
}

/**
 * Return the rows of an exposure's files, those that are not done first.
 * @param {Table} log
 * @param {Table} files
 * @param {number} exposure its row in the log
 */
function filesOf(log, files, exposure) {
  const classes = files.columns.find((one) => one.name === "file_class");
  const isDone = (/** @type {number} */ row) => (
    classes !== undefined && cellText(classes, row) === "ingested" ? 1 : 0);
  /** @type {number[]} */
  const rows = [];
  (log.of_files || []).forEach((one, row) => { if (one === exposure) rows.push(row); });
  return rows.sort((a, b) => isDone(a) - isDone(b) || a - b);
}

/**
 * Fill in the files of an exposure, once their list is loaded.
 * @param {HTMLElement} place
 * @param {Table} log
 * @param {number} exposure its row in the log
 * @param {() => void} resized
 */
async function fillFiles(place, log, exposure, resized) {
  try {
    const files = await allFiles();
    if (files.n !== (log.of_files || []).length) {
      throw new Error("the list of files is newer than this page; load the page again");
    }
    const labels = classLabels();
    const entries = filesOf(log, files, exposure).map((row) => fileEntry(files, row, labels));
    const shown = make("ul", undefined, "entries");
    shown.append(...entries.slice(0, FILES_AT_ONCE));
    const rest = entries.slice(FILES_AT_ONCE);
    place.replaceChildren(entries.length ? shown : make("p", "None.", "faint"));
    if (rest.length) {
      const more = make("details");
      const others = make("ul", undefined, "entries");
      others.append(...rest);
      more.append(make("summary", rest.length.toLocaleString("en") + " more"), others);
      more.addEventListener("toggle", resized);
      place.append(more);
    }
  } catch (error) {
    place.textContent = "The files cannot be shown: " + (error instanceof Error ? error.message : "");
  }
  resized();
}

/**
 * Return all that is known about an exposure.
 * @param {Table} log
 * @param {number} row
 * @param {(row: number) => string} anchor
 * @param {() => void} resized called when its height has changed
 */
function exposureDetail(log, row, anchor, resized) {
  const made = make("div", undefined, "exposure");
  const parts = make("div", undefined, "parts-of-exposure");
  for (const [heading, columns] of detailParts(log)) {
    const part = factList(heading, columns, row);
    if (part) parts.append(part);
  }
  const names = log.columns.find((one) => one.name === "exposure");
  const name = (/** @type {number} */ one) => (names ? cellText(names, one) : "");
  const pictures = log.columns.find((one) => one.is_picture);
  const picture = pictures ? cellText(pictures, row) : "";
  if (picture) {
    const larger = make("a", undefined, "picture");
    const image = make("img");
    image.src = larger.href = picture;
    image.alt = "Preview of " + visible(name(row));
    image.addEventListener("load", resized);
    larger.append(image);
    parts.prepend(larger);
  }
  const links = make("p", undefined, "way");
  const link = (/** @type {string} */ href, /** @type {string} */ text) => {
    const added = make("a", visible(text));
    added.href = href;
    links.append(added);
  };
  if (row > 0) link("#" + anchor(row - 1), "← " + name(row - 1));
  if (row < log.n - 1) link("#" + anchor(row + 1), name(row + 1) + " →");
  made.append(parts);
  if (byId("all-files")) {
    link("#files?" + new URLSearchParams({ exposure: name(row) }), "Its rows in the list of all files");
    const files = make("section");
    const place = make("div", "Loading …");
    files.append(make("h3", "Files"), place);
    made.append(files);
    fillFiles(place, log, row, resized);
  }
  made.append(links);
  return made;
}
