// Helpers that the other files share.
// All files of this folder become one script, in one scope (observing_monitor/assets.py).
// It must run from disk (no fetch, module or worker) and under `script-src 'self'` (no eval).
// Text that others wrote is set as text, never as markup.

/** What the page says about itself on its body element. */
const page = {
  stream: document.body.dataset.stream || "",
  name: document.body.dataset.page || "",
  madeOf: document.body.dataset.madeOf || "", // the page's fingerprint
  root: document.body.dataset.root || "",
  plotly: document.body.dataset.plotly || "",
  staleAfterS: Number(document.body.dataset.staleAfterS),
};

/** @param {string} id */
function byId(id) {
  return document.getElementById(id);
}

/**
 * Return an element that the page must have.
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
function required(id, type) {
  const element = byId(id);
  if (!(element instanceof type)) throw new Error("this page has no " + type.name + " #" + id);
  return element;
}

/**
 * Return the first element inside another, which must have it.
 * @param {Element} place
 * @param {string} selector
 * @returns {HTMLElement}
 */
function inside(place, selector) {
  const element = place.querySelector(selector);
  if (!(element instanceof HTMLElement)) throw new Error("this page has no " + selector);
  return element;
}

/**
 * Return the elements that a selector finds.
 * @param {string} selector
 * @param {ParentNode} place
 * @returns {HTMLElement[]}
 */
function all(selector, place = document) {
  return [...place.querySelectorAll(selector)].filter((found) => found instanceof HTMLElement);
}

/**
 * Return the element that an event happened on, or an ancestor of it.
 * @param {Event} event
 * @param {string} selector
 * @returns {HTMLElement | null}
 */
function target(event, selector) {
  const found = event.target instanceof Element ? event.target.closest(selector) : null;
  return found instanceof HTMLElement ? found : null;
}

/**
 * Return a new element.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} name
 * @param {string} [text]
 * @param {string} [className]
 * @returns {HTMLElementTagNameMap[K]}
 */
function make(name, text, className) {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  if (className) element.className = className;
  return element;
}

const CONTROLS = /[\u0000-\u001f]/g;
const NO_TEXT = /[\u0080-\u009f\ufffe\uffff]|\p{Surrogate}/gu;
const INVISIBLE = new RegExp(
  "[\\u00ad\\u061c\\u180e\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff"
  + "\\ufff9-\\ufffb\\u{e0000}-\\u{e007f}]", "gu");

/**
 * Return a text with its invisible characters shown, as the rest of the page shows them.
 *
 * Controls become pictures; characters that are not seen, or that reverse the direction of
 * writing, become their number.
 * @param {string} text
 */
function visible(text) {
  return text
    .replace(CONTROLS, (c) => String.fromCharCode(0x2400 + c.charCodeAt(0)))
    .replace(/\u007f/g, "\u2421")
    .replace(NO_TEXT, "\ufffd")
    .replace(INVISIBLE, (c) => "\u27e8U+" + codeOf(c) + "\u27e9");
}

/** @param {string} character */
function codeOf(character) {
  return Number(character.codePointAt(0)).toString(16).toUpperCase().padStart(4, "0");
}
