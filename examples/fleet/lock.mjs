// A FleetLock server as small as it can be: SLOTS for each group, kept in a file. It asks nobody who they are.
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';

const { PORT = '8080', SLOTS = '1', STATE = '/var/lib/fleet-lock/holders.json' } = process.env;

const holders = new Map(kept());

/** What an earlier life has written: a slot that is held for bad content must outlive the server. */
function kept() {
  try {
    return JSON.parse(readFileSync(STATE, 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT') return [];
    throw error;
  }
}

function keep(group, ids) {
  holders.set(group, ids);
  writeFileSync(`${STATE}.new`, JSON.stringify([...holders]));
  renameSync(`${STATE}.new`, STATE);
}

async function answer(request) {
  const lines = [...holders].map(([name, ids]) => `${name}: ${ids.join(' ')}`);
  if (request.method !== 'POST') return [200, lines.join('\n')];
  if (request.headers['fleet-lock-protocol'] !== 'true') return [400, 'no fleet-lock-protocol'];
  const { id, group } = (await json(request)).client_params;
  // Looked up when all of the request is there: from here on it is one step.
  const ids = holders.get(group) ?? [];
  switch (request.url) {
    case '/v1/pre-reboot':
      if (!ids.includes(id)) {
        if (ids.length >= Number(SLOTS)) return [423, { kind: 'full', value: `held by ${ids.join(' ')}` }];
        keep(group, [...ids, id]);
      }
      return [200, ''];
    case '/v1/steady-state':
      if (ids.includes(id))
        keep(
          group,
          ids.filter((one) => one !== id),
        );
      return [200, ''];
    default:
      return [404, ''];
  }
}

const server = createServer(async (request, response) => {
  const [status, body] = await answer(request).catch((error) => [400, error.message]);
  response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body));
});
server.listen(Number(PORT), () => console.log(`the lock server listens on port ${server.address().port}`));

process.on('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeAllConnections();
});
