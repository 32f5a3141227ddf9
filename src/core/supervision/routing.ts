import { SIGINT, SIGQUIT, SIGTERM, type Signal } from '../process/signals.ts';
import type { Settings } from '../state/settings.ts';

/** What a signal that came from outside asks for (specification 2.2 and 2.5). */
export type Meaning =
  | { readonly kind: 'dropped' }
  /** `perhaps`: a QUIT, which is no stop if the child outlives it. */
  | { readonly kind: 'stop'; readonly sent: Signal; readonly perhaps: boolean }
  | { readonly kind: 'reload'; readonly signal: Signal }
  | { readonly kind: 'forward'; readonly signal: Signal };

/** Whether it means stop is decided by the signal that arrived, everything else by what it is rewritten to. */
export function meaningOf(settings: Settings, arrived: Signal): Meaning {
  const { rewrites, stopSignal } = settings;
  const signal = rewrites.get(arrived) ?? arrived;
  if (signal === 0) return { kind: 'dropped' };
  if ([SIGTERM, SIGINT, SIGQUIT, stopSignal].includes(arrived)) {
    const perhaps = arrived === SIGQUIT && stopSignal !== SIGQUIT;
    return { kind: 'stop', sent: rewrites.has(arrived) ? signal : translated(settings, arrived), perhaps };
  }
  return asksForReload(settings, signal) ? { kind: 'reload', signal } : { kind: 'forward', signal };
}

/** A TERM or INT becomes `--stop-signal` where that is given. */
function translated({ translateStop, stopSignal }: Settings, signal: Signal): Signal {
  return translateStop && (signal === SIGTERM || signal === SIGINT) ? stopSignal : signal;
}

function asksForReload({ onChange, watches }: Settings, signal: Signal): boolean {
  const actions = [onChange, ...watches.map((watch) => watch.action)];
  return actions.some((action) => action.kind === 'signal' && action.signal === signal);
}
