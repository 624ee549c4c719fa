// SPDX-License-Identifier: AGPL-3.0-or-later
// Finding one of the settings that run.

export interface Setting {
  name: string;
  value: string | null;
  description: string;
}

/** matchesSetting looks at what is shown; a secret's value is not there to be looked at. */
export function matchesSetting(s: Setting, query: string): boolean {
  const words = query.trim().toLocaleLowerCase().split(/\s+/).filter(Boolean);
  const text = `${s.name} ${s.value ?? ''} ${s.description}`.toLocaleLowerCase();
  return words.every((w) => text.includes(w));
}
