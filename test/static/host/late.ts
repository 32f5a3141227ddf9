/**
 * A program of the static host that is late: when its timer is due, a child that it started has ended in time, and it has looked
 * for neither. Prints in which order it hears of them.
 */
import { SIGCHLD } from '../../../src/core/process/signals.ts';
import { createClock } from '../../../src/static/clock.ts';
import { createLoop } from '../../../src/static/loop.ts';
import { createProcesses } from '../../../src/static/processes.ts';

const DELAY = 50;

export function main(): void {
  const heard: string[] = [];
  const loop = createLoop();
  const clock = createClock(loop, (timer) => {
    native.print(1, `${[...heard, timer].join(' ')}\n`);
    native.exit(0);
  });
  const processes = createProcesses({
    cwd: '/',
    terminal: false,
    exited: () => void heard.push('exited'),
    stopped: () => {},
    orphan: () => {},
  });
  const signals = native.openSignals();
  loop.onReadable(signals, () => {
    if (native.takeSignals(signals).includes(SIGCHLD)) processes.reap();
  });
  loop.soon(() => {
    const started = processes.start(['/bin/true'], []);
    if (!('pid' in started)) return native.exit(1);
    while (!processes.proc.read(`/proc/${started.pid}/stat`)?.includes(') Z '));
    clock.setTimer('verify-start', DELAY);
    const due = clock.now() + DELAY;
    while (clock.now() <= due);
  });
  loop.run(clock.timers);
}
