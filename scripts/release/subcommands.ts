import { parse } from '../../src/cli/parse.ts';

/* The subcommands, as their own helps tell of them. */

export type Subcommand = {
  readonly name: string;
  /** What stands behind `Usage: `. */
  readonly usage: string;
  /** What it does: the first words of its help, in one line. */
  readonly purpose: string;
  /** Its own options; none of `run`, whose options are a list of their own. */
  readonly options: readonly {
    readonly name: string;
    readonly value: string | undefined;
    readonly text: string;
  }[];
};

/** Those of the specification; one that this version does not have has no help. */
const NAMES = ['run', 'probe', 'sidecar', 'status', 'reload', 'controller', 'install'];

const OPTION = /^ {2}(?:-\w, )?--([\w-]+)(?: <(.*?)>)? {2,}(.*)$/;

function subcommandOf(name: string): readonly Subcommand[] {
  const help = parse({
    words: ['help', name],
    environment: new Map(),
    cwd: '/',
    terminal: false,
    columns: () => undefined,
    version: '',
  });
  if (help.kind !== 'print') return [];
  const [usage = '', , ...lines] = help.text.split('\n');
  const end = lines.indexOf('');
  const options: { name: string; value: string | undefined; text: string }[] = [];
  for (const line of name === 'run' ? [] : lines.slice(end)) {
    const [found, option = '', value, text = ''] = OPTION.exec(line) ?? [];
    const last = options.at(-1);
    if (found !== undefined) options.push({ name: option, value, text });
    // What did not fit into the line stands far behind in the next one.
    else if (last !== undefined && /^ {10,}\S/.test(line)) last.text += ` ${line.trim()}`;
  }
  return [{ name, usage: usage.replace('Usage: ', ''), purpose: lines.slice(0, end).join(' '), options }];
}

export const SUBCOMMANDS: readonly Subcommand[] = NAMES.flatMap(subcommandOf);
