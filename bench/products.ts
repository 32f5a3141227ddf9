import { copyFileSync, existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { execaSync } from 'execa';

/** What is measured: each executable of ours that was built, and what Debian has of the peers. */
export type Product = {
  readonly name: string;
  readonly ours: boolean;
  readonly file: string;
  /** The words that run a command under it. */
  readonly wraps: (command: readonly string[]) => readonly string[];
  /** The words that signal a command when the volume changes; undefined for what does not watch. */
  readonly watches: ((volume: string, command: readonly string[]) => readonly string[]) | undefined;
};

const DIST = join(import.meta.dirname, '../dist');

/** Without waits, so that what is measured is the work. */
const AT_ONCE = ['--on-change', 'SIGHUP', '--min-interval', '0', '--verify', '0'];

/** As people write it by hand: no reading, no comparing, a signal for each swap that inotify tells of. */
const BY_HAND = `
"$@" & child=$!
trap 'kill "$child"' TERM
inotifywait -q -m -e moved_to --format %f "$VOLUME" | while read -r name; do
  [ "$name" = ..data ] && kill -HUP "$child"
done & wait "$child"; kill 0`;

/**
 * A copy, as an image has it: of a file that was just built the page cache holds other pages than of one that was
 * written at once, which made 70 MB of 54 (shared/node.md 4).
 */
function copyOf(file: string): string {
  if (!existsSync(file)) return file;
  const copy = join(mkdtempSync(join(tmpdir(), 'rehup-bench-')), basename(file));
  copyFileSync(file, copy);
  process.on('exit', () => rmSync(dirname(copy), { recursive: true }));
  return copy;
}

function ours(name: string): Product {
  const file = copyOf(join(DIST, name));
  const silent = [file, '--log-level', 'silent'];
  return {
    name,
    ours: true,
    file,
    wraps: (command) => [...silent, '--', ...command],
    watches: (volume, command) => [...silent, ...AT_ONCE, '-w', volume, '--', ...command],
  };
}

function peer(name: string, file: string, words: readonly string[] = []): Product {
  return {
    name,
    ours: false,
    file,
    wraps: (command) => [file, ...words, '--', ...command],
    watches: undefined,
  };
}

const INOTIFYWAIT: Product = {
  name: 'inotifywait + kill',
  ours: false,
  file: '/usr/bin/inotifywait',
  wraps: (command) => ['sh', '-c', '"$@"', 'sh', ...command],
  watches: (volume, command) => ['env', `VOLUME=${volume}`, 'sh', '-c', BY_HAND, 'sh', ...command],
};

const ALL: readonly (Product & { readonly debian?: string })[] = [
  ours('rehup'),
  ours('rehup-node'),
  { ...peer('tini', '/usr/bin/tini', ['-s']), debian: 'tini' },
  { ...peer('tini-static', '/usr/bin/tini-static', ['-s']), debian: 'tini' },
  { ...peer('catatonit', '/usr/bin/catatonit'), debian: 'catatonit' },
  { ...peer('dumb-init', '/usr/bin/dumb-init'), debian: 'dumb-init' },
  { ...INOTIFYWAIT, debian: 'inotify-tools' },
];

export const PRODUCTS: readonly Product[] = ALL.filter((product) => existsSync(product.file));

/** Debian packages of the peers that this machine lacks. */
export const MISSING: readonly string[] = [
  ...new Set(ALL.filter((product) => !existsSync(product.file)).flatMap(({ debian }) => debian ?? [])),
];

export function sizeOf(product: Product): number {
  return statSync(product.file).size;
}

/** A child that tells when a signal came, in C if there is a compiler, since a child in Node would add its own time. */
export function buildVictim(): readonly string[] {
  const target = join(mkdtempSync(join(tmpdir(), 'rehup-bench-')), 'victim');
  const compiled = execaSync('gcc', ['-O2', '-o', target, join(import.meta.dirname, 'victim.c')], {
    reject: false,
  });
  if (compiled.exitCode === 0) return [target];
  const script =
    "process.on('SIGHUP',()=>console.log('1 '+process.hrtime.bigint()));process.on('SIGTERM',()=>process.exit());setInterval(()=>{},1e9);console.log('ready')";
  return [process.execPath, '-e', script];
}
