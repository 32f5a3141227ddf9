import { createDrive, drivenAtOnce } from '../core/drive.ts';
import { createEngine } from '../core/engine.ts';
import { withoutOrphans } from '../core/log/log.ts';
import { refusalLine, TERMINATION_LOG } from '../core/log/printable.ts';
import { EXIT_FAILED } from '../core/process/exit.ts';
import { HOST_FILES, hostOf, NO_HOST } from '../core/process/host.ts';
import { argumentBytes, LIMITS } from '../core/process/proc.ts';
import { SIGCHLD } from '../core/process/signals.ts';
import type { Occurrence } from '../core/state/event.ts';
import { asksFor } from '../core/state/settings.ts';
import { orphanLine } from '../core/supervision/orphans.ts';
import { bytesOfText } from '../core/text/bytes.ts';
import { createClock } from './clock.ts';
import { createCommands } from './commands.ts';
import { createFiles } from './files.ts';
import { createHelpers } from './helpers.ts';
import { createListener } from './listener.ts';
import { createLog } from './log.ts';
import { createLoop } from './loop.ts';
import { createNames } from './names.ts';
import { errnoOf } from './native.ts';
import { createNetwork } from './network.ts';
import { createNotifications } from './notifications.ts';
import { attempt, createProcesses, readProc } from './processes.ts';
import { createWatcher } from './watcher.ts';

// Last, so that what only the start needs lies together in memory, and whole pages of it can be given back.

import { installOutcome } from '../cli/commands/install.ts';
import type { RunOptions } from '../cli/invocation.ts';
import { ownVariables } from '../cli/options.ts';
import { parse } from '../cli/parse.ts';
import { versionText } from '../cli/version.ts';
import { EXECUTABLE, type Installing, install } from '../core/files/below/installing.ts';
import { type Asking, performAsking } from '../core/server/asking.ts';
import { probe } from './probe.ts';

/** Set by the build from package.json and git. */
declare const REHUP_VERSION: string;
declare const REHUP_COMMIT: string;

// Once with next to nothing, so that what is worked out of the defaults is there when the executable starts.
parse({
  words: ['true'],
  environment: new Map(),
  cwd: '/',
  terminal: false,
  columns: () => undefined,
  version: '',
});

/**
 * Called by the C host; what is above happens when the executable is built (image.c), and must depend on nothing. What it
 * returns is called then, and holds nothing of the command line but its outcome.
 */
export function main(): () => never {
  const environment = native.environment();
  const variables = ownVariables(environment);
  const cwd = givenDirectory();
  const terminal = native.terminal(2) >= 0;
  const invocation = parse({
    words: native.words(),
    environment: variables,
    cwd,
    terminal,
    columns: () => {
      const columns = native.terminal(1);
      return columns > 0 ? columns : undefined;
    },
    version: versionText(REHUP_VERSION, 'static', REHUP_COMMIT),
  });
  switch (invocation.kind) {
    case 'print':
      quietly(() => native.print(1, bytesOfText(invocation.text)));
      return native.exit(0);
    case 'refuse':
      refuse(invocation.message);
      leaveWord(invocation.message);
      return native.exit(EXIT_FAILED);
    case 'ask':
      return () => askRunning(invocation);
    case 'probe':
      return () =>
        probe(invocation.probing, environment, cwd, ({ code, out }) => {
          quietly(() => native.print(1, out));
          native.exit(code);
        });
    case 'install':
      return () => installThis(invocation);
    case 'control': {
      const message = 'controller: only the Node edition has it; use the executable rehup-node or its image';
      refuse(message);
      leaveWord(message);
      return native.exit(EXIT_FAILED);
    }
    case 'run':
      return () => run(invocation, environment, cwd);
    default:
      return invocation satisfies never;
  }
}

/** The working directory; undefined if it is gone. */
function givenDirectory(): string | undefined {
  try {
    return native.directory();
  } catch (error) {
    errnoOf(error);
    return undefined;
  }
}

/**
 * From here on rehup keeps no mount busy, and starts the child in the directory that was given. False where it would not
 * get back there (a WORKDIR that this user may not enter): then it stays, and the child with it.
 */
function leaveDirectory(cwd: string): boolean {
  return (
    attempt(() => native.changeDirectory(cwd)) === undefined &&
    attempt(() => native.changeDirectory('/')) === undefined
  );
}

/** Tells the user one line, unless nobody can read it, which is no failure of ours. */
function refuse(message: string): void {
  native.openLog();
  quietly(() => native.log(bytesOfText(refusalLine(message))));
}

/** Tells the kubelet why the container ends, where it wants to know. */
function leaveWord(reason: string): void {
  quietly(() => native.fillEmpty(TERMINATION_LOG, bytesOfText(refusalLine(reason))));
}

