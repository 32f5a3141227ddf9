import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { createEngine } from '../../src/core/engine.ts';
import type { FileAnswer, FileRequest } from '../../src/core/files/files.ts';
import { type LinkChange, mayChangeContent } from '../../src/core/files/volume.ts';
import type { LogLine } from '../../src/core/log/log.ts';
import type { TimerName } from '../../src/core/state/event.ts';
import type { Watchable } from '../../src/core/state/ports.ts';
import { createFiles } from '../../src/node/files.ts';
import { begin, settings, watch } from './given.ts';
import { createHold } from './hold.ts';
import {
  createVolume,
  type Operation,
  type OperationName,
  type Payload,
  type WriteOrder,
} from './kubelet.ts';
import { CATCHING } from './procs.ts';

/** What may go wrong in one life. */
export type Fate = {
  /** What each file request takes, ms. */
  readonly takes: number;
  readonly poll: number;
  /** Operations of the writers before each file request, in turn. */
  readonly paces: readonly number[];
  /** Every so many file requests one fails; 0: none. */
  readonly failEvery: number;
  readonly errno: string;
  /** What becomes of a hint: told at once, as a kernel does and never again, or late, twice or never. */
  readonly hints: 'at once' | 'late' | 'twice' | 'never';
};

export type Written = {
  readonly order: WriteOrder;
  readonly payloads: readonly Payload[];
  /** What is there before; else one file `k`. */
  readonly first?: Payload;
};

/** Requests that a file system may refuse, though the rest of it works. */
const FALLIBLE: readonly FileRequest['op'][] = [
  'readlink',
  'list',
  'status',
  'inspect',
  'open',
  'digest-file',
];

/** What a kernel tells of the link to the generation. */
const LINKS: Partial<Readonly<Record<OperationName, LinkChange>>> = {
  swap: 'swapped',
  'unlink-data': 'copied',
  'link-data': 'copied',
};

/** More than the looks take that one event leads to. */
const ENDLESS = 20_000;

const host = createFiles();

function connectNowhere(): never {
  throw new Error('nothing is to be connected to');
}

/**
 * The engine over a real file system that changes between any two requests, that fails, and whose events lie: the Files,
 * Watcher and Clock ports are the test's own. One life; `dispose` removes its files.
 */
