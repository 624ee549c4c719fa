// SPDX-License-Identifier: AGPL-3.0-or-later
// What look.mjs looks at of users: the list, one user, and the forms that merge and take that back.

/** Each look, as look.mjs has them. */
export const userLooks = [
  { name: 'users', to: '/users' },
  { name: 'users-none', to: '/users?q=nobody' },
  { name: 'user', to: firstUser },
  { name: 'user-empty-month', to: async (mock) => `${await firstUser(mock)}?month=2024-01` },
  { name: 'user-unknown', to: '/users/somebody' },
  { name: 'user-no-request', to: '/users/listed-only' },
  { name: 'user-gone', to: (mock) => firstUser(mock, 'Nadia') },
  { name: 'user-merge', to: firstUser, act: press(/^Merge into/) },
  { name: 'user-merge-list', to: firstUser, act: searchInto },
  { name: 'user-merge-chosen', to: firstUser, act: chooseInto },
  { name: 'user-merge-fault', to: firstUser, act: noInto },
  { name: 'user-merge-refused', to: firstUser, act: mergedAlready },
  { name: 'user-take-back', to: '/users/old-server-00417', act: press(/^Take back/) },
  { name: 'user-taken-back', to: '/users/old-server-00417', act: takeBack },
  { name: 'hostile-users', mode: 'hostile', to: '/users' },
  { name: 'hostile-user', mode: 'hostile', to: firstUser },
  { name: 'hostile-user-long', mode: 'hostile', to: (mock) => firstUser(mock, 'AAAA') },
  {
    name: 'hostile-user-merge',
    mode: 'hostile',
    to: (mock) => firstUser(mock, 'AAAA'),
    act: chooseInto,
  },
  {
    name: 'hostile-user-take-back',
    mode: 'hostile',
    to: `/users/${'y'.repeat(128)}`,
    act: press(/^Take back/),
  },
  { name: 'many-users', mode: 'many', to: '/users' },
  { name: 'many-users-search', mode: 'many', to: '/users?q=person+620' },
  { name: 'german-user', to: firstUser, lang: 'de-DE' },
  { name: 'german-users', to: '/users', lang: 'de-DE' },
  { name: 'german-user-gone', to: (mock) => firstUser(mock, 'Nadia'), lang: 'de-DE' },
  { name: 'german-user-merge', to: firstUser, lang: 'de-DE', act: chooseInto },
  {
    name: 'german-user-take-back',
    to: '/users/old-server-00417',
    lang: 'de-DE',
    act: press(/^Zurücknehmen/),
  },
  { name: 'empty-users', mode: 'empty', to: '/users' },
  { name: 'error-users', mode: 'error', to: '/users' },
  { name: 'partial-user', mode: 'partial', to: firstUser },
  { name: 'exact-user', to: firstUser, exact: true },
];

/** press opens what a button opens. */
export function press(name) {
  return async (page) => {
    await page.getByRole('button', { name }).first().click();
    await page.locator('dialog[open]').waitFor();
  };
}

async function firstUser(mock, part = '') {
  const url = `${mock.address}/api/v1/usage?group_by=user`;
  const reply = await fetch(url, { headers: { authorization: 'Bearer read-key' } });
  const { rows } = await reply.json();
  const row = rows.find((r) => r.user_name.startsWith(part));
  return `/users/${encodeURIComponent(row.user)}`;
}

async function searchInto(page) {
  await press(/^(Merge into|Mit einer anderen)/)(page);
  await page.locator('dialog[open] [role=combobox]').fill('an');
  await page.locator('dialog[open] [role=option]').first().waitFor();
}

async function chooseInto(page) {
  await searchInto(page);
  await page.locator('dialog[open] [role=option]').first().click();
  await page.locator('dialog[open] .stays code').waitFor();
}

async function noInto(page) {
  await press(/^Merge into/)(page);
  await page.locator('dialog[open] .button.primary').click();
  await page.getByText('Choose the user that stays').waitFor();
}

/** Somebody else merges the user while the form is open. */
async function mergedAlready(page) {
  await chooseInto(page);
  await page.evaluate(async () => {
    const token = localStorage.getItem('session-token');
    await fetch(`/api/v1/user/${location.pathname.split('/').at(-1)}/merge`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-session-token': token },
      body: '{"into":"listed-only"}',
    });
  });
  await page.locator('dialog[open] .button.primary').click();
  await page.getByText('merged into another one already').waitFor();
}

async function takeBack(page) {
  await press(/^Take back/)(page);
  await page.locator('dialog[open] .button.primary').click();
  await page.getByText('Taken back.').waitFor();
}
