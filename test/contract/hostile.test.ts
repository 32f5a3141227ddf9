import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { AT_ONCE, eachWithDirectory, ends, followed, told } from '../support/volume.ts';

/** What others may write does not hold up rehup (specification 4.9). */

const test = needing(PID_NAMESPACE);
const directory = eachWithDirectory();
const here = (name: string) => join(directory.path, name);

describe('names that --ignore is matched with', () => {
  const NAMES = ['設定ファイルの説明書（日本語版）について.txt', 'é'.repeat(40), `${'a'.repeat(200)}.txt`];

  test.each(['*.bak', '*a*a*a*a*a*a*b', '{*é,é*}{*é,é*}{*é,é*}x'])(
    'with %s are no hindrance to the start',
    async (pattern) => {
      for (const name of NAMES) writeFileSync(here(name), 'one');
      const run = await followed(directory.path, '/dev/null', { options: [...AT_ONCE, '--ignore', pattern] });
      await ends(run);
      expect(told(run).filter((line) => line.startsWith('SIG'))).toHaveLength(1);
    },
  );

  test('and that come while it runs, neither to a reload nor to a stop', async () => {
    writeFileSync(here('a'), 'one');
    const run = await followed(directory.path, '/dev/null', {
      options: [...AT_ONCE, '--settle', '0', '--ignore', '*.bak'],
    });
    await run.logged('child.started');
    writeFileSync(here('é'.repeat(40)), 'two');
    await run.said('SIGHUP');
    run.signal('SIGTERM');
    expect(await run.ended).toBe(0);
  });
});
