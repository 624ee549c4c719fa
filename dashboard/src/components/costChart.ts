// SPDX-License-Identifier: AGPL-3.0-or-later
// Bars of the cost per day, drawn with uPlot. Loaded apart from the page, so that figures come first.
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { DayFigures } from '../lib/days.ts';

export interface ChartText {
  axis: (value: number, step: number) => string;
  tip: (day: DayFigures) => string[];
}

export interface Chart {
  destroy: () => void;
}

const HATCH = 6;

function colour(element: Element, name: string): string {
  return getComputedStyle(element).getPropertyValue(name).trim();
}

/** hatch marks what is not complete without relying on a colour. */
function hatch(ink: string, paper: string): CanvasPattern | string {
  const ratio = window.devicePixelRatio || 1;
  const size = Math.round(HATCH * ratio);
  const tile = document.createElement('canvas');
  tile.width = tile.height = size;
  const c = tile.getContext('2d');
  if (!c) return ink;
  c.fillStyle = paper;
  c.fillRect(0, 0, size, size);
  c.strokeStyle = ink;
  c.lineWidth = 1.5 * ratio;
  c.beginPath();
  for (const shift of [-size, 0, size]) {
    c.moveTo(shift, size);
    c.lineTo(shift + size, 0);
  }
  c.stroke();
  return c.createPattern(tile, 'repeat') ?? ink;
}

function tipFor(days: readonly DayFigures[], text: ChartText) {
  const tip = document.createElement('div');
  tip.className = 'chart-tip';
  const band = document.createElement('div');
  band.className = 'chart-band';

  function show(u: uPlot): void {
    const i = u.cursor.idx;
    const day = i === null || i === undefined ? undefined : days[i];
    const inside = (u.cursor.left ?? -1) >= 0;
    tip.hidden = band.hidden = !inside || day === undefined || day.state === 'future';
    if (tip.hidden || !day || i === null || i === undefined) return;
    tip.replaceChildren(
      ...text.tip(day).map((line) => {
        const p = document.createElement('p');
        p.textContent = line;
        return p;
      }),
    );
    const left = u.valToPos(i + 0.5, 'x');
    const width = u.valToPos(i + 1.5, 'x') - left;
    band.style.setProperty('left', `${left}px`);
    band.style.setProperty('width', `${width}px`);
    const room = u.over.clientWidth;
    const at = Math.min(
      Math.max(left + width / 2 - tip.offsetWidth / 2, 0),
      room - tip.offsetWidth,
    );
    tip.style.setProperty('left', `${at}px`);
  }

  return {
    hooks: {
      ready: (u: uPlot) => {
        tip.hidden = band.hidden = true;
        u.over.append(band, tip);
      },
      setCursor: show,
    },
  } satisfies uPlot.Plugin;
}

/** drawCosts draws into a box of fixed height and follows its width. */
export function drawCosts(box: HTMLElement, days: readonly DayFigures[], text: ChartText): Chart {
  const ink = colour(box, '--accent');
  const muted = colour(box, '--muted');
  const line = colour(box, '--line');
  const font = `12px ${colour(box, '--font')}`;
  // For the height of a bar a binary float is exact enough; what is read is text.
  const of = (state: DayFigures['state']) =>
    days.map((d) => (d.state === state ? Number(d.cost) : null));
  const bars = uPlot.paths.bars?.({ size: [0.68, 32], radius: 0.15 });

  const series = (fill: string | CanvasPattern): uPlot.Series => ({
    fill: () => fill as string, // The canvas takes a pattern as well.
    stroke: ink,
    width: 1,
    points: { show: false },
    ...(bars && { paths: bars }),
  });

  const options: uPlot.Options = {
    width: Math.max(box.clientWidth, 1),
    height: box.clientHeight,
    padding: [12, 4, 0, 0],
    legend: { show: false },
    cursor: { x: false, y: false, drag: { x: false, y: false }, points: { show: false } },
    scales: {
      x: { time: false, range: [0.5, days.length + 0.5] },
      y: { range: (_u, _min, max) => [0, max > 0 ? max * 1.06 : 1] },
    },
    axes: [
      {
        stroke: muted,
        font,
        size: 28,
        gap: 6,
        space: 30,
        incrs: [1, 2, 5, 10],
        grid: { show: false },
        ticks: { show: false },
        values: (_u, splits) => splits.map((v) => (v >= 1 && Number.isInteger(v) ? String(v) : '')),
      },
      {
        stroke: muted,
        font,
        gap: 8,
        space: 44,
        grid: { stroke: line, width: 1 },
        ticks: { show: false },
        size: (u, values) => {
          if (!values?.length) return 56;
          u.ctx.save();
          u.ctx.font = font;
          const widest = Math.max(...values.map((v) => u.ctx.measureText(v).width));
          u.ctx.restore();
          return Math.ceil(widest) + 16;
        },
        values: (_u, splits) => {
          const step = (splits[1] ?? 1) - (splits[0] ?? 0);
          return splits.map((v) => text.axis(v, step));
        },
      },
    ],
    series: [{}, series(ink), series(hatch(ink, colour(box, '--card')))],
    plugins: [tipFor(days, text)],
  };

  const data: uPlot.AlignedData = [days.map((_, i) => i + 1), of('past'), of('running')];
  const plot = new uPlot(options, data, box);
  const watch = new ResizeObserver(() => {
    if (box.clientWidth > 0) plot.setSize({ width: box.clientWidth, height: box.clientHeight });
  });
  watch.observe(box);
  return {
    destroy: () => {
      watch.disconnect();
      plot.destroy();
    },
  };
}
