// SPDX-License-Identifier: AGPL-3.0-or-later
// Months and days of the reporting zone as plain strings: "2026-11" and "2026-11-23".

export type Month = string;
export type Day = string;

/** isMonth accepts the years the documents accept. */
export function isMonth(text: string | null | undefined): text is Month {
  return /^2[01]\d\d-(0[1-9]|1[0-2])$/.test(text ?? '');
}

/** dayIn is the local day of an instant in a zone; UTC where the browser does not know the zone. */
export function dayIn(timezone: string, at: Date): Day {
  const parts = (zone: string) =>
    new Intl.DateTimeFormat('en-CA', {
      timeZone: zone,
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
    }).format(at);
  try {
    return parts(timezone);
  } catch {
    return parts('UTC');
  }
}

export function monthOf(day: Day): Month {
  return day.slice(0, 7);
}

export function addMonths(month: Month, n: number): Month {
  const index = Number(month.slice(0, 4)) * 12 + Number(month.slice(5)) - 1 + n;
  return `${Math.floor(index / 12)}-${String((index % 12) + 1).padStart(2, '0')}`;
}

export function daysIn(month: Month): number {
  return new Date(Date.UTC(Number(month.slice(0, 4)), Number(month.slice(5)), 0)).getUTCDate();
}

/** dayOf is day n (1 is the first) of a month; one past the last is the first of the next month. */
export function dayOf(month: Month, n: number): Day {
  if (n > daysIn(month)) return dayOf(addMonths(month, 1), n - daysIn(month));
  return `${month}-${String(n).padStart(2, '0')}`;
}

export function dayNumber(day: Day): number {
  return Number(day.slice(8, 10));
}

/** The half-open interval of a month, as the contract's from and to. */
export function span(month: Month): { from: Day; to: Day } {
  return { from: dayOf(month, 1), to: dayOf(addMonths(month, 1), 1) };
}

/** recentMonths lists months from the newest back, and always holds the one on the screen. */
export function recentMonths(newest: Month, count: number, shown: Month): Month[] {
  const list = Array.from({ length: count }, (_, i) => addMonths(newest, -i));
  return list.includes(shown) ? list : [...list, shown].sort().reverse();
}

/**
 * What a month is compared with. A running month is compared by its complete days with as many days of
 * the month before; a finished month as a whole. Where the months' lengths differ, both numbers say so.
 */
export interface Comparison {
  /** Days of the shown month that count; null where no day is complete yet. */
  days: number;
  /** Days of the month before that count. */
  daysBefore: number;
  /** The shown month still runs. */
  running: boolean;
  before: { from: Day; to: Day };
}

export function comparison(month: Month, today: Day): Comparison | null {
  const before = addMonths(month, -1);
  if (monthOf(today) < month) return null;
  if (monthOf(today) > month) {
    const daysBefore = daysIn(before);
    return { days: daysIn(month), daysBefore, running: false, before: span(before) };
  }
  const days = Math.min(dayNumber(today) - 1, daysIn(before));
  if (days === 0) return null;
  return {
    days,
    daysBefore: days,
    running: true,
    before: { from: dayOf(before, 1), to: dayOf(before, days + 1) },
  };
}

/** addDays steps over days; calendar days know no daylight saving. */
export function addDays(day: Day, n: number): Day {
  const at = Date.parse(`${day}T00:00:00Z`) + n * 86_400_000;
  return new Date(at).toISOString().slice(0, 10);
}

/** weekdayOf is 0 for a Sunday. */
export function weekdayOf(day: Day): number {
  return new Date(`${day}T00:00:00Z`).getUTCDay();
}

/** isDay accepts a calendar day that exists. */
export function isDay(text: string | null | undefined): text is Day {
  if (!/^2[01]\d\d-\d\d-\d\d$/.test(text ?? '')) return false;
  const at = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(text ?? '');
}

/** daysBetween counts the days of a half-open stretch. */
export function daysBetween(from: Day, to: Day): number {
  return Math.round((Date.parse(`${to}T00:00:00Z`) - Date.parse(`${from}T00:00:00Z`)) / 86_400_000);
}
