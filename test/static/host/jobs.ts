/**
 * A program of the static host that does the tasks that its word, a JSON list, tells, one after the other, and prints how each
 * ended and how many descriptors were open before and after all of them. A task with `cancel` is cancelled at once.
 */
import type { FileAnswer } from '../../../src/core/files/files.ts';
import { createJobs } from '../../../src/core/jobs/jobs.ts';
import { SIGCHLD } from '../../../src/core/process/signals.ts';
import type { JobOutcome, Task } from '../../../src/core/state/job.ts';
import { createCommands } from '../../../src/static/commands.ts';
import { createFiles } from '../../../src/static/files.ts';
import { createLoop } from '../../../src/static/loop.ts';
import { createNames } from '../../../src/static/names.ts';
import { createNetwork } from '../../../src/static/network.ts';
import { createProcesses } from '../../../src/static/processes.ts';

type Order = Task & { readonly cancel?: boolean };

export function main(): void {
  const orders = JSON.parse(native.words()[0] ?? '[]') as readonly Order[];
  const outcomes: (JobOutcome | 'cancelled')[] = [];
  const loop = createLoop();
  const files = createFiles();
  const processes = createProcesses({
    cwd: '/tmp',
    terminal: false,
    exited: () => {},
    stopped: () => {},
    orphan: () => {},
  });

  const jobs = createJobs({
    commands: createCommands(loop, { cwd: '/tmp', onEnd: processes.onEnd }),
    network: createNetwork(loop),
    names: createNames(loop, { onEnd: processes.onEnd }),
    drive(steps, told) {
      let answer: FileAnswer | undefined;
      for (;;) {
        const next = answer === undefined ? steps.next() : steps.next(answer);
        if (next.done === true) {
          told(next.value);
          return;
        }
        answer = next.value.op === 'pause' ? next.value : files.perform(next.value);
      }
    },
    reach: (_words, _environment, told) => told(undefined),
    ended(_job, outcome) {
      outcomes.push(outcome);
      loop.soon(goOn);
    },
  });

  const openNow = (): number => native.names('/proc/self/fd').length;

  function goOn(): void {
    const order = orders[outcomes.length];
    if (order === undefined) {
      native.print(1, `${JSON.stringify({ before, after: openNow(), outcomes })}\n`);
      native.exit(0);
    }
    const job = outcomes.length;
    jobs.begin(job, order);
    if (order.cancel !== true) return;
    jobs.cancel(job);
    outcomes.push('cancelled');
    loop.soon(goOn);
  }

  const signals = native.openSignals();
  loop.onReadable(signals, () => {
    if (native.takeSignals(signals).includes(SIGCHLD)) while (!processes.reap());
  });
  const before = openNow();
  loop.soon(goOn);
  loop.run({ next: () => undefined, run: () => {} });
}
