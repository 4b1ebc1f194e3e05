// The columns of a table that observing_monitor/pages/packed.py packed.

/**
 * @typedef {object} Described
 * @property {string} name
 * @property {string} label
 * @property {string} meaning
 * @property {string} anchor in the glossary
 * @property {string} [unit]
 * @property {boolean} [is_shown] false if only open rows of the log have it
 * @property {boolean} [is_count] of the files of a class
 * @property {boolean} [is_measure] a number of an exposure
 * @property {boolean} [is_picture] the address of a picture
 * @property {boolean} [is_flag] yes or no: a search would find it in every row
 */

/** @typedef {(number | null)[]} Numbers */
/** @typedef {Described & {kind: "word", words: string[], codes: number[], chips?: string[]}}
 * Words chips: class of the label of each word */
/** @typedef {Omit<Words, "kind"> & {kind: "path", values: string[]}} Paths words: folders */
/** @typedef {Described & {kind: "int" | "bytes" | "float", values: Numbers}} Amounts */
/** @typedef {Described & {kind: "instant", zero: number, values: Numbers}} Instants */
/** @typedef {Paths | Words | Amounts | Instants} Column */
/** @typedef {{n: number, columns: Column[], of_files?: number[]}} Table */

/**
 * Return the table that a packed text holds.
 * @param {string} payload
 * @returns {Promise<Table>}
 */
async function unpack(payload) {
  const binary = atob(payload);
  const bytes = new Uint8Array(binary.length);
  // Uint8Array.from with a function takes ten times as long
  for (let i = 0; i < bytes.length; i += 1) bytes[i] = binary.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const table = JSON.parse(await new Response(stream).text());
  for (const column of table.columns) {
    if (column.codes) addUp(column.codes);
    if (column.kind === "int" || column.kind === "instant") addUp(column.values);
  }
  if (table.of_files) addUp(table.of_files);
  return table;
}

/**
 * Replace steps from number to number by the numbers.
 * @param {Numbers} steps
 */
function addUp(steps) {
  let sum = 0;
  for (let row = 0; row < steps.length; row += 1) {
    const step = steps[row];
    if (step !== null) steps[row] = sum += step;
  }
}

/**
 * Return an instant in UTC.
 * @param {number} seconds since 1970
 */
function instantText(seconds) {
  return new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", " ");
}

/**
 * Return the heading of a column.
 * @param {Column} column
 */
function headText(column) {
  return column.unit ? column.label + " (" + column.unit + ")" : column.label;
}

/** @param {number} bytes */
function sizeText(bytes) {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let amount = bytes;
  let unit = 0;
  while (amount >= 999.95 && unit < units.length - 1) {
    amount /= 1000;
    unit += 1;
  }
  return (unit ? amount.toFixed(1) : amount) + " " + units[unit];
}

/**
 * Return a number with the digits that are read.
 * @param {number} value
 */
function numberText(value) {
  return value ? String(Number(value.toPrecision(Math.abs(value) < 100000 ? 5 : 9))) : "0";
}

/**
 * Return the text of a cell; "" if it has none.
 * @param {Column} column
 * @param {number} row
 */
function cellText(column, row) {
  if (column.kind === "path") return column.words[column.codes[row]] + column.values[row];
  if (column.kind === "word") {
    return column.codes[row] < 0 ? "" : column.words[column.codes[row]];
  }
  const value = column.values[row];
  if (value === null) return "";
  if (column.kind === "instant") return instantText(column.zero + value);
  if (column.kind === "float") return numberText(value);
  return column.kind === "bytes" ? sizeText(value) : String(value);
}

/**
 * True if no row has a value.
 * @param {Column} column
 */
function isEmpty(column) {
  if (column.kind === "word") return column.words.length === 0;
  return column.kind !== "path" && column.values.every((value) => value === null);
}

const FUTURE = " in the future";

/**
 * True if a cell is an instant in the future.
 * @param {Column} column
 * @param {number} row
 */
function isFuture(column, row) {
  if (column.kind !== "instant") return false;
  const value = column.values[row];
  return value !== null && isAhead((column.zero + value) * 1000);
}

/**
 * Return the width of a column in characters, from its longest text.
 * The widths stay while rows come and go.
 * @param {Column} column
 */
function columnWidth(column) {
  const longest = (/** @type {string[]} */ texts) => (
    texts.reduce((most, text) => Math.max(most, text.length), 0));
  const least = headText(column).length + 4;
  if (column.kind === "instant") {
    return column.values.some((_, row) => isFuture(column, row)) ? 20 + FUTURE.length : 20;
  }
  if (column.kind !== "path" && column.kind !== "word") return Math.max(least, 10);
  const most = longest(column.words) + (column.kind === "path" ? longest(column.values) : 0);
  return Math.min(Math.max(least, Math.round(most * 0.9) + 4), 56);
}

/**
 * Return a text that no spreadsheet runs as a formula: as observing_monitor/tables/to_csv.py.
 * @param {string} text
 */
function withoutFormula(text) {
  return /^[=+\-@\t\r\n＝＋－＠]/.test(text) ? "'" + text : text;
}

/**
 * Return rows as CSV, sizes in bytes and numbers with all digits.
 * @param {Column[]} columns
 * @param {Int32Array} rows
 */
function csvText(columns, rows) {
  const quoted = (/** @type {string} */ text) => (
    /[",\r\n]/.test(text) ? '"' + text.replace(/"/g, '""') + '"' : text);
  const plain = (/** @type {Column} */ column, /** @type {number} */ row) => {
    if (column.kind === "bytes" || column.kind === "float") {
      return String(column.values[row] ?? "");
    }
    const text = cellText(column, row);
    return column.kind === "path" || column.kind === "word" ? withoutFormula(text) : text;
  };
  const lines = Array.from(rows, (row) => (
    columns.map((column) => quoted(plain(column, row))).join(",")));
  return [columns.map((column) => column.name).join(","), ...lines].join("\r\n") + "\r\n";
}
