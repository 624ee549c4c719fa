// SPDX-License-Identifier: AGPL-3.0-or-later
// Stacked bars, drawn with uPlot. Loaded apart from the pages, so that figures come first.
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { type Stack, edges } from '#lib/stack.ts';

export interface ChartText {
  /** How many of an amount's units are one on the axis. */
  unit: number;
  /** What stands under a bar, as short as it can be said. */
  slot: (index: number) => string;
  axis: (value: number, step: number) => string;
  /** The lines of a bar's note: the first names it, the others are a name and an amount. */
  tip: (index: number) => {
    title: string;
    lines: { pattern: number; name: string; text: string }[];
  };
  /** Stands over the bar that is not complete. */
  running: string;
}

export interface ChartState {
  /** The slot that is not complete; null where all are. */
  running: number | null;
  /** Slots from here on are still to come. */
  future: number | null;
}

export interface Chart {
  /** highlight dims all slices but one; null shows all alike. */
  highlight: (slice: number | null) => void;
  destroy: () => void;
}

const TILE = 7;
/** How much of a dimmed slice's colour is left. */
const DIMMED = 0.22;

function colour(element: Element, name: string): string {
  return getComputedStyle(element).getPropertyValue(name).trim();
}

/** strokes draws what tells one pattern from another without its colour; it repeats at the tile's edge. */
function strokes(c: CanvasRenderingContext2D, pattern: number, size: number): void {
  const line = (x1: number, y1: number, x2: number, y2: number) => {
    c.moveTo(x1, y1);
    c.lineTo(x2, y2);
  };
  c.beginPath();
  if (pattern === 2) for (const s of [-size, 0, size]) line(s, size, s + size, 0);
  if (pattern === 3) {
    c.arc(size / 2, size / 2, size / 6, 0, 7);
    c.fill();
  }
  if (pattern === 4) line(0, size / 2, size, size / 2);
  if (pattern === 5) for (const s of [-size, 0, size]) line(s, 0, s + size, size);
  if (pattern === 6) line(size / 2, 0, size / 2, size);
  c.stroke();
}

/** paint makes the fill of a slice: its colour, and lines of the ground over it. */
function paint(box: Element, pattern: number, dimmed: boolean): CanvasPattern | string {
  const ink = colour(box, `--slice-${pattern}`);
  const paper = colour(box, '--card');
  const size = Math.round(TILE * (window.devicePixelRatio || 1));
  const tile = document.createElement('canvas');
  tile.width = tile.height = size;
  const c = tile.getContext('2d');
  if (!c) return ink;
  c.fillStyle = paper;
  c.fillRect(0, 0, size, size);
  c.globalAlpha = dimmed ? DIMMED : 1;
  c.fillStyle = ink;
  c.fillRect(0, 0, size, size);
  c.globalAlpha = dimmed ? DIMMED : 0.5;
  c.strokeStyle = c.fillStyle = paper;
  c.lineWidth = size / 6;
  if (pattern > 1) strokes(c, pattern, size);
  return c.createPattern(tile, 'repeat') ?? ink;
}

