// How long nothing has come, next to each finding that says since when.

function showQuiet() {
  all("[data-since]").forEach((place) => {
    place.textContent = "(" + ago(place.dataset.since || "") + ")";
  });
}
