import type { Places } from '../../src/core/files/places.ts';
import type { Reading } from '../../src/core/files/reading.ts';
import { parseSignal, type Signal } from '../../src/core/process/signals.ts';
import { type Action, parseAction } from '../../src/core/state/action.ts';
import type { Occurrence } from '../../src/core/state/event.ts';
import type { FleetSettings, Settings, Watch } from '../../src/core/state/settings.ts';

/* What tests of the core are given: signals and actions by their names, settings, where rehup finds itself, and content. */

/** The number of a signal by its name; for tests, which know what they name. */
export function sig(name: string): Signal {
  const signal = parseSignal(name);
  if (!signal.ok) throw new Error(`${name}: ${signal.error}`);
  return signal.value;
}

export function act(name: string): Action {
  const action = parseAction(name);
  if (!action.ok) throw new Error(`${name}: ${action.error}`);
  return action.value;
}

/** Settings of a supervisor that watches `/v` and acts at once, but for what a test says. */
export function settings(change: Partial<Settings> = {}): Settings {
  return {
    sidecar: false,
    pod: undefined,
    command: ['app'],
    watches: [watch('/v', 'restart')],
    onChange: act('restart'),
    ignore: () => false,
    allowEmpty: false,
    settle: 0,
    poll: 0,
    minInterval: 0,
    verify: 0,
    stopSignal: sig('TERM'),
    translateStop: false,
    stopTimeout: 30_000,
    signalTo: 'auto',
    rewrites: new Map(),
    exitMap: new Map(),
    onExit: 'exit',
    maxRestarts: 5,
    check: undefined,
    checkTimeout: 30_000,
    stages: [],
    doubts: [],
    origins: new Map(),
    silent: false,
    listen: undefined,
    listenStatus: false,
    socket: undefined,
    ready: undefined,
    readyTimeout: 60_000,
    actionTimeout: 60_000,
    splay: 0,
    fleet: undefined,
    drain: 0,
    dryRun: false,
    environmentDirectories: [],
    ...change,
  };
}

/** A fleet whose server is at `http://lock/`. */
export function fleet(change: Partial<FleetSettings> = {}): FleetSettings {
  const endpoint = { host: '127.0.0.1', port: 80, text: 'http://lock', authority: 'lock', resource: '/' };
  return { endpoint, group: 'web', id: 'web-1', token: undefined, timeout: 0, ...change };
}

export function watch(path: string, action: string): Watch {
  return { path, action: act(action) };
}

/** What tells that content could not be applied. */
export const ALARM = ['watch.stale', 'rehup.degraded'];

/** Where rehup finds itself, but for what a test says. */
export function begin(change: Partial<Extract<Occurrence, { type: 'begin' }>> = {}): Occurrence {
  return {
    type: 'begin',
    pid1: true,
    terminal: false,
    environment: ['PATH=/bin'],
    argumentBytes: 2 * 1024 * 1024,
    seed: 1,
    identity: { version: '1.2.3', edition: 'static', uid: 1000, host: 'web-1', ownName: true },
    ...change,
  };
}

/** The reading of a kubelet volume at `/v` (or `root`) whose only file `k` has this content; '' for an empty volume. */
export function volumeReading(text: string, root = '/v', settled = true, capture = false): Reading {
  const files = new Map(text === '' ? [] : [['k', { size: text.length, digest: `sha256 of ${text}` }]]);
  const digest = `digest of ${text}`;
  const volume = { root, generation: `..${text}` };
  const places = placesAt(root);
  return {
    status: 'read',
    content: {
      digest,
      files,
      keyed: false,
      ...(capture ? { texts: new Map(text === '' ? [] : [['k', text]]) } : {}),
    },
    settled,
    moving: false,
    volume,
    places,
    known: { digest, files },
  };
}

/** A directory whose names all count. */
export function placesAt(path: string, identity = 'identity'): Places {
  return new Map([[path, { identity, kind: 'names', below: '' }]]);
}
