// The rows of a table: only those in sight exist.

const MAX_HEIGHT_PX = 15000000; // browsers clamp elements a little above
const SPARE_ROWS = 3; // above those in sight, and twice as many below: each costs 1 ms per key

/** @typedef {{column: Column, cell: HTMLElement, inner: HTMLElement, text: Text}} Cell */
/**
 * How cells are drawn.
 * @typedef {object} Look
 * @property {string} head name of the column that is the heading of a row
 * @property {(column: Column, row: number) => string} label text of a cell as it is shown
 * @property {(column: Column, row: number) => string} chip class of a label
 * @property {(row: number) => string} [href] where the heading of a row leads
 */
/** @typedef {{row: HTMLElement, cells: Cell[]}} Row */

/** Class of the cells of each kind of column. */
const CELL_CLASSES = { path: "path", word: "", int: "num", bytes: "num", float: "num", instant: "num" };

function makeSpacer() {
  const row = make("tr", undefined, "spacer");
  row.setAttribute("aria-hidden", "true");
  return row;
}

class RowWindow {
  /**
   * @param {HTMLElement} scroller
   * @param {Column[]} columns
   * @param {Look} look
   */
  constructor(scroller, columns, look) {
    this.scroller = scroller;
    this.columns = columns;
    this.look = look;
    this.rowHeight = parseFloat(getComputedStyle(scroller).getPropertyValue("--row")) || 28;
    this.room = Math.floor(MAX_HEIGHT_PX / this.rowHeight); // rows that fit
    this.above = makeSpacer();
    this.below = makeSpacer();
    /** Rows between the spacers. @type {Row[]} */
    this.rows = [];
    /** Rows of the table that are shown. @type {Int32Array} */
    this.shown = new Int32Array(0);
    this.firstDrawn = -1;
    /** The row that is marked. @type {number | null} */
    this.marked = null;
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

  /**
   * Mark a row and bring it into sight; false if it is not shown.
   * @param {number} row
   */
  reveal(row) {
    this.marked = row;
    const position = this.shown.indexOf(row);
    if (position >= 0) {
      const inSight = this.scroller.clientHeight - 2 * this.rowHeight;
      const top = position * this.rowHeight - this.scroller.scrollTop;
      if (top < 0 || top > inSight) {
        this.scroller.scrollTop = Math.max(0, position * this.rowHeight - inSight / 2);
      }
    }
    this.redraw();
    return position >= 0;
  }

  /**
   * Return the row of the table that an element of it shows; null if there is none.
   * @param {Element} element
   */
  rowAt(element) {
    const position = this.rows.findIndex(({ row }) => row.contains(element));
    return position < 0 ? null : this.shown[this.firstDrawn + position];
  }

  /** @returns {Row} */
  makeRow() {
    const row = make("tr");
    const cells = this.columns.map((column) => {
      const isHead = column.name === this.look.head;
      const cell = make(isHead ? "th" : "td", "", CELL_CLASSES[column.kind]);
      if (isHead) cell.setAttribute("scope", "row");
      const inner = make(isHead && this.look.href ? "a" : this.isChip(column) ? "span" : "bdi");
      const text = document.createTextNode("");
      inner.append(text);
      cell.append(inner);
      row.append(cell);
      return { column, cell, inner, text };
    });
    return { row, cells };
  }

  /** @param {Column} column */
  isChip(column) {
    return column.name === "file_class" || (column.kind === "word" && Boolean(column.chips));
  }

  /**
   * Show a row of the table. Cells whose text stays are left alone: new cells are what would
   * take longest after a key.
   * @param {Row} made
   * @param {number} position
   */
  fill(made, position) {
    const shownRow = this.shown[position];
    made.row.setAttribute("aria-rowindex", String(position + 2));
    made.row.classList.toggle("marked", shownRow === this.marked);
    for (const { column, cell, inner, text } of made.cells) {
      const shown = visible(this.look.label(column, shownRow));
      if (inner instanceof HTMLAnchorElement && this.look.href) {
        inner.setAttribute("href", this.look.href(shownRow));
      }
      if (text.data === (shown || "–")) continue;
      text.data = shown || "–";
      if (this.isChip(column)) {
        inner.className = "chip " + this.look.chip(column, shownRow).replace(/[^a-z_]/g, "");
      }
      if (shown.length > 30) cell.title = shown;
      else cell.removeAttribute("title");
    }
  }
}
