import type { Given, Invocation } from './invocation.ts';
import { parseRun } from './run.ts';

/** Subcommands of the specification that this version does not have: naming one must not start a program of that name. */
const NOT_YET = ['probe', 'sidecar', 'status', 'reload'];

/** From the words on the command line and the environment to what is to be done. */
export function parse(given: Given): Invocation {
  const [first, ...others] = given.words;
  if (first === 'run') return parseRun({ ...given, words: others });
  if (first !== undefined && NOT_YET.includes(first)) {
    const message = `${first}: not in this version; to run a program of that name use: rehup run -- ${first}`;
    return { kind: 'refuse', message };
  }
  return parseRun(given);
}
