// The filters above the observing log.

/** Keys of the address -> columns that a list of words filters by. */
const LOG_LISTS = {
  type: "observation_type", filter: "physical_filter", program: "program",
};
const NO_FILES = "none"; // value of the list of classes

class LogFilters {
  /** @param {Table} table */
  constructor(table) {
    this.table = table;
    this.search = required("log-search", HTMLInputElement);
    this.target = required("log-target", HTMLInputElement);
    this.fileClass = required("log-class", HTMLSelectElement);
    /** @type {{key: string, list: HTMLSelectElement, column: Words | null}[]} */
    this.lists = Object.entries(LOG_LISTS).map(([key, name]) => (
      { key: key, list: required("log-" + key, HTMLSelectElement), column: this.words(name) }));
    /** @type {HTMLElement[]} */
    this.fields = [this.search, this.target, this.fileClass, ...this.lists.map(({ list }) => list)];
    this.offer();
  }

  /**
   * @param {string} name
   * @returns {Words | null}
   */
  words(name) {
    const found = this.table.columns.find((column) => column.name === name);
    return found && found.kind === "word" ? found : null;
  }

  /**
   * Return the column with the number of files of a class, or of all.
   * @param {string} name
   */
  count(name) {
    const found = this.table.columns.find((column) => column.is_count && column.name === name);
    return found && found.kind === "int" ? found : null;
  }

  /** Offer the words and classes that the table has. */
  offer() {
    for (const { list, column } of this.lists) {
      if (column) offerWords(list, column);
      showLabel(list, column !== null && column.words.length > 1);
    }
    for (const column of this.table.columns) {
      if (!column.is_count || column.kind !== "int") continue;
      const isTotal = column.name === "n_files";
      const n = column.values.filter((value) => (isTotal ? value === 0 : value)).length;
      if (n) offerOption(this.fileClass, isTotal ? NO_FILES : column.name, isTotal ? "none" : column.label, n);
    }
    showLabel(this.fileClass, this.fileClass.options.length > 1);
    const targets = this.words("target");
    showLabel(this.target, targets !== null && targets.words.length > 1);
  }

  /** Words of the search field. */
  terms() {
    return this.search.value.split(/\s+/).filter(Boolean);
  }

  /** Text that differs if anything but the search field does. */
  key() {
    return JSON.stringify(
      [this.target.value, this.fileClass.value, ...this.lists.map(({ list }) => list.value)]);
  }

  /** Return a test for each filter that is set, without the search field. */
  tests() {
    return [...this.lists.map(listTest), this.targetTest(), this.classTest()]
      .filter((test) => test !== null);
  }

  /**
   * Return a test for the target: one of this name, else all that contain the text.
   * @returns {RowTest | null}
   */
  targetTest() {
    const wanted = this.target.value.trim().toLowerCase();
    const column = this.words("target");
    if (!wanted || !column) return null;
    const names = column.words.map((word) => word.toLowerCase());
    const isNamed = names.includes(wanted);
    const passes = names.map((name) => (isNamed ? name === wanted : name.includes(wanted)));
    return (row) => column.codes[row] >= 0 && passes[column.codes[row]];
  }

  /** @returns {RowTest | null} */
  classTest() {
    const value = this.fileClass.value;
    const counts = value && this.count(value === NO_FILES ? "n_files" : value);
    if (!counts) return null;
    return value === NO_FILES ? (row) => !counts.values[row] : (row) => Boolean(counts.values[row]);
  }

  /**
   * Write the filters to an address.
   * @param {URLSearchParams} state
   */
  write(state) {
    for (const { key, list } of this.lists) if (list.value) state.set(key, list.value);
    if (this.target.value) state.set("target", this.target.value);
    if (this.fileClass.value) state.set("class", this.fileClass.value);
    if (this.search.value) state.set("q", this.search.value);
  }

  /**
   * Set the filters that an address has; unknown values set none.
   * @param {URLSearchParams} state
   */
  read(state) {
    for (const { key, list } of this.lists) choose(list, state.get(key));
    choose(this.fileClass, state.get("class"));
    this.target.value = state.get("target") || "";
    this.search.value = state.get("q") || "";
  }
}

/**
 * Choose a value of a list; all if it has no such value.
 * @param {HTMLSelectElement} list
 * @param {string | null} value
 */
function choose(list, value) {
  list.value = value || "";
  if (list.selectedIndex < 0) list.value = "";
}

/**
 * Show the label of a field, or hide it.
 * @param {HTMLElement} field
 * @param {boolean} isShown
 */
function showLabel(field, isShown) {
  if (field.parentElement) field.parentElement.hidden = !isShown;
}

/**
 * @param {HTMLSelectElement} list
 * @param {string} value
 * @param {string} label
 * @param {number} n rows that it has
 */
function offerOption(list, value, label, n) {
  const option = make("option", visible(label) + " (" + n.toLocaleString("en") + ")");
  option.value = value;
  list.append(option);
}

/**
 * Offer the words of a column, in their order.
 * @param {HTMLSelectElement} list
 * @param {Words} column
 */
function offerWords(list, column) {
  const n = new Int32Array(column.words.length);
  for (const code of column.codes) if (code >= 0) n[code] += 1;
  const codes = column.words.map((_, code) => code);
  codes.sort((a, b) => collator.compare(column.words[a], column.words[b]));
  codes.forEach((code) => offerOption(list, column.words[code], column.words[code], n[code]));
}

/**
 * @param {{list: HTMLSelectElement, column: Words | null}} one
 * @returns {RowTest | null}
 */
function listTest({ list, column }) {
  if (!list.value || !column) return null;
  const wanted = column.words.indexOf(list.value);
  return (row) => column.codes[row] === wanted;
}
