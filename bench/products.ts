import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

/** What is measured: each executable of ours, and what Debian has of the peers. */
export type Product = {
  readonly name: string;
  readonly ours: boolean;
  /** What it consists of on disk, folders included; the first one must be there for it to be measured. */
  readonly files: readonly string[];
  /** The Debian package that brings it, if it is not ours. */
  readonly debian?: string;
  /** The words that run a command under it. */
  readonly wraps: (command: readonly string[]) => readonly string[];
  /** Whether it starts a command anew that has ended, instead of ending with it. */
  readonly stays?: boolean;
  /** The words that signal a command when a volume changes; undefined for what does not watch. */
  readonly watches?: (volumes: readonly string[], command: readonly string[]) => readonly string[];
};

const DIST = join(import.meta.dirname, '../dist');

/** For what is made to be measured; gone when the bench ends. */
const PLACE = mkdtempSync(join(tmpdir(), 'rehup-bench-'));
process.on('exit', () => rmSync(PLACE, { recursive: true, force: true }));

/** Without waits, so that what is measured is the work. */
const AT_ONCE = ['--on-change', 'SIGHUP', '--min-interval', '0', '--verify', '0', '--settle', '0'];

/** As people write it by hand: no reading, no comparing, a signal for each swap that inotify tells of. */
const BY_HAND = `
"$@" & child=$!
trap 'kill "$child"' TERM
inotifywait -q -m -e moved_to --format %f $VOLUMES | while read -r name; do
  [ "$name" = ..data ] && kill -HUP "$child"
done & wait "$child"; kill 0`;

/**
 * A copy, as an image has it: of a file that was just built the page cache holds other pages than of one that was
 * written at once, which made 70 MB of 54 (shared/node.md 4).
 */
function copyOf(file: string): string {
  const copy = join(PLACE, basename(file));
  if (existsSync(file)) copyFileSync(file, copy);
  return copy;
}

function ours(name: string): Product {
  const file = copyOf(join(DIST, name));
  const silent = [file, '--log-level', 'silent'];
  return {
    name,
    ours: true,
    files: [file],
    wraps: (command) => [...silent, '--', ...command],
    watches: (volumes, command) => [
      ...silent,
      ...AT_ONCE,
      ...volumes.flatMap((volume) => ['-w', volume]),
      '--',
      ...command,
    ],
  };
}

function init(name: string, debian: string, words: readonly string[] = []): Product {
  const file = `/usr/bin/${name}`;
  return { name, ours: false, files: [file], debian, wraps: (command) => [file, ...words, '--', ...command] };
}

const INOTIFYWAIT: Product = {
  name: 'inotifywait + kill',
  ours: false,
  files: ['/usr/bin/inotifywait'],
  debian: 'inotify-tools',
  wraps: (command) => ['sh', '-c', '"$@"; exit $?', 'sh', ...command],
  watches: (volumes, command) => [
    'env',
    `VOLUMES=${volumes.join(' ')}`,
    'sh',
    '-c',
    BY_HAND,
    'sh',
    ...command,
  ],
};

let made = 0;

/** A new folder for what a supervisor reads of its services. */
function folder(): string {
  made += 1;
  const path = join(PLACE, `services-${made}`);
  mkdirSync(path);
  return path;
}

/** A shell's words for a command, which has nothing that would need more. */
function quoted(command: readonly string[]): string {
  return command.map((word) => `'${word}'`).join(' ');
}

/** As in a container whose one service it is: s6-svscan is PID 1 and has an s6-supervise for it. */
const S6: Product = {
  name: 's6-svscan',
  ours: false,
  files: ['/usr/bin/s6-svscan', '/usr/bin/s6-supervise'],
  debian: 's6',
  stays: true,
  wraps(command) {
    const services = folder();
    mkdirSync(join(services, 'app'));
    const run = join(services, 'app/run');
    writeFileSync(run, `#!/bin/sh\nexec ${quoted(command)}\n`);
    chmodSync(run, 0o755);
    return ['/usr/bin/s6-svscan', services];
  },
};

/** Python, which it needs, is not counted on disk. */
const SUPERVISORD: Product = {
  name: 'supervisord',
  ours: false,
  files: ['/usr/bin/supervisord', '/usr/lib/python3/dist-packages/supervisor'],
  debian: 'supervisor',
  stays: true,
  wraps(command) {
    const services = folder();
    const file = join(services, 'supervisord.conf');
    const lines = [
      '[supervisord]',
      'nodaemon=true',
      'silent=true',
      'user=root',
      'logfile=/dev/null',
      'logfile_maxbytes=0',
      `pidfile=${join(services, 'pid')}`,
      '[program:app]',
      `command=${quoted(command)}`,
      'startsecs=0',
      'stdout_logfile=/dev/fd/1',
      'stdout_logfile_maxbytes=0',
    ];
    writeFileSync(file, `${lines.join('\n')}\n`);
    return ['/usr/bin/supervisord', '-c', file];
  },
};

/** In the order of the table. */
export const ALL: readonly Product[] = [
  ours('rehup'),
  ours('rehup-node'),
  init('tini', 'tini', ['-s']),
  init('tini-static', 'tini', ['-s']),
  init('dumb-init', 'dumb-init'),
  init('catatonit', 'catatonit'),
  S6,
  SUPERVISORD,
  INOTIFYWAIT,
];

/** Whether this machine has it. */
export function isThere({ files: [file = ''] }: Product): boolean {
  return existsSync(file);
}

export const PRODUCTS: readonly Product[] = ALL.filter(isThere);

/** Bytes on disk. */
export function sizeOf({ files }: Product): number {
  const sizes = files.map((file) =>
    statSync(file).isDirectory()
      ? Number(execFileSync('du', ['--summarize', '--bytes', file], { encoding: 'utf8' }).split('\t')[0])
      : statSync(file).size,
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Compiles a program of this folder. */
export function compiled(name: string): string {
  const target = join(PLACE, name);
  execFileSync('gcc', ['-O2', '-o', target, join(import.meta.dirname, `${name}.c`)]);
  return target;
}
