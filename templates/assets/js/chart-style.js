// Colours and layout of the charts, from the style sheet.

/** @param {string} name a custom property without its dashes */
function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
}

/**
 * Return a trace in the colours of the page.
 * @param {Trace} trace
 * @returns {Trace}
 */
function painted(trace) {
  const tone = colour("tone-" + (trace.meta || {}).tone) || colour("text");
  const copy = { ...trace, marker: { ...trace.marker, color: tone } };
  if (trace.line) copy.line = { ...trace.line, color: tone };
  if (trace.fill) copy.fillcolor = tone + "33"; // #rrggbb and its opacity
  return copy;
}

/** Return the layout that all charts share. */
function sharedLayout() {
  return {
    paper_bgcolor: colour("card"), // not transparent: a chart drawn in the dark may be printed
    plot_bgcolor: colour("card"),
    font: { color: colour("text"), family: "system-ui, sans-serif", size: 13 },
    margin: { l: 56, r: 12, t: 8, b: 44 },
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0, traceorder: "normal" },
    hoverlabel: {
      bgcolor: colour("card"), bordercolor: colour("line"), font: { color: colour("text") },
    },
    hovermode: "closest",
    showlegend: true,
    // a finger must be able to scroll the page
    dragmode: window.matchMedia("(pointer: coarse)").matches ? false : "zoom",
  };
}

/**
 * Return an axis in the colours of the page.
 * @param {Axis} axis
 * @returns {Axis}
 */
function styledAxis(axis) {
  const line = colour("line");
  return {
    gridcolor: line, linecolor: line, zerolinecolor: line, automargin: true, ...axis,
    title: { font: { size: 13 }, standoff: 6, ...axis.title },
  };
}

/**
 * Return a chart's layout with everything that depends on the page.
 * @param {Layout} layout
 * @returns {Layout}
 */
function styledLayout(layout) {
  const shared = sharedLayout();
  /** @type {Layout} */
  const styled = { ...shared, ...layout };
  if (layout.xaxis) styled.xaxis = styledAxis(layout.xaxis);
  if (layout.yaxis) styled.yaxis = styledAxis(layout.yaxis);
  if (layout.xaxis2) { // the legend goes above the second axis
    styled.xaxis2 = styledAxis(layout.xaxis2);
    styled.legend = { ...shared.legend, yref: "container", y: 1, yanchor: "top" };
    styled.margin = { ...shared.margin, t: styled.showlegend ? 76 : 46 };
  }
  if (layout.shapes) {
    styled.shapes = layout.shapes.map((shape) => (
      { ...shape, fillcolor: colour("sky-" + shape.name) }));
  }
  return styled;
}
