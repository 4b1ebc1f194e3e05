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
    /** What is shown below the open row. @type {{row: HTMLElement, of: number} | null} */
    this.detail = null;
    this.detailHeight = 0;
    this.opened = -1; // position of the open row
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
    this.opened = this.detail ? this.shown.indexOf(this.detail.of) : -1;
    this.scroller.scrollTop = 0;
    this.draw();
  }

  /** Draw again: more rows may be in sight now. */
  redraw() {
    this.firstDrawn = -1;
    if (this.detail) {
      inside(this.detail.row, "div").style.width = this.scroller.clientWidth + "px";
      this.measure();
    }
    this.draw();
  }

  draw() {
    const height = this.rowHeight;
    const first = Math.max(0, this.positionAt(this.scroller.scrollTop) - SPARE_ROWS);
    const isNear = Math.abs(first - this.firstDrawn) < SPARE_ROWS / 2;
    if (isNear && this.firstDrawn >= 0 && first !== 0) return;
    if (this.firstDrawn >= 0) this.turn(first - this.firstDrawn);
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
    const isAbove = this.opened >= 0 && this.opened < first;
    const isBelow = this.opened >= last;
    this.above.style.height = first * height + (isAbove ? this.detailHeight : 0) + "px";
    const below = (this.shown.length - last) * height;
    this.below.style.height = below + (isBelow ? this.detailHeight : 0) + "px";
    this.placeDetail(this.rows[this.opened - first]);
  }

  /**
   * Move rows that left the window at one end to the other end: one with the focus keeps its
   * text.
   * @param {number} by number of rows
   */
  turn(by) {
    if (!by || Math.abs(by) >= this.rows.length) return;
    const moved = by > 0 ? this.rows.splice(0, by) : this.rows.splice(by);
    const elements = moved.map(({ row }) => row);
    if (by > 0) {
      this.rows.push(...moved);
      this.below.before(...elements);
    } else {
      this.rows.unshift(...moved);
      this.above.after(...elements);
    }
  }

  /**
   * Return the position of the row at a height.
   * @param {number} y
   */
  positionAt(y) {
    const end = (this.opened + 1) * this.rowHeight; // of the open row
    const isAfter = this.opened >= 0 && y > end;
    return Math.floor((isAfter ? Math.max(end, y - this.detailHeight) : y) / this.rowHeight);
  }

  /**
   * Open a row: show an element below it.
   * @param {number} row of the table
   * @param {HTMLElement} content
   */
  open(row, content) {
    this.close();
    const place = make("tr", undefined, "detail");
    const cell = make("td");
    cell.colSpan = this.columns.length;
    const box = make("div");
    box.append(content);
    cell.append(box);
    place.append(cell);
    this.detail = { row: place, of: row };
    this.opened = this.shown.indexOf(row);
    this.redraw();
    this.redraw(); // with its height
  }

  close() {
    this.detail?.row.remove();
    this.detail = null;
    this.opened = -1;
    this.detailHeight = 0;
    this.redraw();
  }

  /** Measure the open row again: its content changed. */
  measure() {
    const found = this.detail && this.detail.row.offsetHeight;
    if (found) this.detailHeight = found;
  }

  /** @param {Row | undefined} row that is open, if it is drawn */
  placeDetail(row) {
    if (!this.detail) return;
    if (!row) this.detail.row.remove();
    else if (row.row.nextSibling !== this.detail.row) row.row.after(this.detail.row);
  }

  /**
   * Bring a row into sight; false if it is not shown.
   * @param {number} row
   */
  reveal(row) {
    const position = this.shown.indexOf(row);
    if (position < 0) return false;
    const height = this.rowHeight;
    const isBelowOpen = this.opened >= 0 && position > this.opened;
    const top = position * height + (isBelowOpen ? this.detailHeight : 0);
    const inSight = this.scroller.clientHeight - 2 * height;
    const from = top - this.scroller.scrollTop;
    if (from < 0 || from + (position === this.opened ? this.detailHeight : 0) > inSight) {
      this.scroller.scrollTop = Math.max(0, top - height);
    }
    this.redraw();
    return true;
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
      const inner = make(column.is_picture ? "img"
        : isHead && this.look.href ? "a" : this.isChip(column) ? "span" : "bdi");
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
    const isOpen = this.opened === position;
    made.row.classList.toggle("opened", isOpen);
    for (const { column, cell, inner, text } of made.cells) {
      const shown = visible(this.look.label(column, shownRow));
      if (inner instanceof HTMLAnchorElement && this.look.href) {
        inner.setAttribute("href", this.look.href(shownRow));
        inner.setAttribute("aria-expanded", String(isOpen));
      }
      if (text.data === (shown || "–")) continue;
      text.data = shown || "–";
      if (inner instanceof HTMLImageElement) {
        inner.hidden = !shown;
        inner.src = shown;
        inner.alt = "";
        continue;
      }
      if (this.isChip(column)) {
        inner.className = "chip " + this.look.chip(column, shownRow).replace(/[^a-z_]/g, "");
      }
      if (shown.length > 30) cell.title = shown;
      else cell.removeAttribute("title");
    }
  }
}
