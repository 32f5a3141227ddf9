import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type Capability, PID_NAMESPACE } from './machine.ts';
import { IN_TIME, PATIENCE } from './patience.ts';

const DIST = join(import.meta.dirname, '../../dist');

/** The executable under test: that of `REHUP_BIN`, else the static one, if this machine could build it. */
export const REHUP_BIN =
  process.env['REHUP_BIN'] ?? join(DIST, existsSync(join(DIST, 'rehup')) ? 'rehup' : 'rehup-node');

/** Whether it is the one with Node in it, which can do a little less (docs/editions.md). */
export const IS_NODE = basename(REHUP_BIN) === 'rehup-node';

/** The static executable, as the one under test. */
export const STATIC_EXECUTABLE: Capability = {
  prefix: IS_NODE ? undefined : [],
  remedy: 'a C compiler for the static executable (apt-get install -y musl-tools gcc xz-utils)',
};

const VICTIMS = join(import.meta.dirname, '../victims');

export { IN_TIME, PATIENCE };

/** The words that run the witness, a victim that tells what happens to it. */
export function witness(file: string, ...words: readonly string[]): readonly string[] {
  return [process.execPath, join(VICTIMS, 'witness.mjs'), file, ...words];
}

export type LogObject = { readonly event: string; readonly msg: string; readonly level: string } & Readonly<
  Record<string, unknown>
>;

export type Rehup = {
  /** Lines of the child on stdout so far. */
  readonly output: readonly string[];
  /** Everything on stderr so far. */
  readonly errors: () => string;
  /** The lines on stderr that are none of the log. */
  readonly plain: () => readonly string[];
  /** The log after `rehup.started`, with which every life begins. */
  readonly log: () => readonly LogObject[];
  /** Waits for the nth (from 1) line of output that begins with this. */
  said(start: string, nth?: number): Promise<string>;
  /** Waits for the nth log line of an event. */
  logged(event: string, nth?: number): Promise<LogObject>;
  /** The process id of rehup itself, seen from outside. */
  pid(): number;
  signal(name: NodeJS.Signals | number): void;
  /** The code with which rehup ended. */
  readonly ended: Promise<number>;
  /** Ends whatever of it is left. */
  dispose(): Promise<void>;
};

export type RehupOptions = {
  /** Words before the executable; by default those that make it PID 1 of a namespace. */
  readonly prefix?: readonly string[];
  /** Instead of the executable under test. */
  readonly executable?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Descriptor for stderr instead of the pipe that is read. */
  readonly stderr?: number;
  /** Makes stdin a socket that nobody reads what is written into. */
  readonly unreadStdin?: boolean;
};

const running = new Set<Rehup>();

/** Ends all that the tests of a file have left running. */
export async function disposeAll(): Promise<void> {
  await Promise.all([...running].map((rehup) => rehup.dispose()));
}

/** Starts the executable under test as PID 1 of a PID namespace. */
export function rehup(words: readonly string[], options: RehupOptions = {}): Rehup {
  const prefix = options.prefix ?? PID_NAMESPACE.prefix ?? [];
  const [program = '', ...args] = [...prefix, options.executable ?? REHUP_BIN, ...words];
  const environment = { PATH: process.env['PATH'] ?? '', ...options.environment };
  const child = spawn(program, args, {
    env: environment,
    cwd: options.cwd,
    stdio: [options.unreadStdin === true ? 'pipe' : 'ignore', 'pipe', options.stderr ?? 'pipe'],
    detached: true,
  });
  const output: string[] = [];
  let rest = '';
  let errors = '';
  const waiting = new Set<() => void>();
  const wake = () => {
    for (const check of [...waiting]) check();
  };
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    output.push(...lines);
    wake();
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
    wake();
  });
  const ended = new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) =>
      code === null ? reject(new Error(`ended by ${signal}`)) : resolve(code),
    );
  });
  // A test that does not ask how it ended must not fail for it.
  ended.catch(() => {});

  function whole(): readonly LogObject[] {
    return errors
      .split('\n')
      .filter((line) => line.startsWith('{') && line.endsWith('}'))
      .map((line) => JSON.parse(line) as LogObject);
  }

  function log(): readonly LogObject[] {
    return whole().filter(({ event }) => event !== 'rehup.started');
  }

  /** Waits until something is there, looking again whenever rehup or its child says something. */
  function until<Value>(look: () => Value | undefined, what: string): Promise<Value> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        waiting.delete(check);
        reject(new Error(`waited in vain for ${what}\noutput:\n${output.join('\n')}\nerrors:\n${errors}`));
      }, PATIENCE);
      function check(): void {
        const value = look();
        if (value === undefined) return;
        clearTimeout(timer);
        waiting.delete(check);
        // What was written before it into the other pipe is read by then: a turn of the loop may have found only this one.
        setImmediate(() => setImmediate(() => resolve(value)));
      }
      waiting.add(check);
      check();
    });
  }

  const self: Rehup = {
    output,
    errors: () => errors,
    log,
    plain: () => errors.split('\n').filter((line) => line !== '' && !line.startsWith('{')),
    said: (start, nth = 1) =>
      until(() => output.filter((line) => line.startsWith(start))[nth - 1], `line ${nth} of "${start}"`),
    logged: (event, nth = 1) =>
      until(() => whole().filter((line) => line.event === event)[nth - 1], `${event} ${nth}`),
    pid: () => supervisorOf(child),
    signal: (name) => void process.kill(supervisorOf(child), name),
    ended,
    async dispose() {
      running.delete(self);
      if (child.exitCode === null && child.pid !== undefined) killTree(child.pid);
      await ended.catch(() => {});
    },
  };
  running.add(self);
  return self;
}

/** Kills a process that is ours and what it has started: without a namespace nobody else does. */
function killTree(pid: number): void {
  try {
    const children = childrenOf(pid);
    process.kill(pid, 'SIGKILL');
    for (const child of children) killTree(child);
  } catch {
    // Gone already.
  }
}

/** `unshare --fork` waits for rehup as its only child; without a namespace rehup is the process itself. */
function supervisorOf(child: ChildProcess): number {
  const pid = child.pid ?? 0;
  const name = readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  return name === 'unshare' ? (childrenOf(pid)[0] ?? pid) : pid;
}

/** The children of a process, seen from outside its namespace: proc_pid_task(5). */
export function childrenOf(pid: number): readonly number[] {
  return readdirSync(`/proc/${pid}/task`)
    .flatMap((task) => readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' '))
    .filter((word) => word.trim() !== '')
    .map(Number);
}
