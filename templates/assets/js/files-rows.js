// The rows of the table of all files: only those in sight exist.

const MAX_HEIGHT_PX = 15000000; // browsers clamp elements a little above
const SPARE_ROWS = 3; // above those in sight, and twice as many below: each costs 1 ms per key

/** @typedef {{column: Column, cell: HTMLElement, inner: HTMLElement, text: Text}} Cell */
/** @typedef {{row: HTMLElement, cells: Cell[]}} Row */

/** Class of the cells of each kind of column. */
const CELL_CLASSES = { path: "path", word: "", int: "num", bytes: "num", instant: "num" };

function makeSpacer() {
  const row = make("tr", undefined, "spacer");
  row.setAttribute("aria-hidden", "true");
  return row;
}

class RowWindow {
  /**
   * @param {HTMLElement} scroller
   * @param {Column[]} columns
   * @param {(column: Column, row: number) => string} label text of a cell as it is shown
   */
  constructor(scroller, columns, label) {
    this.scroller = scroller;
    this.columns = columns;
    this.label = label;
    this.rowHeight = parseFloat(getComputedStyle(scroller).getPropertyValue("--row")) || 28;
    this.room = Math.floor(MAX_HEIGHT_PX / this.rowHeight); // rows that fit
    this.above = makeSpacer();
    this.below = makeSpacer();
    /** Rows between the spacers. @type {Row[]} */
    this.rows = [];
    /** Rows of the table that are shown. @type {Int32Array} */
    this.shown = new Int32Array(0);
    this.firstDrawn = -1;
    inside(scroller, "tbody").replaceChildren(this.above, this.below);
  }

  /**
   * Show these rows, from the first.
   * @param {Int32Array} rows
   */
  show(rows) {
    this.shown = rows.subarray(0, this.room);
    inside(this.scroller, "table").setAttribute("aria-rowcount", String(this.shown.length + 1));
    this.firstDrawn = -1;
    this.scroller.scrollTop = 0;
    this.draw();
  }

  /** Draw again: more rows may be in sight now. */
  redraw() {
    this.firstDrawn = -1;
    this.draw();
  }

  draw() {
    const height = this.rowHeight;
    const first = Math.max(0, Math.floor(this.scroller.scrollTop / height) - SPARE_ROWS);
    const isNear = Math.abs(first - this.firstDrawn) < SPARE_ROWS / 2;
    if (isNear && this.firstDrawn >= 0 && first !== 0) return;
    this.firstDrawn = first;
    const n = Math.ceil(this.scroller.clientHeight / height) + 3 * SPARE_ROWS;
    const last = Math.min(this.shown.length, first + n);
    while (this.rows.length > last - first) this.rows.pop()?.row.remove();
    while (this.rows.length < last - first) {
      const made = this.makeRow();
      this.rows.push(made);
      this.below.before(made.row);
    }
    this.rows.forEach((row, i) => this.fill(row, first + i));
    this.above.style.height = first * height + "px";
    this.below.style.height = (this.shown.length - last) * height + "px";
  }

  /** @returns {Row} */
  makeRow() {
    const row = make("tr");
    const cells = this.columns.map((column) => {
      const cell = make(column.kind === "path" ? "th" : "td", "", CELL_CLASSES[column.kind]);
      if (column.kind === "path") cell.setAttribute("scope", "row");
      const inner = make(column.name === "file_class" ? "span" : "bdi");
      const text = document.createTextNode("");
      inner.append(text);
      cell.append(inner);
      row.append(cell);
      return { column, cell, inner, text };
    });
    return { row, cells };
  }

  /**
   * Show a file in a row. Cells whose text stays are left alone: new cells are what would
   * take longest after a key.
   * @param {Row} made
   * @param {number} position
   */
  fill(made, position) {
    const file = this.shown[position];
    made.row.setAttribute("aria-rowindex", String(position + 2));
    for (const { column, cell, inner, text } of made.cells) {
      const shown = visible(this.label(column, file));
      if (text.data === (shown || "–")) continue;
      text.data = shown || "–";
      if (column.name === "file_class") {
        inner.className = "chip " + cellText(column, file).replace(/[^a-z_]/g, "");
      }
      if (shown.length > 30) cell.title = shown;
      else cell.removeAttribute("title");
    }
  }
}
