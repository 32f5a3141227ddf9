import './streams.ts';
import { randomBytes } from 'node:crypto';
import { writeSync } from 'node:fs';
import { isSea } from 'node:sea';
import { installOutcome, notOneFile } from '../cli/commands/install.ts';
import type { RunOptions } from '../cli/invocation.ts';
import { ownVariables } from '../cli/options.ts';
import { parse } from '../cli/parse.ts';
import { versionText } from '../cli/version.ts';
import { createDrive, drivenAtOnce } from '../core/drive.ts';
import { createEngine } from '../core/engine.ts';
import { EXECUTABLE, type Installing, install } from '../core/files/below/installing.ts';
import { type LogLine, withoutOrphans } from '../core/log/log.ts';
import { refusalLine } from '../core/log/printable.ts';
import { EXIT_FAILED, signalCode } from '../core/process/exit.ts';
import { SIGINT, SIGTERM, type Signal, signalName } from '../core/process/signals.ts';
import { type Asking, performAsking } from '../core/server/asking.ts';
import type { Occurrence } from '../core/state/event.ts';
import { asksFor } from '../core/state/settings.ts';
import { orphanLine } from '../core/supervision/orphans.ts';
import { shortage } from '../core/text/shortage.ts';
import { createClock } from './clock.ts';
import { createFiles } from './files.ts';
import {
  givenArgumentBytes,
  givenDirectory,
  givenEnvironment,
  givenIdentity,
  givenWords,
  isTerminal,
  leaveDirectory,
  terminalWidth,
} from './given.ts';
import { createLateWatcher } from './late-watcher.ts';
import { createListener } from './listener.ts';
import { createNames } from './network/names.ts';
import { createNetwork } from './network/network.ts';
import { createCommands } from './process/commands.ts';
import { createHelpers, HELPER, help } from './process/helpers.ts';
import { createNotifications } from './process/notifications.ts';
import { createProcesses } from './process/processes.ts';
import { isForwarded, listenForRealTimeSignals, listenForSignals } from './process/signals.ts';
import { createErrorWriter, leaveWord } from './stderr.ts';

/** Set by the build from package.json and git. */
declare const REHUP_VERSION: string;
declare const REHUP_COMMIT: string;

/** Node exits when nothing is left to wait for, but signals are always to come; setTimeout's longest time, ms. */
const KEEP_ALIVE = 2 ** 31 - 1;

/** libuv reads this when it first needs a pool; rehup needs none but for chokidar, and each thread costs memory. */
process.env['UV_THREADPOOL_SIZE'] = '1';

// Until here a signal is lost; from here on it is kept, and handled as soon as it is known what to do.
let deliver: (occurrence: Occurrence) => void = (occurrence) => void early.push(occurrence);
const early: Occurrence[] = [];
const signalCame = (signal: Signal): void => deliver({ type: 'signal', signal });
listenForSignals(signalCame);

// A bug of ours ends rehup as its own failure; the kubelet starts the container anew.
process.on('uncaughtException', (error: unknown) => {
  refuse(reasonOf(error));
  leaveWord(reasonOf(error));
  process.exit(EXIT_FAILED);
});

main();

function main(): undefined {
  const environment = givenEnvironment();
  const cwd = givenDirectory();
  const variables = ownVariables(environment);
  const terminal = isTerminal(2);
  const words = givenWords();
  if (words.length === 1 && words[0] === HELPER) {
    help(createFiles());
    return process.exit(0);
  }
  const invocation = parse({
    words,
    environment: variables,
    cwd,
    terminal,
    columns: () => terminalWidth(1),
    version: versionText(REHUP_VERSION, 'node', REHUP_COMMIT),
  });
  switch (invocation.kind) {
    case 'print':
      say(1, invocation.text);
      return process.exit(0);
    case 'refuse':
      refuse(invocation.message);
      leaveWord(invocation.message);
      return process.exit(EXIT_FAILED);
    case 'ask':
      return askRunning(invocation);
    case 'probe':
      deliver = (occurrence) => {
        if (occurrence.type === 'signal') process.exit(signalCode(occurrence.signal));
      };
      void import('./probe.ts').then(({ probe }) =>
        probe(invocation.probing, environment, cwd, ({ code, out }) => {
          say(1, out);
          process.exit(code);
        }),
      );
      return undefined;
    case 'install':
      return installThis(invocation);
    case 'control':
      void control(invocation.words, variables, cwd, terminal);
      return undefined;
    case 'run':
      // One turn of the loop, so that a stop that has come already is known before anything is started.
      setImmediate(run, invocation, environment, cwd);
      return undefined;
    default:
      return invocation satisfies never;
  }
}

/** `rehup install`: of the single executable alone, since a Node that runs a script is not rehup. */
function installThis(place: Omit<Installing, 'executable'>): never {
  const steps = () => drivenAtOnce(createFiles(), install({ ...place, executable: EXECUTABLE }));
  const version = versionText(REHUP_VERSION, 'node', REHUP_COMMIT);
  const { code, out, error } = isSea() ? installOutcome(steps(), version) : notOneFile(place.path);
  say(1, out);
  if (error !== undefined) refuse(error);
  return process.exit(code);
}

/** `rehup status` and `rehup reload`. */
function askRunning(asking: Asking): undefined {
  let giveUp = (): void => {};
  const clock = createClock(() => giveUp());
  giveUp = performAsking(
    { network: createNetwork(), clock, drive: createDrive(createFiles(), clock, () => false) },
    asking,
    process.geteuid?.() ?? 0,
    ({ code, out, error }) => {
      say(1, out);
      if (error !== undefined) refuse(error);
      process.exit(code);
    },
  );
  return undefined;
}

