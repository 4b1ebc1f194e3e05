// The order of the rows of a table.

/** @typedef {{name: string, down: boolean}} Sorting column name ("" for none) and direction */

const collator = new Intl.Collator("en", { numeric: true });

/**
 * Return the place of each word in the order of all words.
 * @param {string[]} words
 */
function ranks(words) {
  /** @type {number[]} */
  const rank = new Array(words.length);
  words.map((_, code) => code)
    .sort((a, b) => collator.compare(words[a], words[b]))
    .forEach((code, i) => { rank[code] = i; });
  return rank;
}

/**
 * Return a function that gives the number to sort a row by; null if the row has none.
 * @param {Column} column
 * @returns {(row: number) => number | null}
 */
function sortKey(column) {
  if (column.kind !== "path" && column.kind !== "word") return (row) => column.values[row];
  const rank = ranks(column.words);
  return (row) => (column.codes[row] < 0 ? null : rank[column.codes[row]]);
}

/**
 * Return all rows in order. Rows without a value come last in both directions.
 * @param {Table} table
 * @param {Sorting} sorting
 */
function sortedRows(table, sorting) {
  const order = new Int32Array(table.n).map((_, row) => row);
  const column = table.columns.find((c) => c.name === sorting.name);
  if (!column) return order;
  const key = sortKey(column);
  const sign = sorting.down ? -1 : 1;
  const keys = Float64Array.from(order, (row) => sign * (key(row) ?? sign * Infinity));
  const names = column.kind === "path" ? column.values : null; // within a folder
  return order.sort((a, b) => { // stable: equal rows keep their order
    if (keys[a] !== keys[b]) return keys[a] - keys[b];
    if (!names || names[a] === names[b]) return 0;
    return names[a] < names[b] ? -sign : sign;
  });
}
