/** Loss and accuracy by batch, drawn by uPlot. For people who see it; the summary says the rest. */
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { type RunState, smoothed } from "./run-state";

interface ChartProps extends Pick<RunState, "batches" | "accuracies"> {
  readonly label: string;
}
const HEIGHT = 220;

export function Chart({ batches, accuracies, label }: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const data = dataOf(batches, accuracies);
  const newest = useRef(data);
  newest.current = data;

  useEffect(() => {
    const element = box.current!;
    const draw = () => {
      plot.current?.destroy();
      plot.current = new uPlot(optionsOf(element), newest.current, element);
    };
    draw();
    const resized = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height: HEIGHT }));
    resized.observe(element);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", draw);
    return () => {
      resized.disconnect();
      dark.removeEventListener("change", draw);
      plot.current?.destroy();
    };
  }, []);
  useEffect(() => plot.current?.setData(data));

  return (
    <figure>
      <div class="chart" ref={box} role="img" aria-label={`Loss and accuracy by batch. ${label}`} />
      <figcaption>
        <span class="key loss" /> loss, a moving mean <span class="key accuracy" /> accuracy on secret test images
      </figcaption>
    </figure>
  );
}

function dataOf(batches: RunState["batches"], accuracies: RunState["accuracies"]): uPlot.AlignedData {
  const percent = new Map(accuracies.map((each) => [each.done, each.percent]));
  return [
    batches.map(({ done }) => done),
    smoothed(batches),
    // Batches without an evaluation are bridged.
    batches.map(({ done }) => percent.get(done) ?? undefined),
  ] as uPlot.AlignedData;
}

function optionsOf(element: HTMLElement): uPlot.Options {
  const style = getComputedStyle(element);
  const color = (name: string) => style.getPropertyValue(name).trim();
  const axis = { stroke: color("--text"), grid: { stroke: color("--rim"), width: 1 }, ticks: { show: false } };
  return {
    width: element.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    scales: { x: { time: false }, loss: { range: (_, __, max) => [0, max] }, percent: { range: [0, 100] } },
    axes: [
      { ...axis, size: 30 },
      { ...axis, scale: "loss", size: 40 },
      {
        ...axis,
        scale: "percent",
        side: 1,
        size: 48,
        grid: { show: false },
        values: (_, all) => all.map((v) => `${v} %`),
      },
    ],
    series: [
      {},
      { label: "loss", scale: "loss", stroke: color("--loss"), width: 2 },
      {
        label: "accuracy",
        scale: "percent",
        stroke: color("--accuracy"),
        width: 2,
        dash: [6, 4],
        spanGaps: true,
        points: { show: true, size: 8, fill: color("--accuracy") },
      },
    ],
  };
}
