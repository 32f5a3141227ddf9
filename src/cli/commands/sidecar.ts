import type { Given, Invocation } from '../invocation.ts';
import type { OptionSpec } from '../option.ts';
import { RUN_OPTIONS } from '../options.ts';
import { grammarOf, parseWords } from './run.ts';

/* `rehup sidecar`: the options of `run` but for those of a child, which it has none of. */

const EXAMPLES = `
Examples:
  rehup sidecar -w /etc/app --on-change SIGHUP:nginx
  rehup sidecar -w /etc/prometheus --on-change http://127.0.0.1:9090/-/reload
  rehup sidecar -w /etc/app --check 'app --check {dir}' --on-change 'SIGHUP!:app' --listen :9847

SIGNAL:NAME is for the processes called NAME whose parent is not, in a pod with shareProcessNamespace: true.
Every option has a variable: --on-change is REHUP_ON_CHANGE. The command line wins.
Exit code: 0 when it was asked to stop; 125 for bad usage.`;

const ABOUT =
  'Watches what is mounted here, in a second container of the pod, and tells the application in another one of changes.';

const NOT_HERE: readonly string[] = ['stage'];

/** What is said otherwise here, and what is its default. */
const OTHERWISE: Readonly<Record<string, Partial<OptionSpec>>> = {
  'on-change': { description: 'what a change does: SIGNAL:NAME, or http://HOST[:PORT][/PATH] (a POST)' },
  listen: { default: ':9847' },
};

/** Parses the words after `sidecar`. */
export function parseSidecar(given: Given): Invocation {
  const options = RUN_OPTIONS.filter(({ group, name }) => group !== 'Child' && !NOT_HERE.includes(name)).map(
    (spec): OptionSpec => {
      const { default: usual, ...rest } = spec;
      const other = OTHERWISE[spec.name];
      return other === undefined ? spec : { ...rest, ...other };
    },
  );
  const grammar = grammarOf({
    usage: 'sidecar [options]',
    about: ABOUT,
    examples: EXAMPLES,
    options,
    sidecar: true,
  });
  return parseWords(grammar, given, []);
}
