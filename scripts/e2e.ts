/**
 * `npm run e2e`: the tests of `test/cluster/` on a real Kubernetes that is started for them, and a table of what they found
 * out. Words choose files, and `-t` tests by their names, as they do for vitest.
 */
import { cpSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { BaseSequencer, startVitest, type TestSpecification } from 'vitest/node';
import { tableOf } from '../test/cluster/client/table.ts';
import { type Cluster, startCluster } from '../test/cluster/engine/cluster.ts';
import { loadImages } from '../test/cluster/engine/images.ts';
import { missingForCluster } from '../test/cluster/engine/needs.ts';
import { buildPrograms } from '../test/cluster/engine/programs.ts';
import { CACHE, ROOT } from './build/product.ts';

/** Far below the minute that is the default of clusters, so that the tests do not take that long. */
const SYNC_FREQUENCY = '5s';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { name: { type: 'string', short: 't' } },
});

/** Files by their names, but those that disturb a node or the API server at the end. */
class InOrder extends BaseSequencer {
  override sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) =>
      `${/disruption|controller\.e2e/.test(moduleId)} ${moduleId}`;
    return Promise.resolve(files.toSorted((one, other) => (place(one) < place(other) ? -1 : 1)));
  }
}

/** Where tests list what they lack (test/support/needing.ts). */
const LEFT_OUT = join(CACHE, 'left-out.txt');

/** Where the programs' own logs are kept after the end. */
const LOGS = join(CACHE, 'cluster-logs');

async function run(cluster: Cluster): Promise<boolean> {
  const { folder } = cluster.place;
  process.env['REHUP_CLUSTER'] = folder;
  rmSync(LEFT_OUT, { force: true });
  const vitest = await startVitest('test', positionals, {
    root: ROOT,
    config: false,
    ...(values.name === undefined ? {} : { testNamePattern: values.name }),
    watch: false,
    include: ['test/cluster/**/*.e2e.ts'],
    testTimeout: 600_000,
    hookTimeout: 600_000,
    // Each file has the cluster to itself; what is in a file runs side by side.
    fileParallelism: false,
    maxConcurrency: 100,
    // What stops the kubelet, or the API server, comes last: others would feel it.
    sequence: { sequencer: InOrder },
    pool: 'forks',
    reporters: ['default'],
  });
  const results = vitest.state
    .getTestModules()
    .flatMap(({ children }) => [...children.allTests()].map((test) => test.result().state));
  const count = (state: string) => results.filter((result) => result === state).length;
  const ok = count('passed') > 0 && count('failed') === 0 && vitest.state.errorsSet.size === 0;
  await vitest.close();
  const findings = join(folder, 'findings.jsonl');
  if (existsSync(findings)) {
    console.log(`\nSeconds from the API's answer to the effect, at syncFrequency ${SYNC_FREQUENCY}:\n`);
    console.log(tableOf(readFileSync(findings, 'utf8')));
  }
  if (existsSync(LEFT_OUT))
    console.log(`\nLeft out, because this machine lacks: ${readFileSync(LEFT_OUT, 'utf8')}`);
  console.log(`\nTests: ${count('passed')} passed, ${count('failed')} failed`);
  return ok;
}

const missing = missingForCluster();
if (missing.length > 0) {
  console.error(`e2e: this machine lacks ${missing.join(', ')}`);
  process.exit(1);
}
const tell = (line: string) => console.log(line);
const programs = await buildPrograms(tell);
const cluster = await startCluster({ programs, tell, syncFrequency: SYNC_FREQUENCY });
try {
  await loadImages(cluster);
  process.exitCode = (await run(cluster)) ? 0 : 1;
} finally {
  rmSync(LOGS, { recursive: true, force: true });
  cpSync(join(cluster.place.folder, 'logs'), LOGS, { recursive: true });
  await cluster.stop();
}
