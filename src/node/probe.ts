import { createDrive } from '../core/drive.ts';
import { type Probed, performProbe } from '../core/probe/performing.ts';
import type { Probing } from '../core/probe/probe.ts';
import { createClock } from './clock.ts';
import { createFiles } from './files.ts';
import { createCommands } from './process/commands.ts';
import { createHelpers } from './process/helpers.ts';

/** `rehup probe`. */
export function probe(
  probing: Probing,
  environment: readonly string[],
  cwd: string | undefined,
  told: (probed: Probed) => void,
): void {
  let elapsed = (_timer: string): void => {};
  const clock = createClock((timer) => elapsed(timer));
  const foreign = new Set<number>();
  elapsed = performProbe(
    {
      files: createFiles(),
      helpers: createHelpers(foreign),
      clock,
      commands: createCommands(cwd ?? '/', foreign),
      driveBy: (answering) => createDrive(answering, clock, () => false),
    },
    probing,
    environment,
    told,
  );
}
