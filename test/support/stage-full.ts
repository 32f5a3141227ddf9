import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './stages.ts';

/*
 * Stages SOURCE in TARGET, a small file system of its own, then more than it has room for: `node stage-full.ts SOURCE
 * TARGET`. Prints a line for each result, and what the target holds after the one that failed.
 */

const [, , source = '', target = ''] = process.argv;
const stage = { source, target };
const generations = [{ stage, name: '..rehup_1' }];
const prepare = { op: 'prepare', copies: [{ stage, request: { path: source } }] } as const;
console.log(run({ op: 'open', stages: [stage] }).op);
console.log(run(prepare).op);
console.log(run({ op: 'publish', generations }).op);
console.log(run({ op: 'keep', generations, newer: true }).op);
writeFileSync(join(source, 'a'), 'x'.repeat(100_000));
const full = run(prepare);
console.log(full.op === 'failed' ? `failed ${full.reason}` : full.op);
console.log(`${readdirSync(target).sort()} ${readFileSync(join(target, 'a'), 'utf8')}`);
console.log(run({ op: 'open', stages: [stage] }).op);
