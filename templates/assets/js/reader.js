// Where the reader is on the page: kept over its renewal.

/**
 * @typedef {object} ReaderState
 * @property {string} [wanted] fingerprint of the page that the reload asked for
 * @property {number} scrollY
 * @property {{id: string, top: number} | null} mark the element nearest to the window's top
 * @property {[name: string, left: number, top: number][]} scrolled boxes
 * @property {[name: string, isOpen: boolean][]} open details
 * @property {string[]} chosen ids of the tabs
 * @property {string | null} focus
 * @property {[number | null, number | null] | null} caret
 * @property {boolean} files true if the table of all files is open
 * @property {boolean} log true if the table of exposures is open
 * @property {Zooms} zooms
 */

const SCROLLING = ".scroll, pre";
const FOCUSABLE = "a, button, input, select, summary, [tabindex]";

/**
 * State kept by the page that this one replaced.
 * @type {ReaderState | undefined}
 */
const reader = (history.state || {}).observing_monitor;
let isRestoring = Boolean(reader); // until the reader does something

/**
 * Return the elements that a selector finds, by a name that they have in the next page too.
 * @param {string} selector
 * @returns {Map<string, HTMLElement>}
 */
function named(selector) {
  /** @type {Map<string, HTMLElement>} */
  const found = new Map();
  all(selector).forEach((element) => {
    const around = element.parentElement && element.parentElement.closest("[id]");
    const row = element.closest("li, tr");
    const own = (row && row.querySelector("bdi")) || element.querySelector("bdi") || element;
    const label = element.getAttribute("aria-label") || element.getAttribute("href")
      || (own.textContent || "").slice(0, 80);
    const name = element.id || [around && around.id, element.localName, label].join("|");
    let unique = name;
    for (let nth = 2; found.has(unique); nth += 1) unique = name + "|" + nth;
    found.set(unique, element);
  });
  return found;
}

/**
 * @param {Element} element
 * @param {string} selector
 */
function nameOf(element, selector) {
  const found = [...named(selector)].find(([, one]) => one === element);
  return found ? found[0] : null;
}

/** Return the visible element with an id that is nearest to the top of the window. */
function nearestMark() {
  /** @type {{id: string, top: number} | null} */
  let best = null;
  for (const mark of document.querySelectorAll("main [id]")) {
    if (mark.closest(".plot") || !mark.getClientRects().length) continue;
    const top = mark.getBoundingClientRect().top;
    if (!best || Math.abs(top) < Math.abs(best.top)) best = { id: mark.id, top: top };
  }
  return best;
}

/** @returns {ReaderState} */
function readerState() {
  const focus = document.activeElement || document.body;
  const files = byId("all-files");
  const isSearch = focus instanceof HTMLInputElement && focus.type === "search";
  return {
    scrollY: window.scrollY,
    mark: nearestMark(),
    scrolled: [...named(SCROLLING)]
      .filter(([, box]) => box.scrollLeft || box.scrollTop)
      .map(([name, box]) => [name, box.scrollLeft, box.scrollTop]),
    open: [...named("details")].map(([name, details]) => [name, details.hasAttribute("open")]),
    chosen: all(".tab input:checked").map((choice) => choice.id),
    focus: focus === document.body ? null : nameOf(focus, FOCUSABLE),
    caret: isSearch ? [focus.selectionStart, focus.selectionEnd] : null,
    files: Boolean(files && files.dataset.ready),
    log: Boolean(byId("log")?.dataset.ready),
    zooms: zooms,
  };
}

/** Scroll to where the reader was; again each time the page has grown. */
function restorePosition() {
  if (!isRestoring || !reader) return;
  const boxes = named(SCROLLING);
  reader.scrolled.forEach(([name, left, top]) => {
    const box = boxes.get(name);
    if (box) box.scrollTo(left, top);
  });
  const place = reader.mark && byId(reader.mark.id);
  // a reader at the very top stays there, and sees what is new
  const isSeen = place && reader.mark && reader.scrollY > 0 && place.getClientRects().length;
  window.scrollTo(window.scrollX, place && reader.mark && isSeen
    ? window.scrollY + place.getBoundingClientRect().top - reader.mark.top : reader.scrollY);
  const focus = reader.focus && named(FOCUSABLE).get(reader.focus);
  if (!focus) return;
  focus.focus({ preventScroll: true });
  if (reader.caret && focus instanceof HTMLInputElement) focus.setSelectionRange(...reader.caret);
}

/** Restore what the reader had opened and chosen, then the position. */
function restoreReader() {
  if (!reader) return;
  Object.assign(zooms, reader.zooms);
  const details = named("details");
  reader.open.forEach(([name, isOpen]) => {
    const one = details.get(name);
    if (one) one.toggleAttribute("open", isOpen);
  });
  reader.chosen.forEach((id) => {
    const choice = byId(id);
    if (choice instanceof HTMLInputElement) choice.checked = true;
  });
  restorePosition();
  window.addEventListener("load", () => {
    restorePosition();
    history.scrollRestoration = "auto";
    const newer = required("newer", HTMLElement);
    newer.className = "heard";
    newer.textContent = "This page was updated.";
  });
}
