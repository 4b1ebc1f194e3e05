// The observing log: its rows open, and each has an address.

/**
 * Return the anchor of each exposure: as observing_monitor/pages/observing_log.py.
 * @param {Table} table
 */
function anchorsOf(table) {
  const names = table.columns.find((column) => column.name === "exposure");
  /** @type {Map<string, number>} */
  const taken = new Map();
  return Array.from({ length: names ? table.n : 0 }, (_, row) => {
    const name = names ? cellText(names, row) : "";
    const anchor = "exposure-" + name.replace(/[^A-Za-z0-9._-]+/g, "-");
    const n = (taken.get(anchor) || 0) + 1;
    taken.set(anchor, n);
    return n === 1 ? anchor : anchor + "-" + n;
  });
}

class LogTable extends TableView {
  /**
   * @param {Table} table
   * @param {HTMLElement} section
   */
  constructor(table, section) {
    const anchors = anchorsOf(table);
    const anchor = (/** @type {number} */ row) => anchors[row];
    super(table, {
      id: "log",
      noun: "exposure",
      shown: table.columns.filter((column) => column.is_shown),
      saved: table.columns.filter((column) => column.name !== "files" && !column.is_picture),
      filters: new LogFilters(table),
      look: {
        head: "exposure",
        label: (column, row) => {
          const text = cellText(column, row);
          if (column.kind !== "instant") return text;
          return nearText(text) + (isFuture(column, row) ? FUTURE : "");
        },
        chip: (column, row) => {
          if (column.kind !== "word" || !column.chips || column.codes[row] < 0) return "";
          return column.chips[column.codes[row]];
        },
        href: (row) => "#" + anchor(row),
      },
      sorting: { name: "started_at", down: section.dataset.newest === "yes" },
      width: logWidth,
    });
    this.anchor = anchor;
    /** Rows by their anchor. @type {Map<string, number>} */
    this.rowOf = new Map(anchors.map((one, row) => [one, row]));
    this.scroller.addEventListener("click", (event) => this.follow(event));
    this.scroller.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.toggle(this.rows.detail ? this.rows.detail.of : -1);
    });
  }

  place() {
    const open = this.rows && this.rows.detail;
    return open ? this.anchor(open.of) : "exposures";
  }

  /**
   * Open or close the row that was clicked.
   * @param {MouseEvent} event
   */
  follow(event) {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    if (!(event.target instanceof Element) || event.target.closest(".detail, thead")) return;
    const selection = getSelection();
    if (selection && !selection.isCollapsed && this.scroller.contains(selection.anchorNode)) return;
    const row = this.rows.rowAt(event.target);
    if (row === null) return;
    event.preventDefault();
    this.toggle(row);
  }

  /**
   * Open a row, or close it if it is open.
   * @param {number} row
   */
  toggle(row) {
    const open = this.rows.detail;
    if (open && open.of === row) {
      this.rows.close();
      this.focus(row);
    } else if (row >= 0) {
      this.open(row);
    }
    this.writeAddress();
  }

  /** @param {number} row */
  open(row) {
    const detail = exposureDetail(this.table, row, this.anchor, () => this.rows.redraw());
    this.rows.open(row, detail);
    this.rows.reveal(row);
  }

  /**
   * Move the focus to a row that is drawn.
   * @param {number} row
   */
  focus(row) {
    const drawn = this.rows.rows.find((one) => this.rows.rowAt(one.row) === row);
    drawn?.row.querySelector("a")?.focus({ preventScroll: true });
  }

  /** Filter as the address says, and open the row that it names. */
  readAddress() {
    const row = this.rowOf.get(location.hash.slice(1).split("?")[0]);
    if (row === undefined && this.rows.detail) this.rows.close();
    if (row === undefined || location.hash.includes("?")) super.readAddress();
    if (row === undefined) return;
    if (!this.passed.includes(row)) super.readAddress(); // without filters
    if (!this.passed.includes(row)) return;
    this.open(row);
    if (!isRestoring) this.focus(row);
  }
}

/**
 * Return the width of a column in characters.
 * @param {Column} column
 */
function logWidth(column) {
  if (column.is_picture) return 8;
  if (column.kind === "instant") return columnWidth(column) - 4; // without the year
  if (column.kind === "word") return Math.min(columnWidth(column), 40);
  return Math.max(Math.ceil(headText(column).length * 0.9) + 3, 8);
}

/**
 * The observing log, once somebody asked for it; null in it if it cannot be shown.
 * @type {Promise<LogTable | null> | null}
 */
let openingLog = null;

/** @param {HTMLElement} section */
function openLog(section) {
  const button = required("log-open", HTMLElement).parentElement;
  const address = section.dataset.log || "";
  openingLog = openingLog || loadTable("observing_monitor_log", address).then((table) => {
    required("log-table", HTMLElement).hidden = false;
    required("log-plain", HTMLElement).hidden = true;
    const made = new LogTable(table, section);
    section.dataset.ready = "yes";
    restorePosition();
    setTimeout(() => made.index.buildWhenIdle(), 50);
    return made;
  }).catch((error) => {
    if (button) button.textContent = "The table cannot be shown: " + error.message;
    return null;
  });
  return openingLog;
}

/**
 * Open the log with the filters or the exposure in the address, if it has any.
 * @param {HTMLElement} section
 */
async function openLogAddressed(section) {
  if (!/^#(exposures\?|exposure-)/.test(location.hash)) return;
  const table = await openLog(section);
  if (!table) return;
  const place = location.hash.slice(1).split("?")[0];
  if (place !== "exposures" && !table.rowOf.has(place)) {
    if (!isRestoring) byId(place)?.scrollIntoView(); // files of no exposure
    return;
  }
  table.readAddress();
  if (isRestoring) restorePosition();
  else byId("exposures")?.scrollIntoView();
}

/**
 * Show the exposure of a link on this page, not on a plain page of exposures.
 * @param {HTMLElement} section
 * @param {MouseEvent} event
 */
function followExposure(section, event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const link = event.target instanceof Element ? event.target.closest("a[href]") : null;
  const found = /^(?:[\w.-]*\.exposures[\w.-]*\.html)?#(exposure-.*)$/
    .exec(link?.getAttribute("href") || "");
  if (!found) return;
  event.preventDefault();
  goToExposure(section, found[1]);
}

/**
 * Open the row of an exposure, by its anchor.
 * @param {HTMLElement} section
 * @param {string} anchor
 */
function goToExposure(section, anchor) {
  if (location.hash === "#" + anchor) openLogAddressed(section);
  else location.hash = anchor;
}

function startLog() {
  const section = byId("log");
  if (!section || !section.dataset.log) return;
  const open = required("log-open", HTMLElement);
  if (open.parentElement) open.parentElement.hidden = false;
  open.addEventListener("click", () => openLog(section));
  const form = inside(required("log-table", HTMLElement), "form");
  form.addEventListener("submit", (event) => event.preventDefault());
  window.addEventListener("hashchange", () => openLogAddressed(section));
  document.addEventListener("click", (event) => followExposure(section, event));
  startSkyMap(section);
  openInSight(section, () => openLog(section));
  openLogAddressed(section);
  if (isRestoring && reader && reader.log) openLog(section);
}
