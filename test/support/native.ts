import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { build, CACHE, ROOT } from '../../scripts/build/product.ts';
import { staticExecutable } from '../../scripts/build/static.ts';
import type { Capability } from './machine.ts';

const EXERCISE = join(CACHE, 'exercise');

/** What a call gave, or what it threw: `{ call, errno }` for a system call that failed. */
export type Outcome = { readonly gave?: unknown; readonly threw?: unknown };

/** A function of the C host and what it is given; null for undefined. */
export type Call = readonly [name: string, ...words: readonly unknown[]];

/** Stands for what an earlier call gave (from 0), or one element of it. */
export function result(of: number, at?: number): { readonly of: number; readonly at?: number } {
  return at === undefined ? { of } : { of, at };
}

const line = await build(
  staticExecutable({ entry: { file: join(ROOT, 'test/static/exercise.ts') }, output: EXERCISE }),
);

/** A compiler with which the C host can be built. */
export const STATIC_HOST: Capability = {
  prefix: line.includes('left out') ? undefined : [],
  remedy: `the C host: ${line.replace(/^.*left out: /, '')}`,
};

/** Makes the calls one after the other in a process of the C host, started by the words before it. */
export function callNative(calls: readonly Call[], prefix: readonly string[] = []): readonly Outcome[] {
  const [program = '', ...words] = [...prefix, EXERCISE];
  const json = JSON.stringify(calls).replace(
    /[\x7f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  const { status, stdout, stderr } = spawnSync(program, [...words, json], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${calls.map(([name]) => name)} ended in ${status}: ${stdout}${stderr}`);
  return JSON.parse(stdout) as readonly Outcome[];
}

/** What a list of calls gave; each must succeed. */
export function gave(...calls: readonly Call[]): readonly unknown[] {
  return callNative(calls).map(({ gave: value, threw }, index) => {
    if (threw !== undefined) throw new Error(`${calls[index]?.[0]} threw ${JSON.stringify(threw)}`);
    return value;
  });
}

/** What the last of a list of calls threw. */
export function threw(...calls: readonly Call[]): unknown {
  return callNative(calls).at(-1)?.threw;
}
