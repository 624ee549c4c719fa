// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * The mock's users: who is listed, whom an id is shown as, and merges. Rows keep the id that they came
 * with; whose they are is looked up when they are read, so that a merge comes apart again.
 */

/** shownAs gives the id that an id is shown as: the last of the chain that it is merged into. */
export function shownAs(house, id) {
  let shown = id;
  while (house.merges.has(shown)) shown = house.merges.get(shown);
  return shown;
}

/** nameOf is the name of whom a row is shown as. */
export function nameOf(house, row) {
  const shown = shownAs(house, row.user);
  if (shown === row.user) return row.user_name;
  return house.users.find((u) => u.id === shown)?.name ?? null;
}

/** seen gives the first or last of what may be missing. */
const seen = (all, at) =>
  all
    .filter((instant) => instant !== null)
    .sort()
    .at(at) ?? null;

function withMerged(house, user) {
  const merged = [...house.merges.keys()].filter((id) => shownAs(house, id) === user.id).sort();
  const all = [user, ...merged.map((id) => house.users.find((u) => u.id === id))];
  return {
    ...user,
    first_seen_at: seen(
      all.map((u) => u.first_seen_at),
      0,
    ),
    last_seen_at: seen(
      all.map((u) => u.last_seen_at),
      -1,
    ),
    merged,
  };
}

/** listUsers gives those who are shown as themselves, ordered by id. */
export function listUsers(house, q = '') {
  const wanted = q.toLowerCase();
  return house.users
    .filter((u) => !house.merges.has(u.id))
    .filter((u) => [u.id, u.name, u.email].some((t) => t?.toLowerCase().includes(wanted)))
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .map((u) => withMerged(house, u));
}

function known({ kit, c }, id, member) {
  if (c.state.house.users.some((u) => u.id === id)) return id;
  throw new kit.Refusal(404, 'Not Found', `${member}: there is no such user`);
}

/** findUser gives the user that an id is shown as; undefined: there is none. */
export function findUser(house, id) {
  const user = house.users.find((u) => u.id === shownAs(house, id));
  return user && withMerged(house, user);
}

export function mergeUser(x) {
  const { house } = x.c.state;
  const id = known(x, x.params[0], 'id');
  const into = known(x, x.body.into, 'into');
  const conflict = (detail) => new x.kit.Refusal(409, 'Conflict', detail);
  if (into === id) throw new x.kit.Refusal(400, 'Bad Request', 'into: is the user');
  if (house.merges.has(id) && house.merges.get(id) !== into)
    throw conflict('the user is merged into another one already; take that back first');
  if (shownAs(house, into) === id) throw conflict('into: that user is merged into this one');
  house.merges.set(id, into);
  x.kit.json(x.res, findUser(house, id));
}

export function unmergeUser(x) {
  const { house } = x.c.state;
  const id = known(x, x.params[0], 'id');
  if (!house.merges.delete(id))
    throw new x.kit.Refusal(409, 'Conflict', 'the user is not merged into another one');
  x.kit.json(x.res, findUser(house, id));
}
