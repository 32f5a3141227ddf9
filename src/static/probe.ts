import { createDrive } from '../core/drive.ts';
import { type Probed, performProbe } from '../core/probe/performing.ts';
import type { Probing } from '../core/probe/probe.ts';
import { signalCode } from '../core/process/exit.ts';
import { SIGCHLD } from '../core/process/signals.ts';
import { createClock } from './clock.ts';
import { createCommands } from './commands.ts';
import { createFiles } from './files.ts';
import { createHelpers } from './helpers.ts';
import { createLoop } from './loop.ts';
import { createProcesses } from './processes.ts';

/** `rehup probe`. */
export function probe(
  probing: Probing,
  environment: readonly string[],
  cwd: string | undefined,
  told: (probed: Probed) => void,
): never {
  const loop = createLoop();
  let elapsed = (_timer: string): void => {};
  const clock = createClock(loop, (timer) => elapsed(timer));
  const files = createFiles();
  const processes = createProcesses({
    cwd,
    terminal: false,
    exited: () => {},
    stopped: () => {},
    orphan: () => {},
  });
  const signals = native.openSignals();
  function reap(): void {
    if (!processes.reap()) loop.soon(reap);
  }
  loop.onReadable(signals, () => {
    for (const signal of native.takeSignals(signals)) {
      if (signal === SIGCHLD) reap();
      else native.exit(signalCode(signal));
    }
  });
  elapsed = performProbe(
    {
      files,
      helpers: createHelpers(loop, { files, onEnd: processes.onEnd }),
      clock,
      commands: createCommands(loop, { cwd, onEnd: processes.onEnd }),
      driveBy: (answering) => createDrive(answering, clock, () => false),
    },
    probing,
    environment,
    told,
  );
  return loop.run(clock.timers);
}
