// Types of what the pages' script shares with other scripts: heartbeat.js, NIGHT.files.js,
// NIGHT.exposures.js, plotly.

interface Window {
  observing_monitor_heartbeat?: Heartbeat;
  observing_monitor_rows?: (payload: string) => void;
  observing_monitor_log?: (payload: string) => void;
  Plotly: PlotlyLibrary;
}

// The few parts of plotly.js that are used: https://plotly.com/javascript/reference/

interface PlotlyLibrary {
  react(place: Plot, data: Trace[], layout: Layout, options: object): Promise<Plot>;
  relayout(place: Plot, changes: object): Promise<Plot>;
}

interface Plot extends HTMLElement {
  layout: Layout; // once drawn
  on(event: "plotly_click", listener: (event: ClickEvent) => void): void;
  on(event: "plotly_relayout", listener: (event: Record<string, unknown>) => void): void;
  on(event: "plotly_doubleclick", listener: () => void): void;
}

interface ClickEvent {
  points: { data: Trace; pointIndex: number; customdata: string }[];
}

interface Figure {
  data: Trace[];
  layout: Layout;
}

interface Trace {
  x: (number | string)[];
  marker?: object;
  line?: object;
  fill?: string;
  fillcolor?: string;
  // written by observing_monitor: the colour; the files that a point stands for
  meta?: { tone?: string; by?: string; bin_ms?: number };
}

interface Layout {
  xaxis?: Axis;
  xaxis2?: Axis;
  yaxis?: Axis;
  legend?: object;
  margin?: object;
  showlegend?: boolean;
  shapes?: { name: string; fillcolor?: string; x0: number | string; x1: number | string }[];
  width?: number;
  meta?: { local_time?: [begins: number, offset: number][] };
}

interface Axis {
  type?: string;
  title?: object;
  range?: (number | string)[];
  autorange?: boolean;
  [other: string]: unknown;
}
