import { FIRST_RECHECK } from './observed.ts';
import { EMPTY_RECORD } from './record.ts';
import type { Settings } from './settings.ts';
import type { State } from './state.ts';
import { NO_VISITS } from './visits.ts';

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
    crashes: [],
    child: { phase: 'unborn' },
    observation: {
      phase: 'idle',
      looks: 0,
      again: false,
      watched: paths.map((path) => ({
        path,
        origin: settings.origins.get(path) ?? '--watch',
        capture: settings.environmentDirectories.includes(path),
        content: undefined,
        known: undefined,
        since: 0,
        confirmed: false,
        volume: undefined,
        directories: new Map(),
        trouble: undefined,
        unsettledSince: undefined,
        copy: undefined,
        frozen: false,
      })),
      since: 0,
      recheck: FIRST_RECHECK,
      directories: new Map(),
      deaf: new Set(),
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
      tending: false,
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
      deadly: new Set(),
      stale: [],
      degraded: undefined,
      applies: [],
      flapping: false,
    },
  };
}
