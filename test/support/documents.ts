import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../scripts/build/product.ts';

/* What users read, taken apart for the tests that compare it with what the program does. */

const read = (...path: readonly string[]) => readFileSync(join(ROOT, ...path), 'utf8');

export const README = read('README.md');
export const OPERATIONS = read('docs', 'operations.md');

/** What there is to read, by its path in the repository. */
export const DOCUMENTS: Readonly<Record<string, string>> = {
  'README.md': README,
  'docs/operations.md': OPERATIONS,
  'docs/untouched-images.md': read('docs/untouched-images.md'),
  'CONTRIBUTING.md': read('CONTRIBUTING.md'),
};

/** Where the links of a text lead that stay in the repository: paths as they are written, each with its anchor, if it has one. */
export function linksOf(text: string): readonly { readonly path: string; readonly anchor: string }[] {
  return [...text.matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)/g)].map(([, path = '', anchor = '']) => ({
    path,
    anchor,
  }));
}

/** The anchors of the headings of a text, as GitHub makes them. */
export function anchorsOf(text: string): readonly string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, '')
      .replaceAll(' ', '-'),
  );
}

/** The fenced blocks of a language in a text, without the fences. */
export function blocks(text: string, language: string): readonly string[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, 'gms'))].map(([, block = '']) =>
    block.trim(),
  );
}

const EVENT =
  /'((?:check|child|config|engine|environment|fleet|log|notify|orphan|rehup|reload|sidecar|signal|socket|stage|start|stop|watch)\.[a-z_]+)'/g;
const LEVEL = /'(trace|debug|info|warn|error|fatal)'/g;

/** Every event that the sources log, with the levels that they log it at, sorted. */
export function loggedEvents(): ReadonlyMap<string, readonly string[]> {
  const sources = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => read('src', file));
  const events = new Map<string, Set<string>>();
  for (const text of sources) {
    for (const { 1: event = '', index } of text.matchAll(EVENT)) {
      const levels = events.get(event) ?? new Set();
      events.set(event, levels);
      for (const level of levelsBefore(text.slice(0, index))) levels.add(level);
    }
  }
  return new Map([...events].map(([event, levels]) => [event, [...levels].sort()]));
}

/** The level stands before the event, in the same call or object, or in the last constant of that name. */
function levelsBefore(text: string): readonly string[] {
  const near = text.slice(Math.max(text.lastIndexOf('log('), text.lastIndexOf('level:')));
  const named = text.slice(text.lastIndexOf('const level ='));
  const found = (where: string) => [...where.matchAll(LEVEL)].map(([, level = '']) => level);
  return found(near).length > 0 ? found(near) : found(named);
}
