// A table of many rows: loaded when it is asked for, filtered, sorted, saved as CSV.

const OPEN_BY_ITSELF = 20000; // rows: a table of more is opened by a click only

/**
 * The fields above a table.
 * @typedef {object} FilterFields
 * @property {HTMLInputElement} search
 * @property {() => string[]} terms words of the search field
 * @property {() => string} key text that differs if anything but the search field does
 * @property {() => RowTest[]} tests without the search field
 * @property {(state: URLSearchParams) => void} write filters to an address
 * @property {(state: URLSearchParams) => void} read filters from an address
 * @property {HTMLElement[]} fields that filter when their input changes
 */
/**
 * @typedef {object} ViewParts
 * @property {string} id beginning of the ids of its elements
 * @property {string} noun of a row
 * @property {Column[]} shown columns
 * @property {Column[]} saved columns of the CSV
 * @property {FilterFields} filters
 * @property {Look} look
 * @property {Sorting} sorting at first
 * @property {(column: Column) => number} width in characters
 */

class TableView {
  /**
   * @param {Table} table
   * @param {ViewParts} parts
   */
  constructor(table, parts) {
    this.table = table;
    this.parts = parts;
    this.filters = parts.filters;
    this.scroller = required(parts.id + "-scroll", HTMLElement);
    this.index = new SearchIndex(table);
    this.sorting = parts.sorting;
    /** All rows, sorted. */
    this.order = sortedRows(table, this.sorting);
    /** Those that pass the filters. */
    this.passed = this.order;
    /** Filters that made `passed`; null if they cannot be built on. */
    this.asked = /** @type {{query: string, key: string} | null} */ (null);
    this.rows = new RowWindow(this.scroller, parts.shown, parts.look);
    this.makeHeads();
    this.showSorting();
    this.filter();
    // what lies below the table stays in place when rows go
    this.scroller.style.minHeight = this.scroller.offsetHeight + "px";
    this.rows.redraw(); // the first rows gave the table its height
    this.listen();
  }

  makeHeads() {
    const row = make("tr");
    const widths = make("colgroup");
    for (const column of this.parts.shown) {
      const head = make("th");
      head.scope = "col";
      if (CELL_CLASSES[column.kind] === "num") head.className = "num";
      const button = make("button", headText(column), "word");
      button.type = "button";
      button.title = column.meaning;
      button.dataset.glossary = page.root + "glossary.html#" + column.anchor;
      button.addEventListener("click", () => this.sortBy(column.name));
      head.append(button);
      row.append(head);
      const col = make("col");
      col.style.width = this.parts.width(column) + "ch";
      widths.append(col);
    }
    const heads = inside(this.scroller, "thead");
    heads.replaceChildren(row);
    heads.before(widths);
  }

  listen() {
    this.filters.fields.forEach((field) => {
      field.addEventListener(field instanceof HTMLSelectElement ? "change" : "input",
        () => this.update());
    });
    byId(this.parts.id + "-csv")?.addEventListener("click", () => this.saveCsv());
    let drawing = 0;
    this.scroller.addEventListener("scroll", () => {
      cancelAnimationFrame(drawing);
      drawing = requestAnimationFrame(() => this.rows.draw());
    });
    window.addEventListener("resize", () => this.rows.redraw());
  }

  /**
   * Sort by a column; a second time turns the order.
   * @param {string} name
   */
  sortBy(name) {
    this.sorting = { name: name, down: this.sorting.name === name && !this.sorting.down };
    this.sort();
    this.update();
  }

  sort() {
    this.order = sortedRows(this.table, this.sorting);
    this.asked = null;
    this.showSorting();
  }

  showSorting() {
    this.scroller.querySelectorAll("thead th").forEach((head, i) => {
      const isSorted = this.parts.shown[i].name === this.sorting.name;
      const direction = this.sorting.down ? "descending" : "ascending";
      head.setAttribute("aria-sort", isSorted ? direction : "none");
    });
  }

  /** Filter the rows and show those that pass. */
  filter() {
    const query = this.filters.search.value;
    const key = this.filters.key();
    const terms = this.filters.terms().map((term) => this.index.rowsWith(term));
    const tests = [
      ...this.filters.tests(),
      ...terms.map((found) => (/** @type {number} */ row) => found[row] === 1),
    ];
    // one more letter can only take rows away
    const isNarrower = this.asked && this.asked.key === key && query.startsWith(this.asked.query);
    this.passed = tests.reduce(passing, isNarrower ? this.passed : this.order);
    this.asked = { query: query, key: key };
    this.showCount();
    this.rows.show(this.passed);
  }

  showCount() {
    const [n, total] = [this.passed.length, this.table.n];
    const room = this.rows.room;
    const cut = n > room ? "; only the first " + room.toLocaleString("en") + " are shown" : "";
    required(this.parts.id + "-shown", HTMLElement).textContent = n.toLocaleString("en") + " of "
      + total.toLocaleString("en") + " " + this.parts.noun + (total === 1 ? "" : "s") + cut;
  }

  update() {
    this.filter();
    this.writeAddress();
  }

  /** Name of the place in the address. */
  place() {
    return this.parts.id;
  }

  /** Write filters and order to the address, which can be sent: #files?class=failed&q=r22 */
  writeAddress() {
    const state = new URLSearchParams();
    this.filters.write(state);
    const { name, down } = this.sorting;
    const first = this.parts.sorting;
    if (name !== first.name || down !== first.down) state.set("sort", (down ? "-" : "") + name);
    history.replaceState(null, "", "#" + this.place() + (state.size ? "?" + state : ""));
  }

  /** Set filters and order as the address has them. */
  readAddress() {
    const state = new URLSearchParams(location.hash.split("?").slice(1).join("?"));
    this.filters.read(state);
    const by = state.get("sort");
    this.sorting = by === null ? this.parts.sorting
      : { name: by.replace(/^-/, ""), down: by.startsWith("-") };
    this.sort();
    this.filter();
  }

  saveCsv() {
    const link = make("a");
    const text = csvText(this.parts.saved, this.passed);
    link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    const name = document.title.replace(/[^\w-]+/g, "_").replace(/^_/, "");
    link.download = name + (this.parts.id === "files" ? "" : "." + this.parts.noun + "s") + ".csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }
}

/**
 * Return the rows that pass a test, in their order.
 * A loop over plain numbers: a key waits for this.
 * @param {Int32Array} rows
 * @param {RowTest} test
 */
function passing(rows, test) {
  const found = new Int32Array(rows.length);
  let n = 0;
  for (let i = 0; i < rows.length; i += 1) if (test(rows[i])) found[n++] = rows[i];
  return found.subarray(0, n);
}

/**
 * Load a packed table: the script calls a function with it.
 * @param {"observing_monitor_rows" | "observing_monitor_log"} name of the function
 * @param {string} address
 * @returns {Promise<Table>}
 */
function loadTable(name, address) {
  return new Promise((resolve, reject) => {
    window[name] = (payload) => unpack(payload).then(resolve, reject);
    const script = make("script");
    script.src = address;
    script.onerror = () => reject(new Error(address.split("?")[0] + " could not be loaded"));
    document.head.append(script);
  });
}

/**
 * Open a table once it comes near the window, unless it is a large one.
 * @param {HTMLElement} section
 * @param {() => void} open
 */
function openInSight(section, open) {
  if (Number(section.dataset.n) > OPEN_BY_ITSELF) return;
  const waiting = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    waiting.disconnect();
    open();
  }, { rootMargin: "200px" });
  waiting.observe(section);
}
