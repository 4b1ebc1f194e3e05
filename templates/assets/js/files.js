// The table of all files: loaded when it is asked for, filtered, sorted, saved as CSV.

const OPEN_BY_ITSELF = 20000; // files: a table of more is opened by a click only

class FileTable {
  /** @param {Table} table */
  constructor(table) {
    this.table = table;
    this.scroller = required("files-scroll", HTMLElement);
    this.filters = new Filters(table);
    this.index = new SearchIndex(table);
    /** @type {Sorting} */
    this.sorting = { name: "", down: false };
    /** All rows, sorted. */
    this.order = sortedRows(table, this.sorting);
    /** Those that pass the filters. */
    this.passed = this.order;
    /** Filters that made `passed`; null if they cannot be built on. */
    this.asked = /** @type {{query: string, key: string} | null} */ (null);
    const options = Array.from(this.filters.fileClass.options);
    this.classLabels = new Map(options.map((one) => [one.value, one.dataset.label || ""]));
    this.rows = new RowWindow(this.scroller, table.columns, {
      head: "path",
      label: (column, row) => {
        const text = cellText(column, row);
        if (isFuture(column, row)) return text + FUTURE;
        return column.name === "file_class" ? this.classLabels.get(text) || text : text;
      },
      chip: cellText,
    });
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
    for (const column of this.table.columns) {
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
      col.style.width = columnWidth(column) + "ch";
      widths.append(col);
    }
    const heads = inside(this.scroller, "thead");
    heads.replaceChildren(row);
    heads.before(widths);
  }

  listen() {
    const { search, exposure, fileClass, stage, timeButton } = this.filters;
    const update = () => this.update();
    [search, exposure].forEach((field) => field.addEventListener("input", update));
    [fileClass, stage].forEach((list) => list.addEventListener("change", update));
    timeButton.addEventListener("click", () => {
      this.filters.time = null;
      this.update();
      search.focus();
    });
    byId("files-csv")?.addEventListener("click", () => this.saveCsv());
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
      const isSorted = this.table.columns[i].name === this.sorting.name;
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
    this.filters.showTime();
    this.showCount();
    this.rows.show(this.passed);
  }

  showCount() {
    const [n, total] = [this.passed.length, this.table.n];
    const room = this.rows.room;
    const cut = n > room ? "; only the first " + room.toLocaleString("en") + " are shown" : "";
    required("files-shown", HTMLElement).textContent = n.toLocaleString("en") + " of "
      + total.toLocaleString("en") + (total === 1 ? " file" : " files") + cut;
  }

  update() {
    this.filter();
    this.writeAddress();
  }

  /** Write filters and order to the address, which can be sent: #files?class=failed&q=r22 */
  writeAddress() {
    const state = new URLSearchParams();
    this.filters.write(state);
    const { name, down } = this.sorting;
    if (name) state.set("sort", (down ? "-" : "") + name);
    history.replaceState(null, "", "#files" + (state.size ? "?" + state : ""));
  }

  readAddress() {
    const state = new URLSearchParams(location.hash.slice("#files?".length));
    this.filters.read(state);
    const by = state.get("sort") || "";
    this.sorting = { name: by.replace(/^-/, ""), down: by.startsWith("-") };
    this.sort();
    this.filter();
  }

  saveCsv() {
    const link = make("a");
    const text = csvText(this.table.columns, this.passed);
    link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    link.download = document.title.replace(/[^\w-]+/g, "_").replace(/^_/, "") + ".csv";
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
 * Table of all files, once somebody asked for it; null in it if it cannot be shown.
 * @type {Promise<FileTable | null> | null}
 */
let opening = null;

/**
 * Load the rows: the script calls a function with them.
 * @param {string} address
 * @returns {Promise<Table>}
 */
function loadRows(address) {
  return new Promise((resolve, reject) => {
    window.observing_monitor_rows = (payload) => unpack(payload).then(resolve, reject);
    const script = make("script");
    script.src = address;
    script.onerror = () => reject(new Error(address.split("?")[0] + " could not be loaded"));
    document.head.append(script);
  });
}

/** @param {HTMLElement} section */
function openFiles(section) {
  const button = required("files-open", HTMLElement).parentElement;
  opening = opening || loadRows(section.dataset.files || "").then((table) => {
    const columns = table.columns.filter((one) => one.kind === "path" || !isEmpty(one));
    required("files-table", HTMLElement).hidden = false;
    if (button) button.hidden = true;
    const made = new FileTable({ n: table.n, columns: columns });
    section.dataset.ready = "yes";
    restorePosition();
    setTimeout(() => made.index.buildWhenIdle(), 50);
    return made;
  }).catch((error) => {
    if (button) button.textContent = "The table cannot be shown: " + error.message;
    return null;
  });
  return opening;
}

/**
 * Open the table with the filters in the address, if it has any.
 * @param {HTMLElement} section
 */
async function openAddressed(section) {
  if (!/^#files\?/.test(location.hash)) return;
  const table = await openFiles(section);
  if (!table) return;
  table.readAddress();
  if (isRestoring) restorePosition();
  else byId("files")?.scrollIntoView();
}

function startFiles() {
  const section = byId("all-files");
  if (!section) return;
  const open = required("files-open", HTMLElement);
  if (open.parentElement) open.parentElement.hidden = false;
  open.addEventListener("click", () => openFiles(section));
  const form = inside(required("files-table", HTMLElement), "form");
  form.addEventListener("submit", (event) => event.preventDefault());
  window.addEventListener("hashchange", () => openAddressed(section));
  if (Number(section.dataset.n) <= OPEN_BY_ITSELF) {
    const waiting = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      waiting.disconnect();
      openFiles(section);
    }, { rootMargin: "200px" });
    waiting.observe(section);
  }
  openAddressed(section);
  if (isRestoring && reader && reader.files) openFiles(section);
}
