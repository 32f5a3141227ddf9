import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ALL } from '../products.ts';
import type { Program, Programs } from './programs.ts';

/** A program that is to tell an application of a change in one mounted volume, set to lose no time. */
export type Watcher = {
  readonly name: string;
  /** What it consists of on disk. */
  readonly files: readonly string[];
  /** What brings it, where it is not there; then nothing of it is measured. */
  readonly lacking?: string;
  /**
   * The words that run `victim`, a program that tells the first word of each file that it is given, over the keys a, b and c of
   * `volume`; `scratch` is an empty folder, `url` is for those who only call by HTTP, which counts as telling.
   */
  readonly words: (place: Place) => readonly string[];
};

export type Place = {
  readonly volume: string;
  readonly victim: string;
  readonly scratch: string;
  readonly url: string;
};

const KEYS = ['a', 'b', 'c'];
const keysIn = (folder: string) => KEYS.map((key) => join(folder, key));

/** With the victim in the background, whose number is `$child`. */
const beside = (script: string) => `"$@" & child=$!; trap 'kill "$child"' TERM; ${script}; kill 0`;

function written(path: string, lines: readonly string[]): string {
  writeFileSync(path, `${lines.join('\n')}\n`);
  return path;
}

/** Of `npm run bench`: ours, and what people write by hand. */
function ofProducts(): readonly Watcher[] {
  return ALL.flatMap(({ name, files, debian, watches }) =>
    watches === undefined
      ? []
      : [
          {
            name,
            files,
            words: ({ volume, victim }: Place) => watches([volume], [victim, ...keysIn(volume)]),
            ...(debian === undefined ? {} : { lacking: `apt-get install -y ${debian}` }),
          },
        ],
  );
}

const ENTR: Watcher = {
  name: 'entr',
  files: ['/usr/bin/entr'],
  lacking: 'apt-get install -y entr',
  words: ({ volume, victim }) => [
    'sh',
    '-c',
    beside(`printf '%s\\n' "$@" | tail -n +2 | entr -n -p kill -HUP "$child"`),
    'sh',
    victim,
    ...keysIn(volume),
  ],
};

const BUILT: Readonly<Record<Exclude<Program, 'atomic-writer'>, (file: string) => Watcher['words']>> = {
  watchexec:
    (file) =>
    ({ volume, victim }) => [
      file,
      ...['--quiet', '--shell', 'none', '--no-global-ignore', '--no-vcs-ignore', '--signal', 'SIGHUP'],
      ...['--watch', volume, '--', victim, ...keysIn(volume)],
    ],
  'prometheus-config-reloader':
    (file) =>
    ({ volume, url }) => [
      file,
      ...[`--watched-dir=${volume}`, '--delay-interval=1ms', `--reload-url=${url}`],
      '--listen-address=127.0.0.1:0',
    ],
  'consul-template':
    (file) =>
    ({ volume, victim, scratch }) => {
      const templates = KEYS.map((key) => {
        const source = written(join(scratch, `${key}.tmpl`), [`{{ file "${join(volume, key)}" }}`]);
        return `template { source = "${source}" destination = "${join(scratch, key)}" }`;
      });
      const command = JSON.stringify([victim, ...keysIn(scratch)]);
      const exec = `exec { command = ${command} reload_signal = "SIGHUP" }`;
      return [file, '-config', written(join(scratch, 'config.hcl'), [...templates, exec])];
    },
  supervisord:
    (file) =>
    ({ volume, victim, scratch }) => {
      const config = written(join(scratch, 'supervisord.conf'), [
        '[program:app]',
        `command=${[victim, ...keysIn(volume)].join(' ')}`,
        `restart_directory_monitor=${volume}`,
        'restart_file_pattern=*',
        'stopsignal=TERM',
        'autorestart=true',
        'stdout_logfile=/dev/stdout',
      ]);
      return [file, '-c', config];
    },
  reflex:
    (file) =>
    ({ volume, victim }) => [
      'sh',
      '-c',
      `cd "$0" && exec ${file} --decoration=none --start-service -- "$@"`,
      volume,
      victim,
      ...keysIn(volume),
    ],
};

/** In the order of the table. */
export function watchers(programs: Programs): readonly Watcher[] {
  const others = Object.entries(BUILT).map(([name, wordsOf]): Watcher => {
    const program = [...programs].find(([one]) => one === name)?.[1] ?? { lacking: 'its source' };
    return 'file' in program
      ? { name, files: [program.file], words: wordsOf(program.file) }
      : { name, files: [], lacking: program.lacking, words: () => [] };
  });
  return [...ofProducts(), ENTR, ...others];
}
