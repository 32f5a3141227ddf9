import { SIGINT, SIGQUIT, SIGTERM, type Signal } from '../process/signals.ts';
import type { Settings } from '../state/settings.ts';

/** What a signal that came from outside asks for (specification 2.2 and 2.5). */
export type Route =
  | { readonly kind: 'dropped' }
  /** `perhaps`: a QUIT, which is no stop if the child outlives it. */
  | { readonly kind: 'stop'; readonly sent: Signal; readonly perhaps: boolean }
  | { readonly kind: 'reload'; readonly signal: Signal; readonly forced: boolean }
  | { readonly kind: 'forward'; readonly signal: Signal };

/** Whether it means stop is decided by the signal that arrived, everything else by what it is rewritten to. */
export function routeOf(settings: Settings, arrived: Signal): Route {
  const { rewrites, stopSignal } = settings;
  const signal = rewrites.get(arrived) ?? arrived;
  if (signal === 0) return { kind: 'dropped' };
  if ([SIGTERM, SIGINT, SIGQUIT, stopSignal].includes(arrived)) {
    const perhaps = arrived === SIGQUIT && stopSignal !== SIGQUIT;
    return { kind: 'stop', sent: rewrites.has(arrived) ? signal : translated(settings, arrived), perhaps };
  }
  const asked = reloadsBy(settings, signal);
  if (asked.length === 0) return { kind: 'forward', signal };
  return { kind: 'reload', signal, forced: asked.some((action) => action.forced) };
}

/** A TERM or INT becomes `--stop-signal` where that is given. */
function translated({ translateStop, stopSignal }: Settings, signal: Signal): Signal {
  return translateStop && (signal === SIGTERM || signal === SIGINT) ? stopSignal : signal;
}

/** The actions of which this signal, from outside, is a request. */
function reloadsBy({ onChange, watches }: Settings, signal: Signal) {
  const actions = [onChange, ...watches.map((watch) => watch.action)];
  return actions.filter((action) => action.kind === 'signal').filter((action) => action.signal === signal);
}
