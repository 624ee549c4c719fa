// SPDX-License-Identifier: AGPL-3.0-or-later
// Counts, shares and dates in the reader's language. Money is in money.ts.
import { localeOf } from '#lib/i18n/index.ts';
import type { Lang } from './money.ts';
import type { Day, Month } from './month.ts';
import type { PerMille } from './ratio.ts';

/** From here on a count is shortened; below, every digit is shown. */
const COMPACT_FROM = 10_000_000;

export function count(n: number, lang: Lang): string {
  return new Intl.NumberFormat(localeOf(lang)).format(n);
}

export function compact(n: number, lang: Lang, exact = false): string {
  if (exact || n < COMPACT_FROM) return count(n, lang);
  return new Intl.NumberFormat(lang === 'en' ? 'en-US' : localeOf(lang), {
    notation: 'compact',
    maximumSignificantDigits: 4,
  }).format(n);
}

/** percent never shows a part that exists as 0.0 %, nor one that is not all as 100 %. */
export function percent(
  value: PerMille,
  lang: Lang,
  part?: { some: boolean; all: boolean },
): string {
  const form = (v: number, digits: number) =>
    new Intl.NumberFormat(localeOf(lang), {
      style: 'percent',
      minimumFractionDigits: digits,
      maximumFractionDigits: digits,
    }).format(v / 1000);
  if (part?.some && value === 0) return `<${form(1, 1)}`;
  if (part && !part.all && value === 1000) return `>${form(999, 1)}`;
  return form(value, value >= 1000 ? 0 : 1);
}

function utc(day: string): Date {
  return new Date(`${day}T00:00:00Z`);
}

function date(at: Date, lang: Lang, zone: string, options: Intl.DateTimeFormatOptions): string {
  const make = (timeZone: string) =>
    new Intl.DateTimeFormat(localeOf(lang), { timeZone, ...options }).format(at);
  try {
    return make(zone);
  } catch {
    return make('UTC'); // A zone this browser does not know.
  }
}

export function monthName(month: Month, lang: Lang): string {
  return date(utc(`${month}-01`), lang, 'UTC', { month: 'long', year: 'numeric' });
}

export function monthShort(month: Month, lang: Lang): string {
  return date(utc(`${month}-01`), lang, 'UTC', { month: 'short' });
}

export function dayName(day: Day, lang: Lang): string {
  return date(utc(day), lang, 'UTC', { day: 'numeric', month: 'short' });
}

export function dayYear(day: Day, lang: Lang): string {
  return date(utc(day), lang, 'UTC', { day: 'numeric', month: 'short', year: 'numeric' });
}

export function weekdayName(day: Day, lang: Lang): string {
  return date(utc(day), lang, 'UTC', { weekday: 'short', day: 'numeric', month: 'short' });
}

export function clockTime(at: number, lang: Lang, zone?: string): string {
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return date(new Date(at), lang, zone ?? own, { hour: '2-digit', minute: '2-digit' });
}

export function dateTime(instant: string, lang: Lang, zone: string): string {
  return date(new Date(instant), lang, zone, {
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
  });
}

export function fullDate(instant: string, lang: Lang, zone: string): string {
  return date(new Date(instant), lang, zone, { day: 'numeric', month: 'short', year: 'numeric' });
}

export function fullTime(instant: string, lang: Lang, zone?: string): string {
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return date(new Date(instant), lang, zone ?? own, {
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  });
}

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['second', 60],
  ['minute', 60],
  ['hour', 24],
  ['day', Infinity],
];

/** ago says how long something is past, in the largest unit that fits. */
export function ago(instant: string, now: Date, lang: Lang): string {
  let n = Math.max(0, Math.round((now.getTime() - Date.parse(instant)) / 1000));
  const form = new Intl.RelativeTimeFormat(localeOf(lang), { numeric: 'auto' });
  for (const [unit, size] of STEPS) {
    if (n < size) return form.format(-n, unit);
    n = Math.floor(n / size);
  }
  return '';
}

/** dayNumberName is a day within its month, for under a bar. */
export function dayNumberName(day: Day): string {
  return String(Number(day.slice(8)));
}

/** weekdayLong names a weekday, 0 for Sunday. */
export function weekdayLong(weekday: number, lang: Lang): string {
  return date(new Date(Date.UTC(2026, 10, 1 + weekday)), lang, 'UTC', { weekday: 'long' });
}

/** liveTime is a time of today in the viewer's zone with its seconds, or a date where it is not of today. */
export function liveTime(instant: string, now: Date, lang: Lang): string {
  const at = new Date(instant);
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (at.toDateString() !== now.toDateString()) return dateTime(instant, lang, own);
  return date(at, lang, own, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
}

/** ownZone is the viewer's time zone, by name. */
export function ownZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** hourName is a local hour "2026-10-25T02:00+01:00" as a day and a time; the offset is kept where it tells. */
export function hourName(hour: string, lang: Lang): string {
  return `${weekdayName(hour.slice(0, 10), lang)}, ${hour.slice(11, 16)}`;
}
