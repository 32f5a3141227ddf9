/** What resolv.conf(5) says that a resolver without a C library has to be told. */
export type Resolving = {
  readonly search: readonly string[];
  readonly ndots: number;
  /** Milliseconds for one try, and how many there are. */
  readonly timeout: number;
  readonly attempts: number;
};

/** As resolv.conf(5) limits them, so that a file of somebody else's holds nothing up. */
const MOST = { ndots: 15, timeout: 60, attempts: 10 };

/** Reads resolv.conf(5), with its defaults; of several lines `search` or `domain` the last one counts. */
export function readResolving(text: string): Resolving {
  let search: readonly string[] = [];
  const options = { ndots: 1, timeout: 5, attempts: 2 };
  for (const line of text.split('\n')) {
    const [keyword, ...words] = line.split(/[ \t\r]+/);
    if (keyword === 'search' || keyword === 'domain') search = words.filter((word) => word !== '');
    if (keyword !== 'options') continue;
    for (const word of words) {
      const [, name = '', digits] = /^(ndots|timeout|attempts):(\d{1,4})$/.exec(word) ?? [];
      if (name === 'ndots' || name === 'timeout' || name === 'attempts')
        options[name] = Math.min(Math.max(Number(digits), name === 'ndots' ? 0 : 1), MOST[name]);
    }
  }
  const { ndots, timeout, attempts } = options;
  return { search, ndots, timeout: timeout * 1_000, attempts };
}

/** The names that are tried for one, in their order, as musl does: those of the search list only for one with few dots. */
export function candidatesFor(name: string, { search, ndots }: Resolving): readonly string[] {
  const dots = name.split('.').length - 1;
  if (name.endsWith('.') || dots >= ndots) return [name];
  return [...search.map((domain) => `${name}.${domain}`), name];
}
