// Arrow keys lead to the night before and after; a link to something folded unfolds it.

function startArrowKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (target(event, "input, select, textarea, .scroll, pre, .plot")) return;
    const rel = event.key === "ArrowLeft" ? "prev" : event.key === "ArrowRight" ? "next" : "";
    const link = rel && document.querySelector('a[rel="' + rel + '"]');
    if (link instanceof HTMLElement) link.click();
  });
}

/** Open the details around the element that the address names. */
function unfold() {
  const wanted = document.querySelector(":target");
  let isOpened = false;
  let place = wanted && wanted.closest("details");
  while (place) {
    isOpened = isOpened || !place.open;
    place.open = true;
    place = place.parentElement && place.parentElement.closest("details");
  }
  if (wanted && isOpened && !isRestoring) wanted.scrollIntoView();
}

function startUnfolding() {
  window.addEventListener("hashchange", unfold);
  window.addEventListener("click", (event) => {
    // the same address again causes no hashchange
    if (target(event, 'a[href^="#"]')) setTimeout(unfold);
  });
  if (!isRestoring) unfold();
}