function note(text: ChartText, state: ChartState) {
  const tip = document.createElement('div');
  tip.className = 'chart-tip';
  const band = document.createElement('div');
  band.className = 'chart-band';

  const element = (kind: string, className: string, content = '') => {
    const e = document.createElement(kind);
    e.className = className;
    e.textContent = content;
    return e;
  };

  function fill(index: number): void {
    const { title, lines } = text.tip(index);
    const rows = lines.flatMap((l) => [
      element('i', l.pattern < 0 ? '' : `swatch p${l.pattern}`),
      element('span', 'name', l.name),
      element('b', '', l.text),
    ]);
    tip.replaceChildren(element('p', '', title), ...rows);
  }

  function show(u: uPlot): void {
    const i = u.cursor.idx;
    const inside = (u.cursor.left ?? -1) >= 0 && i !== null && i !== undefined;
    tip.hidden = band.hidden = !inside || (state.future !== null && i >= state.future);
    if (tip.hidden || i === null || i === undefined) return;
    fill(i);
    const left = u.valToPos(i + 0.5, 'x');
    const width = u.valToPos(i + 1.5, 'x') - left;
    band.style.setProperty('left', `${left}px`);
    band.style.setProperty('width', `${width}px`);
    const room = u.over.clientWidth - tip.offsetWidth;
    const beside = left + width + 8;
    const at = beside <= room ? beside : left - tip.offsetWidth - 8;
    tip.style.setProperty('left', `${Math.max(Math.min(at, room), 0)}px`);
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

/** frame draws a dashed line around the bar that is not complete, and says so over it. */
function frame(
  u: uPlot,
  top: number,
  index: number,
  text: string,
  ink: string,
  font: string,
): void {
  const ratio = window.devicePixelRatio || 1;
  const left = u.valToPos(index + 0.5, 'x', true);
  const right = u.valToPos(index + 1.5, 'x', true);
  const ground = u.valToPos(0, 'y', true);
  const high = Math.min(u.valToPos(top, 'y', true), ground - 6 * ratio);
  const c = u.ctx;
  c.save();
  c.strokeStyle = c.fillStyle = ink;
  c.lineWidth = ratio;
  c.setLineDash([3 * ratio, 2 * ratio]);
  const half = Math.min((right - left) * 0.45, 20 * ratio);
  const middle = (left + right) / 2;
  const pad = 3 * ratio;
  c.strokeRect(middle - half, high - pad, half * 2, ground - high + pad);
  c.font = font;
  c.textBaseline = 'bottom';
  const width = c.measureText(text).width;
  const edge = u.bbox.left + u.bbox.width;
  c.textAlign = middle + width / 2 > edge ? 'right' : 'center';
  c.fillText(text, c.textAlign === 'right' ? edge : middle, high - pad - 2 * ratio);
  c.restore();
}

/** drawStack draws into a box of fixed height and follows its width. */
export function drawStack(
  box: HTMLElement,
  stack: Stack,
  text: ChartText,
  state: ChartState,
): Chart {
  const ratio = window.devicePixelRatio || 1;
  const muted = colour(box, '--muted');
  const line = colour(box, '--line');
  const card = colour(box, '--card');
  const family = colour(box, '--font');
  const n = stack.slots.length;
  const tops = edges(stack.slices, text.unit);
  const whole = tops.at(-1) ?? stack.slots.map(() => 0);
  let chosen: number | null = null;

  const paints = stack.slices.map(({ pattern }) => ({
    full: paint(box, pattern, false),
    dimmed: paint(box, pattern, true),
  }));
  const bars = uPlot.paths.bars?.({ size: [n > 60 ? 0.9 : 0.7, 34], radius: n > 60 ? 0 : 0.1 });

  // The highest edge is drawn first, and each lower one over it.
  const order = stack.slices.map((_, i) => stack.slices.length - 1 - i);
  const series = order.map((i): uPlot.Series => ({
    fill: () => {
      const p = paints[i];
      // The canvas takes a pattern as well.
      return (chosen === null || chosen === i ? p?.full : p?.dimmed) as string;
    },
    stroke: card,
    width: n > 60 ? 0 : 0.75,
    points: { show: false },
    ...(bars && { paths: bars }),
  }));

  const options: uPlot.Options = {
    width: Math.max(box.clientWidth, 1),
    height: box.clientHeight,
    padding: [state.running === null ? 12 : 22, 4, 0, 0],
    legend: { show: false },
    cursor: { x: false, y: false, drag: { x: false, y: false }, points: { show: false } },
    scales: {
      x: { time: false, range: [0.5, n + 0.5] },
      y: { range: () => [0, Math.max(...whole, 0) * 1.04 || 1] },
    },
    axes: [
      {
        stroke: muted,
        font: `12px ${family}`,
        size: 28,
        gap: 6,
        // As many labels as find room beside each other.
        space: () => {
          const c = document.createElement('canvas').getContext('2d');
          if (!c) return 60;
          c.font = `12px ${family}`;
          return Math.max(...stack.slots.map((_, i) => c.measureText(text.slot(i)).width)) + 14;
        },
        incrs: [1, 2, 3, 5, 7, 10, 14, 24, 48, 72, 168, 336],
        grid: { show: false },
        ticks: { show: false },
        values: (_u, splits) =>
          splits.map((v) => (v >= 1 && v <= n && Number.isInteger(v) ? text.slot(v - 1) : '')),
      },
      {
        stroke: muted,
        font: `12px ${family}`,
        gap: 8,
        space: 44,
        grid: { stroke: line, width: 1 },
        ticks: { show: false },
        size: (u, values) => {
          if (!values?.length) return 56;
          u.ctx.save();
          u.ctx.font = `${12 * ratio}px ${family}`;
          const widest = Math.max(...values.map((v) => u.ctx.measureText(v).width));
          u.ctx.restore();
          return Math.ceil(widest / ratio) + 16;
        },
        values: (_u, splits) => {
          const step = (splits[1] ?? 1) - (splits[0] ?? 0);
          return splits.map((v) => text.axis(v, step));
        },
      },
    ],
    series: [{}, ...series],
    hooks: {
      draw: [
        (u) => {
          if (state.running === null) return;
          const font = `${11 * ratio}px ${family}`;
          frame(u, whole[state.running] ?? 0, state.running, text.running, muted, font);
        },
      ],
    },
    plugins: [note(text, state)],
  };

  // A bar of nothing is none: it would leave its outline on the ground.
  const bar = (slice: number) => (tops[slice] ?? []).map((top) => (top > 0 ? top : null));
  const data = [stack.slots.map((_, i) => i + 1), ...order.map(bar)];
  const plot = new uPlot(options, data as uPlot.AlignedData, box);
  const watch = new ResizeObserver(() => {
    if (box.clientWidth > 0) plot.setSize({ width: box.clientWidth, height: box.clientHeight });
  });
  watch.observe(box);
  return {
    highlight: (slice) => {
      if (slice === chosen) return;
      chosen = slice;
      plot.redraw(false);
    },
    destroy: () => {
      watch.disconnect();
      plot.destroy();
    },
  };
}
