import { run } from './stages.ts';

/*
 * Stages SOURCE in TARGET, in a process of its own, under the worst umask: `node stage-once.ts SOURCE TARGET`. Prints a line for each task, with
 * the words of one that fails, and ends there.
 */

const [, , source = '', target = ''] = process.argv;
const stage = { source, target };
process.umask(0o777);
let generations: { readonly stage: typeof stage; readonly name: string }[] = [];
for (const op of ['open', 'prepare', 'publish', 'keep'] as const) {
  const task = {
    open: { op: 'open', stages: [stage] },
    prepare: { op: 'prepare', copies: [{ stage, request: { path: source } }] },
    publish: { op: 'publish', generations },
    keep: { op: 'keep', generations, newer: true },
  } as const;
  const result = run(task[op]);
  if (result.op === 'prepared') generations = result.generations.map(({ name }) => ({ stage, name }));
  const words =
    result.op === 'failed' ? ` ${result.reason}` : result.op === 'refused' ? ` ${result.text}` : '';
  console.log(`${result.op}${words}`);
  if (words !== '') break;
}
