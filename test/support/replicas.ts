import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FleetLock } from './fleet-lock.ts';
import type { Volume } from './kubelet.ts';
import { PID_NAMESPACE } from './machine.ts';
import { type Rehup, rehup } from './rehup.ts';
import { writtenVolume } from './volume.ts';

/** Many replicas of one workload, each with a volume of its own, and what their applications told of when they read what. */

/**
 * Ends of content that begins with `bad`, takes all memory there is for `oom`, else says that it serves; tells when it started on
 * which, and in which replica.
 */
const APPLICATION = `#!/bin/sh
content=$(cat "$2/k")
echo "$(date +%s%N) $1 $content" >> "$3"
case $content in bad*) exit 3;; oom*) exec tail /dev/zero;; esac
echo >&3
exec sleep 100000
`;

export type Replica = { readonly name: string; readonly volume: Volume; run: Rehup };

/** An application that started, by its own words. */
export type Start = { readonly at: number; readonly name: string; readonly content: string };

/** `limited`: words before each that limit its memory, if `oom` is to be written. */
export function replicas(
  folder: string,
  count: number,
  lock: FleetLock,
  limited: (name: string) => readonly string[] = () => [],
) {
  const app = join(folder, 'app');
  const told = join(folder, 'told');
  writeFileSync(app, APPLICATION);
  writeFileSync(told, '');
  chmodSync(app, 0o755);

  function start(name: string): Rehup {
    const words = [
      '--stage',
      `${join(folder, name)}=${join(folder, `${name}-target`)}`,
      '--verify',
      '0',
      '--ready',
      'notify-fd:3',
    ];
    const fleet = ['--fleet-lock', lock.url, '--fleet-group', 'web', '--fleet-id', name];
    const command = [app, name, join(folder, `${name}-target`), told];
    const prefix = [...limited(name), ...(PID_NAMESPACE.prefix ?? [])];
    return rehup([...words, ...fleet, '--min-interval', '0', ...command], { prefix });
  }

  const all: readonly Replica[] = Array.from({ length: count }, (_, index) => {
    const name = `web-${index}`;
    mkdirSync(join(folder, `${name}-target`));
    return { name, volume: writtenVolume(join(folder, name), { k: '1' }), run: start(name) };
  });

  return {
    all,
    /** A replica whose container was ended is started anew. */
    again(replica: Replica): void {
      replica.run = start(replica.name);
    },
    starts: (): readonly Start[] =>
      readFileSync(told, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => {
          const [at = '', name = '', content = ''] = line.split(' ');
          return { at: Number(at) / 1e6, name, content };
        }),
    /** Writes this to all, each at a random time within so many ms, as the kubelets of a cluster do. */
    async write(content: string, within: number): Promise<void> {
      await Promise.all(
        all.map(
          ({ volume }) =>
            new Promise<void>((resolve) =>
              setTimeout(() => {
                volume.write({ k: content });
                resolve();
              }, Math.random() * within),
            ),
        ),
      );
    },
  };
}

/** The times at which a replica's reloads ended, ms since the epoch. */
export function endsOf({ run }: Replica): readonly number[] {
  const events = ['reload.applied', 'reload.rolled_back', 'reload.failed'];
  return run
    .log()
    .filter(({ event }) => events.includes(event))
    .map((line) => Date.parse(String(line['time'])));
}

/** How many replicas at most were between the start of their application on this content and the verdict on it. */
export function mostAtOnce(all: readonly Replica[], starts: readonly Start[], content: string): number {
  const edges = all.flatMap((replica) => {
    const start = starts.find((one) => one.name === replica.name && one.content === content);
    if (start === undefined) return [];
    const end = endsOf(replica).find((one) => one >= start.at) ?? Number.POSITIVE_INFINITY;
    return [
      { at: start.at, step: 1 },
      { at: end, step: -1 },
    ];
  });
  let now = 0;
  let most = 0;
  for (const { step } of edges.sort((one, other) => one.at - other.at || one.step - other.step)) {
    now += step;
    most = Math.max(most, now);
  }
  return most;
}
