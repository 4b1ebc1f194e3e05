// The table of all files.

/** Return the words of the classes of files. */
function classLabels() {
  const options = Array.from(required("files-class", HTMLSelectElement).options);
  return new Map(options.map((one) => [one.value, one.dataset.label || ""]));
}

class FileTable extends TableView {
  /** @param {Table} table */
  constructor(table) {
    const filters = new Filters(table);
    const labels = classLabels();
    super(table, {
      id: "files",
      noun: "file",
      shown: table.columns,
      saved: table.columns,
      filters: filters,
      look: {
        head: "path",
        label: (column, row) => {
          const text = cellText(column, row);
          if (isFuture(column, row)) return text + FUTURE;
          return column.name === "file_class" ? labels.get(text) || text : text;
        },
        chip: cellText,
      },
      sorting: { name: "", down: false },
      width: columnWidth,
    });
    filters.timeButton.addEventListener("click", () => {
      filters.time = null;
      this.update();
      filters.search.focus();
    });
  }
}

/**
 * All rows, once somebody asked for them.
 * @type {Promise<Table> | null}
 */
let loadedFiles = null;

/** Return the list of all files, from its script. */
function allFiles() {
  const address = required("all-files", HTMLElement).dataset.files || "";
  loadedFiles = loadedFiles || loadTable("observing_monitor_rows", address);
  return loadedFiles;
}

/**
 * Table of all files, once somebody asked for it; null in it if it cannot be shown.
 * @type {Promise<FileTable | null> | null}
 */
let opening = null;

/** @param {HTMLElement} section */
function openFiles(section) {
  const button = required("files-open", HTMLElement).parentElement;
  opening = opening || allFiles().then((table) => {
    const columns = table.columns.filter((one) => (
      one.is_shown !== false && (one.kind === "path" || !isEmpty(one))));
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
  openInSight(section, () => openFiles(section));
  openAddressed(section);
  if (isRestoring && reader && reader.files) openFiles(section);
}
