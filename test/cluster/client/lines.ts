import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What containers wrote, read where the runtime puts it: with its times, and of each life of a container. */

export type Line = {
  /** When the runtime got it, ms since the epoch. */
  readonly time: number;
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
  /** How often the container had been started anew by then. */
  readonly life: number;
};

/** All lines of a container, in the order of its lives. */
export function linesOf(folder: string, namespace: string, pod: string, container: string): readonly Line[] {
  const pods = named(join(folder, 'pod-logs'), (name) => name.startsWith(`${namespace}_${pod}_`));
  return pods.flatMap((path) => {
    const lives = named(join(path, container), (name) => name.endsWith('.log'));
    return lives.sort((one, other) => lifeOf(one) - lifeOf(other)).flatMap(linesIn);
  });
}

function named(folder: string, wanted: (name: string) => boolean): string[] {
  try {
    return readdirSync(folder)
      .filter(wanted)
      .map((name) => join(folder, name));
  } catch {
    return [];
  }
}

function lifeOf(path: string): number {
  return Number(/(\d+)\.log$/.exec(path)?.[1] ?? 0);
}

/** The format of the CRI: `TIME STREAM F|P TEXT`, P for a part of a line that is too long. */
function linesIn(path: string): readonly Line[] {
  const found: Line[] = [];
  let part = '';
  // The last one is being written, or nothing.
  for (const line of read(path).split('\n').slice(0, -1)) {
    const [, time = '', stream = '', tag = '', text = ''] =
      /^(\S+) (stdout|stderr) ([FP])\S* (.*)$/s.exec(line) ?? [];
    if (time === '') continue;
    part += text;
    if (tag === 'P') continue;
    found.push({
      time: Date.parse(time),
      stream: stream === 'stderr' ? 'stderr' : 'stdout',
      text: part.replace(/\r$/, ''),
      life: lifeOf(path),
    });
    part = '';
  }
  return found;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
