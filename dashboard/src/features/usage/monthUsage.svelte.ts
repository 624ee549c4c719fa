// SPDX-License-Identifier: AGPL-3.0-or-later
// What the month pages ask for, said once: the days, the stretch to compare with, and rankings.
import type { Usage } from '#api/client.ts';
import { usage } from './calls.ts';
import { type Resource, resource } from '#lib/state/resource.svelte.ts';
import { session } from '#lib/state/session.svelte.ts';
import { view } from '#lib/state/view.svelte.ts';

type Group = 'day' | 'user' | 'model';

/** Figures may still change while the month runs, and for days after it, while costs are settled. */
const live = () => !view.future;

export function monthUsage(group: Group, user?: () => string, limit?: number): Resource<Usage> {
  return resource(
    () => `${view.month} ${group} ${user?.() ?? ''}`,
    (signal) => {
      const query = {
        ...view.span,
        group_by: group,
        ...(user && { user: user() }),
        ...(limit && { limit }),
      };
      return usage(query, signal);
    },
    { live },
  );
}

/** What the stretch of the month before cost that a month is compared with. */
export interface Before {
  /** null while it is not known. */
  cost: string | null;
  failed: boolean;
}

export const beforeOf = (r: Resource<Usage>): Before => ({
  cost: r.stale ? null : (r.data?.total.cost ?? null),
  failed: r.error !== null,
});

/** usageBefore is the total of what the month is compared with; nothing is asked where there is none. */
export function usageBefore(user?: () => string, wanted = () => true): Resource<Usage> {
  return resource(
    () => (wanted() ? view.comparison && `${view.month} ${session.today} ${user?.() ?? ''}` : null),
    (signal) => {
      const { from, to } = view.comparison?.before ?? view.span;
      return usage({ from, to, ...(user && { user: user() }) }, signal);
    },
  );
}
