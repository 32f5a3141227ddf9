import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { amongMountsOf, type Capability, PID_NAMESPACE, RAMFS } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { script } from '../support/processes.ts';
import { rehup, witness } from '../support/rehup.ts';
import { AT_ONCE, eachWithDirectory, ends } from '../support/volume.ts';

/** Specification 4.8 and 5, *stage*: ramfs is memory, as tmpfs is: sops and systemd keep secrets there. */

const test = needing(PID_NAMESPACE, RAMFS);
const directory = eachWithDirectory();
const here = (name: string) => join(directory.path, name);

const prefixOf = ({ prefix }: Capability) => prefix ?? [];

/** The words before rehup: ramfs on a directory, with one file in it. */
function withSecret(): readonly string[] {
  mkdirSync(here('secret'));
  const made = script(here('made'), `echo one > '${here('secret/key')}'; exec "$@"`);
  return [...prefixOf(RAMFS), here('secret'), made, ...prefixOf(PID_NAMESPACE)];
}

test('digests of it are keyed, and what a check says of it is not told', async () => {
  const check = script(here('check'), 'cat "$1/key"; grep -q one "$1/key"');
  const prefix = withSecret();
  const seen: string[] = [];
  for (let life = 0; life < 2; life++) {
    const words = ['-w', here('secret'), '--check', `${check} {dir}`, '--on-change', 'HUP', ...AT_ONCE];
    const run = rehup([...words, '--settle', '0', ...witness('/dev/null')], { prefix });
    await run.said('start');
    amongMountsOf(run.pid(), `echo two > '${here('secret/key')}'`);
    const rejected = await run.logged('reload.rejected');
    expect(rejected['output']).toBeUndefined();
    seen.push(JSON.stringify(rejected['digests']));
    expect(run.errors()).not.toMatch(/"output"/);
    await ends(run);
  }
  expect(seen[0]).toMatch(/[0-9a-f]{12}/);
  expect(seen[0]).not.toBe(seen[1]);
});

test('it is not staged to a disk', async () => {
  mkdirSync(here('target'));
  writeFileSync(here('note'), '');
  const run = rehup(['--stage', `${here('secret')}=${here('target')}`, ...witness('/dev/null')], {
    prefix: withSecret(),
  });
  expect(await run.ended).toBe(125);
  expect(run.errors()).toMatch(/lies in memory and .* does not, and a Secret must not reach a disk/);
});