/** `rehup controller`, whose script and heap are its own: a PID 1 must not pay for them. */
async function control(
  words: readonly string[],
  environment: ReadonlyMap<string, string>,
  cwd: string | undefined,
  terminal: boolean,
): Promise<void> {
  const { startController } = await import('./process/controller.ts');
  const version = versionText(REHUP_VERSION, 'node', REHUP_COMMIT);
  const stop = startController(
    { words, environment, cwd, terminal, columns: terminalWidth(1), version },
    (code) => process.exit(code),
    (error) => {
      refuse(reasonOf(error));
      process.exit(EXIT_FAILED);
    },
  );
  deliver = (occurrence) => {
    if (occurrence.type === 'signal' && [SIGTERM, SIGINT].includes(occurrence.signal)) stop();
  };
  for (const occurrence of early.splice(0)) deliver(occurrence);
}

/** What is said of an error that nobody expected: in one line where a limit is the reason. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return `internal error: ${error}`;
  const help = 'code' in error && typeof error.code === 'string' ? shortage(error.code) : undefined;
  return help === undefined ? `internal error: ${error.stack}` : `${error.message}; ${help}`;
}

function withoutRealTime(reason: string): LogLine {
  const message = `real-time signals can't be received and are not forwarded: ${reason}`;
  return { level: 'warn', event: 'signal.failed', message, fields: { reason } };
}

/** A rewrite of a signal that this host can't tell from its own. */
function neverComes(signal: Signal): LogLine {
  const name = signalName(signal);
  const message = `--rewrite-signal ${name}: the Node edition never forwards it; the static one does`;
  return { level: 'warn', event: 'signal.failed', message, fields: { signal: name } };
}

function refuse(message: string): void {
  say(2, refusalLine(message));
}

/** Writes to a descriptor that may have been closed by whoever reads it, which is no failure of ours. */
function say(descriptor: number, text: string): void {
  try {
    writeSync(descriptor, text);
  } catch {
    // Nobody is there to be told.
  }
}

function run(options: RunOptions, environment: readonly string[], cwd: string | undefined): void {
  const { settings, logLevel, logFormat, colours } = options;
  const terminal = isTerminal(0);
  const tell = (occurrence: Occurrence): void => deliver(occurrence);
  const directory = cwd !== undefined && leaveDirectory(cwd) ? cwd : undefined;
  setInterval(() => {}, KEEP_ALIVE);

  let dropped = (): number => 0;
  const lines: [LogLine, number][] = [];
  let write = (line: LogLine, at: number): void => void lines.push([line, at]);
  const logging =
    logLevel === 'silent'
      ? undefined
      : import('./log.ts').then(({ createFormatter }) => {
          const options = { level: logLevel, format: logFormat, colours };
          const writer = createErrorWriter();
          write = createFormatter(options, writer);
          dropped = writer.dropped;
          for (const [line, at] of lines.splice(0)) write(line, at);
        });
  if (logging === undefined) write = () => {};

  const foreign = new Set<number>();
  const processes = createProcesses({
    cwd: directory,
    terminal,
    foreign,
    // Node does not tell what errno(3) was; a seccomp profile is what makes it fail.
    unadopted: () => write(withoutOrphans('EPERM'), Date.now()),
    exited: (status) => tell({ type: 'child-exited', status }),
    stopped: (signal) => tell({ type: 'child-stopped', signal }),
    orphan: (pid, status) => write(orphanLine(pid, status), Date.now()),
  });
  const engine = createEngine(options, {
    processes,
    commands: createCommands(directory ?? '/', foreign),
    network: createNetwork(),
    names: createNames(),
    notifications: createNotifications(() => tell({ type: 'notified' })),
    files: createFiles(),
    helpers: createHelpers(foreign),
    cwd,
    clock: createClock((timer) => tell({ type: 'timer', timer })),
    watcher: createLateWatcher({
      hint: (changes, links) => tell({ type: 'hint', changes, links }),
      watching: () => tell({ type: 'watching' }),
      failed: (paths, errno) => tell({ type: 'watch-failed', paths, errno }),
      lost: (paths) => tell({ type: 'watch-lost', paths }),
    }),
    listener: createListener(tell, () => ({
      wall: Date.now(),
      reaped: processes.reaped(),
      dropped: dropped(),
    })),
    print: (text) => say(1, text),
    log: { write: (line) => write(line, Date.now()), dropped: () => dropped() },
    exit(code, refusal, reason) {
      void Promise.resolve(logging).then(() => {
        if (refusal !== undefined) refuse(refusal);
        if (reason !== undefined) leaveWord(reason);
        process.exit(code);
      });
    },
  });
  deliver = engine.deliver;
  const missing = listenForRealTimeSignals(signalCame);
  if (missing !== undefined) write(withoutRealTime(missing), Date.now());
  for (const signal of settings.rewrites.keys())
    if (!isForwarded(signal)) write(neverComes(signal), Date.now());
  const asks = asksFor(settings);
  const begin: Occurrence = {
    type: 'begin',
    pid1: process.pid === 1,
    terminal,
    environment,
    argumentBytes: givenArgumentBytes(asks.limits),
    seed: randomBytes(4).readUInt32LE(),
    identity: { version: REHUP_VERSION, edition: 'node', ...givenIdentity(asks.host) },
  };
  engine.deliver(begin, ...early.splice(0));
}
