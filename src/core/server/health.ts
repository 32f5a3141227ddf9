import { servesBy } from '../jobs/check.ts';
import { probeTask } from '../readiness/readiness.ts';
import { isUnwell } from '../sidecar/unwell.ts';
import type { State } from '../state/state.ts';
import { clearTimers, type EventOf, log, setTimer, type Turn } from '../state/turn.ts';
import type { Server, Visit } from '../state/visits.ts';
import { textOfBytes } from '../text/bytes.ts';
import { withServer } from './opening.ts';
import { NOTHING_YET, type Request } from './request.ts';
import { plain } from './response.ts';
import { answer, withVisit } from './visits.ts';

/* What a sidecar answers to the probes and hooks of the application's container (specification 7). */

/** Of the only container there is no name; others have those of Kubernetes. */
const NAME = /^[a-z0-9-]{0,63}$/;

/** The name behind a path, '' for none; undefined if it is another path. */
export function nameOf(path: string, base: string): string | undefined {
  if (path === base) return '';
  const name = path.startsWith(`${base}/`) ? path.slice(base.length + 1) : undefined;
  return name !== undefined && NAME.test(name) ? name : undefined;
}

/** Tells of a hook, which is answered at once, whatever comes of it. */
export function hearHook({ settings }: State, { method, path, hook }: Request, turn: Turn): void {
  if (settings.pod === undefined) return;
  const name = nameOf(path, '/started');
  if (name !== undefined && method === 'GET') turn.notices.push({ type: 'main-started', name });
  if (name !== undefined || !hook) return;
  const shown = textOfBytes(path);
  const message = `a hook of the kubelet asks for ${shown}, which tells nothing; it is /started, or /started/NAME`;
  log(turn, 'warn', 'sidecar.wrong_hook', message, { path: shown });
}

type Probe = { readonly name: string; readonly head: boolean };

/** A probe of the application's container: is it well? */
export function probed(state: State, number: number, visit: Visit, { name, head }: Probe, turn: Turn): State {
  const { pod, pid1, server, settings, child } = state;
  // Where processes of others can be seen, they tell of a start.
  if (!pid1 && !pod.shared && child.phase === 'running')
    turn.effects.push({ type: 'see-others', own: { port: undefined, network: false } });
  const asking: Visit = { ...visit, incoming: NOTHING_YET, phase: 'probing', head, name };
  if (isUnwell(state, name)) return say(state, number, asking, CHANGED, turn);
  const health = settings.pod?.health;
  if (health === undefined) return answer(state, number, asking, plain(200, 'rehup works'), head, turn);
  const waiting = withVisit(state, number, asking);
  if (server.health !== undefined) return waiting;
  const job = state.jobs + 1;
  turn.effects.push({ type: 'begin-job', job, task: probeTask(state, health) });
  setTimer(turn, 'health', settings.pod?.healthTimeout ?? 0);
  return withServer({ ...waiting, jobs: job }, { health: job });
}

const CHANGED = 'the content has changed, and the application is to be restarted';

/** It is not well: who was told so restarts it. */
function say(state: State, number: number, visit: Visit, reason: string, turn: Turn): State {
  turn.notices.push({ type: 'unwell-answered', name: visit.name ?? '' });
  return answer(state, number, visit, plain(503, reason), visit.head, turn);
}

export function healthTold(state: State, { outcome }: EventOf<'job-ended'>, turn: Turn): State {
  clearTimers(turn, 'health');
  const health = state.settings.pod?.health;
  const verdict = servesBy(outcome, health?.kind === 'http' && health.lenient === true);
  return tell(state, verdict.kind === 'pass' ? undefined : verdict.reason, turn);
}

export function healthInVain(state: State, { health }: Server, _event: unknown, turn: Turn): State {
  if (health !== undefined) turn.effects.push({ type: 'cancel-job', job: health });
  return tell(state, `no answer within ${state.settings.pod?.healthTimeout} ms`, turn);
}

/** Meanwhile the content may have changed. */
function tell(before: State, reason: string | undefined, turn: Turn): State {
  const state = noted(withServer(before, { health: undefined }), reason, turn);
  return [...state.server.visits]
    .filter(([, { phase }]) => phase === 'probing')
    .reduce((now, [number, visit]) => {
      if (isUnwell(now, visit.name ?? '')) return say(now, number, visit, CHANGED, turn);
      return reason === undefined
        ? answer(now, number, visit, plain(200, 'the application is well'), visit.head, turn)
        : say(now, number, visit, `the application is not well: ${reason}`, turn);
    }, state);
}

/** The kubelet tells of a probe that failed, and not why. */
function noted(state: State, reason: string | undefined, turn: Turn): State {
  const ailing = reason !== undefined;
  if (ailing === state.server.ailing) return state;
  if (ailing)
    log(turn, 'warn', 'sidecar.health_failed', `the application is not well: ${reason}`, { reason });
  else log(turn, 'info', 'sidecar.health_recovered', 'the application is well again');
  return withServer(state, { ailing });
}