export function watchingWorld(volumes: readonly Written[], fate: Fate) {
  const root = mkdtempSync(join(tmpdir(), 'rehup-'));
  const writers = volumes.map(({ order, payloads, first = { k: 'first' } }, index) => {
    const volume = createVolume(join(root, `${index}`), { order });
    volume.write(first);
    function* write() {
      for (const payload of payloads) yield* volume.operations(payload);
    }
    const doing = { name: 'read', path: volume.path } as Operation;
    return { path: volume.path, steps: write(), doing, done: false };
  });
  let places: ReadonlyMap<string, Watchable> = new Map();
  const lines: LogLine[] = [];
  const timers = new Map<TimerName, number>();
  const tasks: (() => void)[] = [];
  let now = 0;
  let requests = 0;
  let sinceLook = 0;
  let signals = 0;
  let hints = 0;
  let quiet = true;
  const hold = createHold((hint) => engine.deliver(hint));
  function write(operations: number): void {
    for (let made = 0; made < operations; made++) {
      const busy = writers.filter(({ done }) => !done);
      const writer = busy[(made + requests) % Math.max(busy.length, 1)];
      if (writer === undefined) return;
      const next = writer.steps.next();
      hints += 1;
      // Each operation is performed when the next one is asked for.
      if (fate.hints === 'at once' && isTold(writer.doing)) {
        const link = LINKS[writer.doing.name];
        const { path } = writer.doing;
        hold.tell({
          type: 'hint',
          changes: new Map([[dirname(path), new Set([basename(path)])]]),
          links: new Map(link === undefined ? [] : [[writer.path, link]]),
        });
      }
      if (next.done === true) writer.done = true;
      else writer.doing = next.value;
    }
  }

  /** Whether a kernel tells of it: it does to who watches the directory that it happens in. */
  function isTold({ path }: Operation): boolean {
    return places.has(dirname(path)) && mayChangeContent(basename(path));
  }

  function perform(request: FileRequest): FileAnswer {
    requests += 1;
    sinceLook += 1;
    now += fate.takes;
    if (sinceLook > ENDLESS) throw new Error(`a look without end: ${lines.at(-1)?.message}`);
    // Where the tests run need not be where a disk is.
    if (request.op === 'memory') return { op: 'memory', value: false };
    if (!quiet) {
      write(fate.paces[requests % fate.paces.length] ?? 0);
      if (FALLIBLE.includes(request.op) && fate.failEvery > 0 && requests % fate.failEvery === 0)
        return { op: 'error', errno: fate.errno };
    }
    return host.perform(request);
  }

  const engine = createEngine(
    {
      settings: settings({ watches: writers.map(({ path }) => watch(path, 'SIGHUP')), poll: fate.poll }),
      room: undefined,
    },
    {
      processes: {
        start: () => ({ pid: 2 }),
        signal: () => {
          signals += 1;
          return undefined;
        },
        self: 1,
        proc: CATCHING,
        jobs: () => [],
        hasChildren: () => false,
        reaped: () => 0,
        descends: () => false,
        suspend: () => {},
        signalExactly: () => undefined,
      },
      commands: { run: () => () => {} },
      names: { lookUp: () => () => {} },
      network: {
        connect: connectNowhere,
        connectLocal: connectNowhere,
      },
      notifications: {
        openSocket: () => ({ address: '@rehup' }),
        openPipe: () => ({ descriptor: 9 }),
        take: () => undefined,
        close: () => {},
      },
      files: { perform },
      helpers: { start: () => ({ errno: 'ENOSYS' }) },
      cwd: '/',
      watcher: {
        watch(wanted) {
          places = wanted;
          tasks.push(() => engine.deliver({ type: 'watching' }));
        },
        pause: hold.pause,
        resume: hold.resume,
      },
      clock: {
        now: () => now,
        wall: () => now,
        processorTime: () => now,
        setTimer: (timer, delay) => void timers.set(timer, now + delay),
        clearTimer: (timer) => void timers.delete(timer),
        soon: (task) => void tasks.push(task),
      },
      listener: { listen: () => {}, listenLocal: () => {}, reply: () => {}, hangUp: () => {}, end: () => {} },
      print: () => {},
      log: { write: (line) => void lines.push(line), dropped: () => 0 },
      exit: (code, refusal) => {
        throw new Error(`exit ${code}: ${refusal}`);
      },
    },
  );

  function hint(): void {
    sinceLook = 0;
    hold.tell({ type: 'hint' });
  }

  /** The timer that is due next. */
  function fire(only?: TimerName): boolean {
    const set = [...timers].filter(([timer]) => only === undefined || timer === only);
    const [next] = set.sort(([, one], [, other]) => one - other);
    if (next === undefined) return false;
    now = Math.max(now, next[1]);
    timers.delete(next[0]);
    sinceLook = 0;
    engine.deliver({ type: 'timer', timer: next[0] });
    return true;
  }

  function runTasks(): void {
    for (const task of tasks.splice(0)) task();
  }

  engine.deliver(begin());
  while (tasks.length > 0) runTasks();
  quiet = false;

  return {
    lines,
    paths: writers.map(({ path }) => path),
    get signals() {
      return signals;
    },
    get requests() {
      return requests;
    },
    /** Something happens; which thing, the choice says. */
    happens(choice: number): void {
      const kind = choice % 8;
      const detail = choice >> 3;
      const [path] = [...places.keys()].slice(detail % Math.max(places.size, 1));
      if (kind <= 1) write(1 + (detail % 6));
      else if (kind === 2) runTasks();
      else if (kind === 3) fire();
      else if (kind === 4 && path !== undefined) engine.deliver({ type: 'watch-lost', paths: [path] });
      else if (kind === 5 && path !== undefined)
        engine.deliver({
          type: 'watch-failed',
          paths: [path],
          errno: detail % 2 === 0 ? 'ENOSPC' : 'ENOENT',
        });
      // A burst of what does not count.
      else if (kind === 6 && detail % 2 === 0)
        for (let told = 0; told < 20; told++) hold.tell({ type: 'hint', changes: new Map() });
      else if (
        hints > 0 &&
        ['late', 'twice'].includes(fate.hints) &&
        (fate.hints !== 'late' || detail % 4 === 0)
      ) {
        hints = 0;
        hint();
        if (fate.hints === 'twice') hint();
      }
    },
    /** The writers make one operation, and nothing goes wrong; false if there is none left. */
    steps(): boolean {
      quiet = true;
      write(1);
      while (tasks.length > 0) runTasks();
      return writers.some(({ done }) => !done);
    },
    /** Time passes, and with it the timers that are due. */
    passes(milliseconds: number): void {
      const until = now + milliseconds;
      while (Math.min(...timers.values()) <= until) {
        fire();
        while (tasks.length > 0) runTasks();
      }
      now = Math.max(now, until);
    },
    /**
     * The writers end and nothing fails any more; one event tells of it, or none and the poll must do.
     *
     * @param only lets no other timer be due: neither the poll nor the second look at a generation may help
     */
    rests(only?: TimerName): void {
      write(Number.MAX_SAFE_INTEGER);
      quiet = true;
      while (tasks.length > 0) runTasks();
      fire('noise');
      if (fate.hints === 'late' || fate.hints === 'twice') hint();
      for (let rounds = 0; rounds < 40; rounds++) {
        while (tasks.length > 0) runTasks();
        if (!fire(only)) break;
      }
    },
    dispose: () => rmSync(root, { recursive: true }),
  };
}
