import type { Effect } from '../../src/core/state/effect.ts';
import type { Occurrence, TimerName } from '../../src/core/state/event.ts';
import type { Settings } from '../../src/core/state/settings.ts';

const MESSAGES = [
  'READY=1',
  'RELOADING=1',
  'RELOADING=1\nMONOTONIC_USEC=0',
  'RELOADING=1\nMONOTONIC_USEC=now',
  'STOPPING=1',
  'EXTEND_TIMEOUT_USEC=90000000\nSTATUS=so far',
  'READY=1\nRELOADING=1',
  'READY=2\n=\nRELOADING\n\n\0',
  'a line\n',
];

/**
 * A child that says anything in any order, and the promise that goes with it: a reload that it has said to be in the
 * middle of does not count as applied.
 */
export function randomTelling(settings: Settings, check: (promise: boolean, what: string) => void) {
  /** Whether it said since the last action that it reloads, and nothing after that. */
  let reloading = false;
  /** Whether the verify time since that action was over before. */
  let waited = false;

  function hears(message: string): void {
    if (message.includes('RELOADING=1') && !message.endsWith('USEC=0')) reloading = true;
    if (message.includes('READY=1')) reloading = false;
  }

  return {
    observe(effect: Effect): void {
      const acts = effect.type === 'signal' ? effect.purpose === 'reload' : effect.type === 'begin-job';
      if (acts || effect.type === 'start') {
        reloading = false;
        waited = false;
      }
      if (effect.type !== 'log' || effect.line.event !== 'reload.applied') return;
      const action = String(effect.line.fields['action']);
      const heard = settings.ready?.kind === 'notify' && !['restart', 'exit', 'none'].includes(action);
      if (heard) check(waited || !reloading, 'applied in the middle of the reload');
    },
    says(choice: number, now: number): Occurrence {
      const messages = Array.from({ length: choice % 3 }, (_, index) =>
        (MESSAGES[(choice + index * 5) % MESSAGES.length] ?? '').replace(
          'now',
          String(Math.ceil(now * 1000)),
        ),
      );
      messages.forEach(hears);
      return { type: 'messages', messages, strangers: choice % 4, more: choice % 5 === 0 };
    },
    /** It says that it serves. */
    isReady(): Occurrence {
      const message = settings.ready?.kind === 'notify-fd' ? 'up\n' : 'READY=1';
      hears(message);
      return { type: 'messages', messages: [message], strangers: 0, more: false };
    },
    fired(timer: TimerName): void {
      if (timer === 'probe') waited = true;
    },
  };
}
