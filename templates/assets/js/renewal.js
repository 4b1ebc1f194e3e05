// A newer version of the page replaces it, unless the reader is busy; then a button offers it.

const IN_USE_MS = 3000; // the page is in use this long after a key or a click ...
const TYPING_MS = 30000; // ... and this long in a field
const OTHER_NIGHT = "another night";
const writtenAtOpening = (window.observing_monitor_heartbeat || {}).written_at;
let lastUsedMs = 0;

/**
 * Return the fingerprint of the page on disk, or null if no run ended since this one was opened.
 * @returns {string | null | undefined}
 */
function fingerprintOnDisk() {
  const heartbeat = window.observing_monitor_heartbeat;
  // a run that has not ended may already have written this page
  if (!heartbeat || heartbeat.written_at === writtenAtOpening) return null;
  const stream = page.stream ? heartbeat.streams[page.stream] || {} : heartbeat;
  const pages = stream.pages || {};
  const nights = Object.keys(pages).filter((name) => /^\d{4}-/.test(name)).sort();
  const hasNewerNight = nights.length > 0 && nights[nights.length - 1] > page.name;
  return location.search === "?latest" && hasNewerNight ? OTHER_NIGHT : pages[page.name];
}

function isInUse() {
  const focus = document.activeElement;
  const isField = focus !== null && focus.matches("input, select, textarea");
  const selection = getSelection();
  if (selection && !selection.isCollapsed) return true;
  return Date.now() - lastUsedMs < (isField ? TYPING_MS : IN_USE_MS);
}

function renewIfNewer() {
  const onDisk = fingerprintOnDisk();
  if (!onDisk || onDisk === page.madeOf) return;
  // a server may still give the old page after a reload: then do not reload again and again
  if (isInUse() || (reader && reader.wanted === onDisk)) offerNewer(onDisk);
  else renew(onDisk);
}

/** @param {string} wanted */
function offerNewer(wanted) {
  const newer = required("newer", HTMLElement);
  if (newer.childElementCount) return;
  const button = make("button", "Show it");
  button.type = "button";
  button.addEventListener("click", () => renew(wanted));
  newer.replaceChildren("A newer version of this page is available. ", button);
  newer.className = "newer";
}

/** @param {string} wanted */
function renew(wanted) {
  if (wanted === OTHER_NIGHT) {
    location.replace("latest.html");
    return;
  }
  history.scrollRestoration = "manual";
  history.replaceState({ observing_monitor: { ...readerState(), wanted: wanted } }, "");
  location.reload();
}

function startRenewal() {
  ["keydown", "input", "pointerdown", "wheel", "touchmove"].forEach((name) => {
    document.addEventListener(name, () => {
      lastUsedMs = Date.now();
      isRestoring = false;
    }, { capture: true, passive: true });
  });
  if (isRestoring) restoreReader();
}
