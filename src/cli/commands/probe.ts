import { textOfBytes } from '../../core/text/bytes.ts';
import { parseDuration } from '../../core/text/duration.ts';
import { compileGlob, pathPredicate } from '../../core/text/glob.ts';
import type { Result } from '../../core/text/result.ts';
import { splitWords } from '../../core/text/words.ts';
import { type FewOptions, readFew } from '../few.ts';
import type { Given, Invocation } from '../invocation.ts';
import { parseDirectory } from '../watched.ts';

/* `rehup probe`: an exec probe in the application's own container. */

const OPTIONS: FewOptions = {
  watch: 'values',
  ignore: 'values',
  'allow-empty': 'switch',
  state: 'value',
  and: 'value',
  splay: 'value',
};

const HELP = `Usage: rehup probe --watch PATH... [options]

An exec livenessProbe: has what is mounted changed since this container started? Its first run takes the
baseline, so let a startupProbe or a postStart run it at once.

  -w, --watch <path>   a directory, or one file of it (repeatable)
  --ignore <glob>      paths below a watch that do not count (repeatable)
  --allow-empty        a watch that lost all its files counts as changed
  --state <directory>  where the baseline lies (default: rehup-probe-UID in the first of /tmp, /dev/shm that can
                       be written)
  --and <command>      runs the probe that the application had; its exit code counts first
  --splay <duration>   tells a change only after a part of this that follows from the host name (default: 0)
  -h, --help           print this help and exit

Exit code: 1 if content was read that differs from the baseline; 0 otherwise, also when it can't be told; that of
--and if it is not 0; 125 for bad usage.
`;

/** Parses the words after `probe`. */
export function parseProbe(given: Given): Invocation {
  if (given.words.includes('--help') || given.words.includes('-h')) return { kind: 'print', text: HELP };
  const read = readFew('probe', OPTIONS, given);
  if (!read.ok) return { kind: 'refuse', message: read.error };
  const options = read.value;
  let refusal: string | undefined;

  function each<Value>(name: string, parser: (text: string) => Result<Value>): readonly Value[] {
    const { source = '', values = [] } = options.get(name) ?? {};
    return values.flatMap((text) => {
      const result = parser(text);
      if (result.ok) return [result.value];
      refusal ??= `${source} ${textOfBytes(text)}: ${result.error}`;
      return [];
    });
  }

  const probing = {
    watches: [...new Set(each('watch', (text) => parseDirectory(text, given.cwd)))],
    ignore: pathPredicate(each('ignore', compileGlob)),
    ignored: options.get('ignore')?.values ?? [],
    allowEmpty: !['off', 'false', '0', undefined].includes(options.get('allow-empty')?.values[0]),
    state: each('state', (text) => parseDirectory(text, given.cwd))[0],
    and: each('and', splitWords)[0],
    splay: each('splay', parseDuration)[0] ?? 0,
  };
  if (refusal !== undefined) return { kind: 'refuse', message: refusal };
  if (probing.watches.length === 0)
    return { kind: 'refuse', message: 'no --watch to probe; for example: rehup probe --watch /etc/app' };
  return { kind: 'probe', probing };
}
