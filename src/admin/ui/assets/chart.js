// Charts over time, drawn by uPlot in the page's colours.

import { h } from "./dom.js";

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** A chart of several series. `draw(times, ...values)` takes times in seconds. */
export function chart(title, labels, format = (value) => String(value)) {
  const holder = h("div", { class: "plot" });
  const figure = h("figure", {}, h("figcaption", {}, title), holder);
  let plot = null;
  let data = [[], ...labels.map(() => [])];
  const make = () => {
    plot?.destroy();
    const axis = { stroke: colour("--faint"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") } };
    plot = new window.uPlot({
      width: Math.max(holder.clientWidth, 200),
      height: 180,
      cursor: { y: false },
      scales: { x: { range: (_, low, high) => [Math.min(low, high - 60), high] }, y: { range: (_, low, high) => [Math.min(0, low ?? 0), high > 0 ? high * 1.1 : 1] } },
      axes: [axis, { ...axis, size: 64, values: (_, values) => values.map((value) => format(value)) }],
      series: [{}, ...labels.map((label, index) => ({
        label,
        stroke: colour(`--series-${index + 1}`),
        width: 2,
        dash: index === 1 ? [6, 4] : index === 2 ? [2, 3] : undefined,
        spanGaps: true,
        value: (_, value) => (value === null || value === undefined ? "–" : format(value)),
      }))],
    }, data, holder);
    plot.root.querySelector("canvas")?.setAttribute("aria-hidden", "true");
  };
  const observer = new ResizeObserver(() => {
    if (plot && holder.clientWidth) plot.setSize({ width: holder.clientWidth, height: 180 });
  });
  const repaint = () => make();
  window.addEventListener("themed", repaint);
  return {
    figure,
    draw(times, ...values) {
      data = [times, ...values];
      if (plot) plot.setData(data);
      else {
        make();
        observer.observe(holder);
      }
    },
    end() {
      window.removeEventListener("themed", repaint);
      observer.disconnect();
      plot?.destroy();
    },
  };
}
