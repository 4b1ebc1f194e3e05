// The filters above the table of all files.

/**
 * Only files with one of these instants in a range, in seconds since 1970.
 * @typedef {{by: string, from: number, to: number}} TimeRange by: names of columns, with commas
 */
/** @typedef {(row: number) => boolean} RowTest */

/** @param {number} seconds */
function zulu(seconds) {
  return instantText(seconds).replace(" ", "T") + "Z";
}

/**
 * Return a function that gives the first known instant of a row; null if it has none.
 * @param {Instants[]} columns
 */
function firstInstant(columns) {
  return (/** @type {number} */ row) => {
    for (const column of columns) {
      const value = column.values[row];
      if (value !== null) return column.zero + value;
    }
    return null;
  };
}

class Filters {
  /** @param {Table} table */
  constructor(table) {
    this.table = table;
    this.search = required("files-search", HTMLInputElement);
    this.fileClass = required("files-class", HTMLSelectElement);
    this.stage = required("files-stage", HTMLSelectElement);
    this.exposure = required("files-exposure", HTMLInputElement);
    this.timeButton = required("files-between", HTMLButtonElement);
    /** Set by a click on a chart. @type {TimeRange | null} */
    this.time = null;
    /** @type {HTMLElement[]} */
    this.fields = [this.search, this.exposure, this.fileClass, this.stage];
    this.offer();
  }

  /** @param {string} name */
  column(name) {
    return this.table.columns.find((column) => column.name === name);
  }

  /** Offer the stages and the exposures that the table has. */
  offer() {
    const stages = this.table.columns
      .filter((column) => column.kind === "instant" && column.name !== "created_at");
    for (const column of stages) {
      for (const outcome of ["done", "not"]) {
        const words = (outcome === "done" ? "" : "not ") + column.label.toLowerCase();
        const option = make("option", words);
        option.value = outcome + ":" + column.name;
        this.stage.append(option);
      }
    }
    const hasExposures = ["exposure", "obsid", "seq_num"].some((name) => this.column(name));
    const [stageLabel, exposureLabel] = [this.stage.parentElement, this.exposure.parentElement];
    if (stageLabel) stageLabel.hidden = !stages.length;
    if (exposureLabel) exposureLabel.hidden = !hasExposures;
  }

  /** Words of the search field. */
  terms() {
    return this.search.value.split(/\s+/).filter(Boolean);
  }

  /** Text that differs if anything but the search field does. */
  key() {
    return JSON.stringify(
      [this.fileClass.value, this.stage.value, this.exposure.value, this.time]);
  }

  /** Return a test for each filter that is set, without the search field. */
  tests() {
    this.showTime();
    return [this.classTest(), this.stageTest(), this.exposureTest(), this.timeTest()]
      .filter((test) => test !== null);
  }

  /** @returns {RowTest | null} */
  classTest() {
    const column = this.column("file_class");
    if (!this.fileClass.value || !column || column.kind !== "word") return null;
    const wanted = column.words.indexOf(this.fileClass.value);
    return (row) => column.codes[row] === wanted;
  }

  /** @returns {RowTest | null} */
  stageTest() {
    if (!this.stage.value) return null;
    const [outcome, name] = this.stage.value.split(":");
    const column = this.column(name);
    if (!column || column.kind !== "instant") return () => outcome !== "done";
    return (row) => (outcome === "done") === (column.values[row] !== null);
  }

  /** @returns {RowTest | null} */
  exposureTest() {
    const wanted = this.exposure.value.trim().toLowerCase();
    if (!wanted) return null;
    const numbers = this.column("seq_num");
    const number = numbers && /^\d+$/.test(wanted) ? Number(wanted) : NaN;
    /** @type {RowTest[]} */
    const tests = [];
    if (numbers && numbers.kind === "int") tests.push((row) => numbers.values[row] === number);
    for (const column of [this.column("exposure"), this.column("obsid")]) {
      if (!column || column.kind !== "word") continue;
      const code = column.words.findIndex((word) => word.toLowerCase() === wanted);
      if (code >= 0) tests.push((row) => column.codes[row] === code);
    }
    return (row) => tests.some((test) => test(row));
  }

  /** @returns {RowTest | null} */
  timeTest() {
    const time = this.time;
    if (!time) return null;
    const columns = time.by.split(",").map((name) => this.column(name))
      .filter((column) => column !== undefined && column.kind === "instant");
    const instant = firstInstant(columns);
    return (row) => {
      const at = instant(row);
      return at !== null && at >= time.from && at <= time.to;
    };
  }

  /** Show the range of time on its button, which removes it. */
  showTime() {
    this.timeButton.hidden = !this.time;
    if (!this.time) return;
    const column = this.column(this.time.by.split(",")[0]);
    const label = column ? column.label : this.time.by;
    const [from, to] = [instantText(this.time.from), instantText(this.time.to)];
    const end = from.slice(0, 10) === to.slice(0, 10) ? to.slice(11) : to;
    const words = label + " " + from + " to " + end + " UTC";
    this.timeButton.textContent = words + " ✕";
    this.timeButton.setAttribute("aria-label", words + ": remove this filter");
  }

  /**
   * Write the filters to an address.
   * @param {URLSearchParams} state
   */
  write(state) {
    if (this.fileClass.value) state.set("class", this.fileClass.value);
    if (this.stage.value) state.set("stage", this.stage.value);
    if (this.exposure.value) state.set("exposure", this.exposure.value);
    if (this.time) {
      state.set("by", this.time.by);
      state.set("from", zulu(this.time.from));
      state.set("to", zulu(this.time.to));
    }
    if (this.search.value) state.set("q", this.search.value);
  }

  /**
   * Set the filters that an address has; unknown values set none.
   * @param {URLSearchParams} state
   */
  read(state) {
    this.fileClass.value = state.get("class") || "";
    if (this.fileClass.selectedIndex < 0) this.fileClass.value = "";
    this.stage.value = state.get("stage") || "";
    if (this.stage.selectedIndex < 0) this.stage.value = "";
    this.exposure.value = state.get("exposure") || "";
    const by = state.get("by");
    const [from, to] = ["from", "to"].map((key) => (
      Math.floor(Date.parse(state.get(key) || "") / 1000)));
    this.time = by && from <= to ? { by: by, from: from, to: to } : null;
    this.search.value = state.get("q") || "";
  }
}
