// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'vitest';
import { loadTexts } from '#lib/i18n/index.ts';
import { answerText } from './lookupError.ts';

test('the last answer is said in the language of the reader', async () => {
  const de = await loadTexts('de');
  expect(answerText(200, 'no cost and no tokens yet', de)).toBe(
    'HTTP 200, noch ohne Kosten und Tokens',
  );
  expect(answerText(0, 'no reply: Timeout was reached', de)).toBe(
    'keine Antwort: Timeout was reached',
  );
  expect(answerText(200, 'the reply is text/html, not JSON', de)).toBe(
    'HTTP 200, die Antwort ist text/html und kein JSON',
  );
});

test('a status is said once, and what is not known stays as it is', async () => {
  const en = await loadTexts('en');
  expect(answerText(404, 'HTTP status 404', en)).toBe('HTTP 404');
  expect(answerText(200, 'something else', en)).toBe('HTTP 200, something else');
  expect(answerText(null, null, en)).toBe('none');
});
