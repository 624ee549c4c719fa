// SPDX-License-Identifier: AGPL-3.0-or-later
// What the mock sends as a file, and the mode in which it sends none.
import { pdf, xlsx } from './documents.mjs';

const SHEET = 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet';
const TYPES = {
  pdf: 'application/pdf',
  xlsx: SHEET,
  csv: 'text/csv; charset=utf-8',
  zip: 'application/zip',
};

export function send(res, kind, name, bytes) {
  res.writeHead(200, {
    'content-type': TYPES[kind],
    'content-disposition': `attachment; filename="${name}.${kind}"`,
  });
  res.end(bytes ?? fileBytes(kind, name));
}

export function fileBytes(kind, name) {
  if (kind === 'pdf') return pdf(name);
  if (kind === 'xlsx') return xlsx(name);
  if (kind === 'csv') return `month,user,cost\r\n${name},somebody,0\r\n`;
  return Buffer.from(`504b0506${'00'.repeat(18)}`, 'hex'); // a ZIP with nothing in it
}

export function failing(x) {
  if (x.c.state.mode === 'partial') {
    throw new x.kit.Refusal(503, 'Service Unavailable', 'the database does not answer');
  }
}
