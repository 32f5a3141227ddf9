import { NO_CONTENT } from '../files/content.ts';
import { FIRST_RECHECK } from './observed.ts';
import { EMPTY_RECORD } from './record.ts';
import type { Settings } from './settings.ts';
import type { Announced, State } from './state.ts';
import { NO_VISITS } from './visits.ts';

/** A child that has said nothing yet. */
export const NOTHING_ANNOUNCED: Announced = {
  status: undefined,
  stopping: false,
  extended: 0,
  told: 0,
  reload: 'unheard',
  warned: false,
};

/** Where everything begins: nothing was looked at, and no child was started. */
export function initialState(settings: Settings): State {
  const paths = [
    ...new Set([...settings.watches.map((watch) => watch.path), ...settings.environmentDirectories]),
  ];
  return {
    settings,
    pid1: false,
    terminal: false,
    inherited: [],
    argumentBytes: 0,
    seed: 0,
    jobs: 0,
    readiness: { phase: 'idle' },
    served: false,
    announced: NOTHING_ANNOUNCED,
    crashes: [],
    child: { phase: 'unborn' },
    strangers: [],
    stoppedFromOutside: false,
    observation: {
      phase: 'idle',
      looks: 0,
      looking: [],
      due: new Map(),
      urgent: false,
      waiting: new Set(),
      troubled: new Set(),
      snapshot: new Map(paths.map((path) => [path, NO_CONTENT])),
      began: 0,
      quietUntil: 0,
      polls: 0,
      watched: paths.map((path) => ({
        path,
        origin: settings.origins.get(path) ?? '--watch',
        capture: settings.environmentDirectories.includes(path),
        content: undefined,
        known: undefined,
        since: 0,
        confirmed: false,
        volume: undefined,
        nested: [],
        plain: true,
        places: new Map(),
        trouble: undefined,
        unsettledSince: undefined,
        copy: undefined,
        apart: 'no',
        polled: false,
        frozen: new Set<string>(),
        points: undefined,
      })),
      since: 0,
      recheck: FIRST_RECHECK,
      places: new Map(),
      lost: new Set(),
      unwatched: new Set(),
      degraded: new Set(),
      copied: new Set(),
    },
    server: NO_VISITS,
    record: EMPTY_RECORD,
    identity: { version: '', edition: '', uid: 0 },
    gate: {
      transit: { phase: 'closed' },
      checked: undefined,
      publishing: undefined,
      staged: settings.stages.length === 0 ? [] : undefined,
      skipped: [],
      ownersTold: false,
    },
    configuration: {
      progress: { phase: 'baseline' },
      told: new Map(),
      unanswered: undefined,
      seen: new Map(),
      changedAt: undefined,
      requested: [],
      awaitVerified: false,
      verifying: undefined,
      reloads: 0,
      lastApply: undefined,
      applied: undefined,
      barred: undefined,
      retries: 0,
      retrying: [],
      splayed: false,
      next: { snapshot: new Map(), environment: [] },
      found: new Set(),
      deadly: new Set(),
      stale: [],
      degraded: undefined,
      applies: [],
      flapping: false,
    },
  };
}
