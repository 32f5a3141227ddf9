import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { asks } from '../support/asks.ts';
import { listening, url } from '../support/listening.ts';
import { PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { script } from '../support/processes.ts';
import { eachWithDirectory, writtenVolume } from '../support/volume.ts';

/** Specification 4.8: contents stay inside, at `trace` too, whatever becomes of them. In memory, as Secrets are. */

const directory = eachWithDirectory('/dev/shm');

/** Of what each way to write it has something to escape. */
const SECRET = 'Kq7"x\\Lz/9vT<w&8ß';
const BYTES = Buffer.from(SECRET);

/** All the ways in which a text may hold the secret, and what a plain hash would give away. */
function forms(contents: readonly string[]): ReadonlyMap<string, string> {
  const shifted = (by: number) => {
    const text = Buffer.concat([Buffer.alloc(by, 'x'), BYTES])
      .toString('base64')
      .replaceAll('=', '');
    // The characters at both ends depend on the neighbours.
    return text.slice(Math.ceil((by * 8) / 6), -1);
  };
  const html = SECRET.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
  const json = JSON.stringify(SECRET).slice(1, -1);
  return new Map([
    ['as it is', SECRET],
    ['in JSON', json],
    ['in JSON, twice', JSON.stringify(json).slice(1, -1)],
    ['in ASCII', SECRET.slice(0, -1)],
    ['in HTML', html],
    ['in hex', BYTES.toString('hex')],
    ['in capital hex', BYTES.toString('hex').toUpperCase()],
    ['in a URL', encodeURIComponent(SECRET)],
    ['in Latin-1', BYTES.toString('latin1')],
    ...[0, 1, 2].map((by) => [`in base64, ${by} later`, shifted(by)] as const),
    ...contents.map(
      (content, index) =>
        [`as digest ${index}`, createHash('sha256').update(content).digest('hex').slice(0, 12)] as const,
    ),
  ]);
}

function held(text: string, contents: readonly string[] = []): readonly string[] {
  return [...forms(contents)].flatMap(([name, form]) => (text.includes(form) ? [name] : []));
}

test('the search finds the secret in each of its forms', () => {
  for (const [name, form] of forms(['a', 'b'])) expect(held(`<${form}>`, ['a', 'b'])).toContain(name);
  for (const before of ['', 'a', 'ab'])
    expect(held(Buffer.from(`${before}${SECRET}zz`).toString('base64'))).toHaveLength(1);
});

describe('a secret', () => {
  needing(PID_NAMESPACE)('is in nothing that rehup tells', async () => {
    const contents: string[] = [];
    const secret = (how: string) => {
      const content = `${how} ${SECRET}`;
      contents.push(content);
      return content;
    };
    const target = join(directory.path, 'target');
    mkdirSync(target);
    const volume = writtenVolume(join(directory.path, 'volume'), { key: secret('one') });
    const environment = writtenVolume(join(directory.path, 'environment'), { TOKEN: secret('two') });
    const told = writtenVolume(join(directory.path, 'told'), { key: secret('three') });
    const prints = join(directory.path, 'prints');
    // Says what it reads, on both ways, and fails of what it is told to fail of.
    script(prints, 'cat "$2"; cat "$2" >&2; echo "$TOKEN"; ! grep -q "$1" "$2"');
    const one = await listening(directory.path, [
      ...['--log-level', 'trace', '--stage', `${volume.path}=${target}`, '--env-dir', environment.path],
      ...['-w', `${told.path}=exec:${prints} refuse ${told.path}/key`],
      ...['--check', `${prints} reject {dir:${volume.path}}/key`, '--settle', '0', '--on-change', 'HUP'],
    ]);
    const { run } = one;
    let outside = '';
    const look = async (): Promise<void> => {
      for (const path of ['/', '/status', '/metrics', '/readyz'])
        outside += await (await fetch(url(one, path))).text();
      for (const words of [['status'], ['status', '--json']])
        outside += JSON.stringify(await asks([...words, '--socket', one.socket]));
    };
    volume.write({ key: secret('another') });
    await run.logged('reload.applied');
    await look();
    volume.write({ key: secret('reject') });
    await run.logged('reload.rejected');
    outside += JSON.stringify(await asks(['reload', '--socket', one.socket]));
    await look();
    volume.write({ key: secret('good') });
    await run.logged('reload.applied', 2);
    environment.write({ TOKEN: secret('a new one'), OTHER: secret('other') });
    await run.logged('reload.applied', 3);
    environment.write({ TOKEN: `${secret('bad')}\0`, 'no-name': secret('none') });
    await run.logged('reload.rejected', 3);
    await look();
    environment.write({ TOKEN: secret('a last one') });
    await run.logged('reload.applied', 4);
    told.write({ key: secret('heard') });
    await run.logged('reload.applied', 5);
    told.write({ key: secret('refuse') });
    await run.logged('reload.failed');
    await look();
    run.signal('SIGTERM');
    await run.ended;
    expect(outside).toContain(volume.path);
    expect(held(run.errors(), contents)).toEqual([]);
    expect(held(outside, contents)).toEqual([]);
  });
});
