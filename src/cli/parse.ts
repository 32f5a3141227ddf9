import { textOfBytes } from '../core/text/bytes.ts';
import { parseAsk } from './commands/ask.ts';
import { parseInstall } from './commands/install.ts';
import { parseProbe } from './commands/probe.ts';
import { parseRun } from './commands/run.ts';
import { parseSidecar } from './commands/sidecar.ts';
import type { Given, Invocation } from './invocation.ts';

/** From the words on the command line and the environment to what is to be done. */
export function parse(given: Given): Invocation {
  const [first, ...others] = given.words;
  if (first === 'run') return parseRun({ ...given, words: others });
  if (first === 'status' || first === 'reload') return parseAsk(first, { ...given, words: others });
  if (first === 'probe') return parseProbe({ ...given, words: others });
  if (first === 'sidecar') return parseSidecar({ ...given, words: others });
  if (first === 'install') return parseInstall({ ...given, words: others });
  if (first === 'controller') return { kind: 'control', words: others };
  if (first === 'help') return help(given, others);
  return parseRun(given);
}

/** `rehup help [SUBCOMMAND]`. */
function help(given: Given, [subcommand]: readonly string[]): Invocation {
  if (subcommand === 'status' || subcommand === 'reload')
    return parseAsk(subcommand, { ...given, words: ['--help'] });
  if (subcommand === 'probe') return parseProbe({ ...given, words: ['--help'] });
  if (subcommand === 'sidecar') return parseSidecar({ ...given, words: ['--help'] });
  if (subcommand === 'install') return parseInstall({ ...given, words: ['--help'] });
  if (subcommand === 'controller') return { kind: 'control', words: ['--help'] };
  if (subcommand === undefined || subcommand === 'run') return parseRun({ ...given, words: ['--help'] });
  const message = `help ${textOfBytes(subcommand)}: no such subcommand; use run, probe, sidecar, status, reload, install or controller`;
  return { kind: 'refuse', message };
}
