import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { blocks, OPERATIONS } from './support/documents.ts';
import { JQ, PID_NAMESPACE } from './support/machine.ts';
import { needing } from './support/needing.ts';
import { childrenOf, rehup, witness } from './support/rehup.ts';
import { AT_ONCE, eachWithDirectory, writtenVolume } from './support/volume.ts';

/** The queries of docs/operations.md for jq find what they are for in the log of a real life. */

const directory = eachWithDirectory();

/** What each query is to find, in the order of the document. */
const FOUND: readonly RegExp[] = [
  /^20\S+Z reload\.rejected: reload 2 rejected: the check sh exited with 1\n20\S+Z rehup\.degraded: /,
  /^\S+\/volume\tkubelet volume\t\w+\trestart\tevents\t\w{12}\n$/,
  /^--drain: nobody can ask \/readyz without --listen\n$/,
  /^20\S+Z\t1\treload\.started\t.*\n20\S+Z\t1\treload\.applied\t\d+\t\t\S+\/a\n20\S+Z\t2\treload\.rejected\t\d+\tthe check/,
  /^\S+\/volume \w{12}\n\S+\/volume \w{12}\n$/,
  /^\d+\n$/,
  /^20\S+Z\tSIGKILL\t\d+\n$/,
];

needing(PID_NAMESPACE, JQ)('each query finds in a log what it is for', async () => {
  const volume = writtenVolume(join(directory.path, 'volume'), { a: '0' });
  const check = `sh -c '! grep -q bad ${volume.path}/a'`;
  const options = ['-w', volume.path, '--check', check, '--on-exit', 'restart', '--drain', '1ms'];
  const run = rehup([...AT_ONCE, ...options, ...witness('/dev/null')]);
  await run.said('start');
  volume.write({ a: '1' });
  await run.logged('reload.applied');
  volume.write({ a: 'bad' });
  await run.logged('rehup.degraded');
  for (const pid of childrenOf(run.pid())) process.kill(pid, 'SIGKILL');
  await run.logged('child.started', 3);
  run.signal('SIGTERM');
  await run.ended;
  const log = join(directory.path, 'log');
  writeFileSync(log, `not of rehup\n{"level":"error","msg":"of another"}\n7\n${run.errors()}`);
  const [block = ''] = blocks(OPERATIONS, 'sh').filter((text) => text.includes('jq -'));
  const queries = block.split('\n').filter((line) => !line.startsWith('#'));
  expect(queries).toHaveLength(FOUND.length);
  for (const [index, query] of queries.entries()) {
    const told = execFileSync('sh', ['-c', query.replace('kubectl logs web-0', `cat '${log}'`)], {
      encoding: 'utf8',
    });
    expect(told).toMatch(FOUND[index] ?? /never/);
  }
});
