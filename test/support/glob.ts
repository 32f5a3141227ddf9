import { compileGlob, type PathPredicate, pathPredicate } from '../../src/core/text/glob.ts';

/** What these patterns of `--ignore` leave out. */
export function ignoring(patterns: readonly string[]): PathPredicate {
  return pathPredicate(
    patterns.map((pattern) => {
      const glob = compileGlob(pattern);
      if (!glob.ok) throw new Error(glob.error);
      return glob.value;
    }),
  );
}

/*
 * The patterns of `--ignore` once more, for tests: matched by going back, as the words of gitignore(5) say it, and as slow
 * as that is.
 */

type Node =
  | { readonly kind: 'one'; readonly takes: (element: string) => boolean }
  /** As many as there are; `slash`: and a slash, or nothing at all. */
  | { readonly kind: 'many'; readonly takes: (element: string) => boolean; readonly slash?: true }
  | { readonly kind: 'choice'; readonly of: readonly (readonly Node[])[] };

/** Whether a pattern names a path: byte strings. The pattern must be one that is not refused. */
export function names(pattern: string, path: string): boolean {
  const nodes = parse(elements(pattern.replace(/^\//, '').replace(/\/$/, '')));
  const deep = !pattern.replace(/\/$/, '').includes('/');
  const text = elements(path);
  const starts = deep ? [0, ...text.flatMap((element, at) => (element === '/' ? [at + 1] : []))] : [0];
  const isEnd = (at: number) => at === text.length || text[at] === '/';
  return starts.some((start) => leads(nodes, text, start, isEnd));
}

/** RFC 3629, section 4; what is none of these is an element by itself. */
const UTF8 =
  /[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}|./gs;

function elements(bytes: string): readonly string[] {
  return bytes.match(UTF8) ?? [];
}

function order(element: string): number {
  if (element.length === 1)
    return element < '\x80' ? element.charCodeAt(0) : 0x200000 + element.charCodeAt(0);
  return Buffer.from(element, 'latin1').toString().codePointAt(0) ?? 0;
}

const notSlash = (element: string) => element !== '/';

function parse(text: readonly string[]): readonly Node[] {
  let at = 0;

  function sequence(inside: boolean): Node[] {
    const nodes: Node[] = [];
    while (at < text.length && !(inside && (text[at] === ',' || text[at] === '}'))) nodes.push(...part());
    return nodes;
  }

  function part(): readonly Node[] {
    const element = text[at] ?? '';
    const first = at === 0 || text[at - 1] === '/';
    at += 1;
    if (element === '?') return [{ kind: 'one', takes: notSlash }];
    if (element === '*') {
      let stars = 1;
      for (; text[at] === '*'; at++) stars += 1;
      if (stars > 1 && first && at === text.length) return [{ kind: 'many', takes: () => true }];
      if (stars > 1 && first && text[at] === '/') {
        at += 1;
        return [{ kind: 'many', takes: () => true, slash: true }];
      }
      return [{ kind: 'many', takes: notSlash }];
    }
    if (element === '[') return [set()];
    if (element === '{') {
      const of = [sequence(true)];
      while (text[at] === ',') {
        at += 1;
        of.push(sequence(true));
      }
      at += 1;
      return [{ kind: 'choice', of }];
    }
    const literal = element === '\\' && at < text.length ? (text[at++] ?? '') : element;
    return [{ kind: 'one', takes: (other) => other === literal }];
  }

  function set(): Node {
    const negated = text[at] === '!' || text[at] === '^';
    const start = negated ? at + 1 : at;
    const end = text.indexOf(']', start + 1);
    const body = text.slice(start, end);
    at = end + 1;
    const isIn = (element: string): boolean => {
      for (let index = 0; index < body.length; index++) {
        const from = body[index] ?? '';
        const range = body[index + 1] === '-' && index + 2 < body.length;
        const to = range ? (body[index + 2] ?? '') : from;
        if (order(element) >= order(from) && order(element) <= order(to)) return true;
        if (range) index += 2;
      }
      return false;
    };
    return { kind: 'one', takes: (element) => notSlash(element) && isIn(element) !== negated };
  }

  return sequence(false);
}

/** Whether nodes lead from a place in the text to one that will do. */
function leads(
  [node, ...rest]: readonly Node[],
  text: readonly string[],
  at: number,
  isEnd: (at: number) => boolean,
): boolean {
  if (node === undefined) return isEnd(at);
  const on = (after: number) => leads(rest, text, after, isEnd);
  switch (node.kind) {
    case 'one':
      return at < text.length && node.takes(text[at] ?? '') && on(at + 1);
    case 'choice':
      return node.of.some((nodes) => leads([...nodes, ...rest], text, at, isEnd));
    case 'many':
      if (node.slash === true && on(at)) return true;
      for (let after = at; after <= text.length; after++) {
        if (node.slash === true ? text[after] === '/' && on(after + 1) : on(after)) return true;
        if (after < text.length && !node.takes(text[after] ?? '')) return false;
      }
      return false;
    default:
      return node satisfies never;
  }
}