function quietly(act: () => void): void {
  try {
    act();
  } catch (error) {
    errnoOf(error);
  }
}

/** `rehup install`. */
function installThis(place: Omit<Installing, 'executable'>): never {
  const installed = drivenAtOnce(createFiles(), install({ ...place, executable: EXECUTABLE }));
  const version = versionText(REHUP_VERSION, 'static', REHUP_COMMIT);
  const { code, out, error } = installOutcome(installed, version);
  quietly(() => native.print(1, bytesOfText(out)));
  if (error !== undefined) refuse(error);
  return native.exit(code);
}

function givenHost(asked: boolean): ReturnType<typeof hostOf> {
  if (!asked) return NO_HOST;
  let namespace: string | undefined;
  attempt(() => {
    namespace = native.readlink(HOST_FILES.namespace);
  });
  return hostOf(readProc(HOST_FILES.name), namespace);
}

/** `rehup status` and `rehup reload`. */
function askRunning(asking: Asking): never {
  const loop = createLoop();
  let giveUp = (): void => {};
  const clock = createClock(loop, () => giveUp());
  const files = createFiles();
  giveUp = performAsking(
    { network: createNetwork(loop), clock, drive: createDrive(files, clock, () => false) },
    asking,
    native.user(),
    ({ code, out, error }) => {
      quietly(() => native.print(1, bytesOfText(out)));
      if (error !== undefined) refuse(error);
      native.exit(code);
    },
  );
  return loop.run(clock.timers);
}

function run(options: RunOptions, environment: readonly string[], cwd: string | undefined): never {
  const { logLevel, logFormat, colours } = options;
  const terminal = native.terminal(0) >= 0;
  const pid1 = native.processId() === 1;
  const unadopted = pid1 ? undefined : attempt(() => native.becomeSubreaper());
  const directory = cwd !== undefined && leaveDirectory(cwd) ? cwd : undefined;
  const loop = createLoop();
  const tell = (occurrence: Occurrence): void => engine.deliver(occurrence);
  const files = createFiles();
  const processes = createProcesses({
    cwd: directory,
    terminal,
    exited: (status) => tell({ type: 'child-exited', status }),
    stopped: (signal) => tell({ type: 'child-stopped', signal }),
    orphan: (pid, status) => log.write(orphanLine(pid, status)),
  });
  const clock = createClock(loop, (timer) => tell({ type: 'timer', timer }));
  const log = createLog({ level: logLevel, format: logFormat, colours });
  const engine = createEngine(options, {
    processes,
    commands: createCommands(loop, { cwd: directory, onEnd: processes.onEnd }),
    network: createNetwork(loop),
    names: createNames(loop, { onEnd: processes.onEnd }),
    notifications: createNotifications(loop, () => tell({ type: 'notified' })),
    clock,
    files,
    helpers: createHelpers(loop, { files, onEnd: processes.onEnd }),
    cwd,
    watcher: createWatcher(loop, {
      hint: (changes, links) => tell({ type: 'hint', links, ...(changes === undefined ? {} : { changes }) }),
      watching: () => tell({ type: 'watching' }),
      failed: (paths, errno) => tell({ type: 'watch-failed', paths, errno }),
      lost: (paths) => tell({ type: 'watch-lost', paths }),
    }),
    listener: createListener(loop, tell, () => ({
      wall: clock.wall(),
      reaped: processes.reaped(),
      dropped: log.dropped(),
    })),
    log,
    print: (text) => quietly(() => native.print(1, bytesOfText(text))),
    exit(code, refusal, reason) {
      log.flush();
      if (refusal !== undefined) refuse(refusal);
      if (reason !== undefined) leaveWord(reason);
      native.exit(code);
    },
  });

  function reap(): void {
    if (!processes.reap()) loop.soon(reap);
  }

  const signals = native.openSignals();
  loop.onReadable(signals, () => {
    for (const signal of native.takeSignals(signals)) {
      if (signal === SIGCHLD) reap();
      else tell({ type: 'signal', signal });
    }
  });
  // What has come already is known before anything is started.
  const early = native.takeSignals(signals).filter((signal) => signal !== SIGCHLD);
  const arrivals = early.map((signal): Occurrence => ({ type: 'signal', signal }));
  const asks = asksFor(options.settings);
  const begin: Occurrence = {
    type: 'begin',
    pid1,
    terminal,
    environment,
    argumentBytes: argumentBytes(asks.limits ? readProc(LIMITS) : undefined),
    seed: native.random(),
    identity: { version: REHUP_VERSION, edition: 'static', uid: native.user(), ...givenHost(asks.host) },
  };
  if (unadopted !== undefined) log.write(withoutOrphans(unadopted));
  engine.deliver(begin, ...arrivals);
  // What was there before rehup, by an exec, may have ended already.
  reap();
  return loop.run(clock.timers, log.flush, engine.timed);
}
