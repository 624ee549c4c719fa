// SPDX-License-Identifier: AGPL-3.0-or-later
// The mock's configuration, and the plugin's real source.
import { readFile } from 'node:fs/promises';

export function settings({ kit, res }) {
  const one = (name, value, description, rest = {}) => ({
    name,
    value,
    masked: false,
    is_default: true,
    description,
    ...rest,
  });
  const secret = { value: null, masked: true, is_default: false };
  const services = [
    {
      service: 'gateway',
      version: 'mock',
      settings: [
        one('API_KEY', null, 'Key that reports requests.', secret),
        one('BIND_ADDRESS', '0.0.0.0', 'Address to listen on.'),
        one('COSTD_URL', 'tcp://127.0.0.1:45101', 'Where costd is; several with commas.'),
        one('JWT_SECRET', null, 'Signs sessions.', secret),
        one('PASSWORD_HASH', null, 'argon2 hash of the password.', secret),
        one('PORT', '45000', 'Port of HTTP.', { is_default: false }),
        one('READ_API_KEY', null, 'Key that reads.', secret),
        one('SPOOL_DIR', '/var/lib/metering/spool', 'Folder of the spool.', { is_default: false }),
        one('TRUSTED_PROXIES', null, 'Addresses whose X-Forwarded-For is believed.'),
      ],
    },
    {
      service: 'costd',
      version: 'mock',
      settings: [
        one('MINIMUM_CHARGE_FEE', '0.50', 'USD per user and month.', { is_default: false }),
        one('OPENROUTER_API_KEY', null, 'Key of the provider.', secret),
        one('OPENROUTER_BASE_URL', 'https://openrouter.ai/api/v1', 'Where look-ups go.'),
        one('REPORT_TIMEZONE', 'Europe/Berlin', 'Zone of days and months.', { is_default: false }),
      ],
    },
    {
      service: 'reportd',
      version: 'mock',
      settings: [one('WORKERS', '2', 'Documents written at once.')],
    },
  ];
  kit.json(res, { services });
}

export async function plugin({ res }) {
  const source = await readFile(
    new URL('../../plugin/openwebui_metering.py', import.meta.url),
    'utf8',
  );
  res.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' });
  res.end(source);
}
