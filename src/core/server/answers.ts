import type { Asked } from '../report/facts.ts';
import { metricsOf } from '../report/metrics.ts';
import { PAGE_FIELDS, pageOf } from '../report/page.ts';
import { statusOf } from '../report/status.ts';
import type { State } from '../state/state.ts';
import type { Peer } from '../state/visits.ts';
import { isLoopback } from '../text/address.ts';
import { nameOf } from './health.ts';
import type { Request } from './request.ts';
import { plain, type Response, refusal } from './response.ts';

/* What is answered to each path (specification 6). */

/** Paths and digests are for those who may see them. */
const PRIVATE: readonly string[] = ['/', '/status'];

/** The answer to a GET or HEAD; that of `/readyz` as it is known. */
export function answerTo(state: State, { path }: Request, peer: Peer, asked: Asked): Response {
  if (
    PRIVATE.includes(path) &&
    peer.kind === 'tcp' &&
    !isLoopback(peer.address) &&
    !state.settings.listenStatus
  ) {
    return plain(403, 'only from the loopback address (kubectl port-forward), or with --listen-status');
  }
  switch (path) {
    case '/livez':
      return plain(200, 'rehup works');
    case '/readyz':
      return readiness(state);
    case '/metrics':
      return { code: 200, type: 'text/plain; version=0.0.4; charset=utf-8', body: metricsOf(state, asked) };
    case '/status':
      return { code: 200, type: 'application/json', body: `${JSON.stringify(statusOf(state, asked))}\n` };
    case '/':
      return {
        code: 200,
        type: 'text/html; charset=utf-8',
        body: pageOf(statusOf(state, asked)),
        fields: PAGE_FIELDS,
      };
    default:
      return nameOf(path, '/started') === undefined ? refusal(404) : started(state);
  }
}

/** The kubelet takes any answer for success, and does without none. */
function started({ settings }: State): Response {
  return settings.pod === undefined ? refusal(404) : plain(200, 'thank you');
}

/** Whether the application serves as far as its start is concerned. */
export function serves({ child, served, configuration: { progress } }: State): boolean {
  const draining = progress.phase === 'acting' && progress.draining === true;
  return child.phase === 'running' && served && !draining;
}

/** Whether requests should be sent to the application, and why not. */
export function readiness(state: State): Response {
  const { child, server, settings } = state;
  if (child.phase !== 'running') return plain(503, `no child runs: ${child.phase}`);
  if (!serves(state) && state.readiness.phase === 'ready')
    return plain(503, 'the child is about to be restarted');
  if (!serves(state)) return plain(503, 'the child runs, and --ready has not succeeded since');
  if (settings.ready !== undefined && server.served?.ok === false)
    return plain(503, `--ready does not succeed: ${server.served.reason}`);
  return plain(200, 'the application serves');
}

/** A reload that was asked for and does not come. */
export function refused(reason: string): Response {
  return { code: 503, type: 'application/json', body: `${JSON.stringify({ outcome: null, reason })}\n` };
}
