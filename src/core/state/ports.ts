import type { Files } from '../files/files.ts';
import type { Place } from '../files/places.ts';
import type { Helpers } from '../files/remote/helpers.ts';
import type { LogLine } from '../log/log.ts';
import type { ExitStatus } from '../process/exit.ts';
import type { Proc } from '../process/proc.ts';
import type { Signal } from '../process/signals.ts';
import type { Result } from '../text/result.ts';
import type { TimerName } from './event.ts';

/**
 * The child and its signals. Exits of the child and signals from outside come to the engine as events; orphans are
 * reaped by the host without a word.
 */
export type Processes = {
  /**
   * Starts a command as specification 2.1 says, in a process group of its own.
   *
   * @param environment `NAME=value` entries, byte strings; their PATH is where the command is looked for
   * @param gift a descriptor of rehup's that it gets as another number besides 0–2; closed in rehup, started or not
   * @param files the files that it may be, where only these are to be touched
   * @returns its process id, or the name of the errno(3) that tells why it could not be started
   */
  start(
    command: readonly string[],
    environment: readonly string[],
    gift?: Gift,
    files?: readonly string[],
  ): { readonly pid: number } | { readonly errno: string };
  /** kill(2) to the process `pid`, or to the process group of that number; the name of the errno if it fails. 0 only asks. */
  signal(pid: number, signal: Signal | 0, to: 'child' | 'group'): string | undefined;
  /**
   * Sends a signal to a process and to no later one of its number (pidfd_open(2)); the name of the errno if it fails.
   *
   * @param isStill whether it is the one that is meant, asked once it can't become another
   */
  signalExactly(pid: number, signal: Signal, isStill: () => boolean): string | undefined;
  /** The process id of rehup itself. */
  readonly self: number;
  readonly proc: Proc;
  /** Whether rehup has any child, started by it or adopted. */
  hasChildren(): boolean;
  /** Zombies reaped so far that were not rehup's own children. */
  reaped(): number;
  /** Whether a process is one that rehup started, or adopted, or a descendant of such a one. */
  descends(pid: number): boolean;
  /** The process ids of all that rehup has started beside the child, commands and helpers, and not waited for yet. */
  jobs(): readonly number[];
  /**
   * Stops rehup itself, or all of its process group, as a terminal's job control wants it, until a CONT comes. The terminal,
   * if the child's group holds it, is rehup's meanwhile, and the child's again afterwards if rehup was given it.
   */
  suspend(child: number, whom: 'self' | 'group'): void;
};

export type Gift = { readonly descriptor: number; readonly number: number };

/**
 * The channel on which the child says that it serves, one at a time: a new one takes the place of the one before it. That
 * something was said comes to the engine as a `notified` event, and not again until `take` has found nothing left.
 */
export type Notifications = {
  /** Opens a datagram socket under an abstract name (unix(7)) with 64 random bits in it; the name as sd_notify(3) wants it. */
  openSocket(): { readonly address: string } | { readonly errno: string };
  /** Opens a pipe; the descriptor is the end that is written to, which is the caller's. */
  openPipe(): { readonly descriptor: number } | { readonly errno: string };
  /** The next message, of a pipe some bytes; undefined if there is none. Descriptors that come along are closed. */
  take(): Message | undefined;
  close(): void;
};

export type Message = {
  readonly bytes: string;
  /** Whether that is all of it: what is longer than 16 KiB is cut. */
  readonly whole: boolean;
  /** The process that sent it, as the kernel says (SCM_CREDENTIALS); undefined on a pipe. */
  readonly sender: number | undefined;
};

/** What tells that a place is the same, and what of it is to be told. */
export type Watchable = Pick<Place, 'identity' | 'kind'>;

/** Hints on places; what it tells comes to the engine as `hint`, `watching`, `watch-failed` and `watch-lost` events. */
export type Watcher = {
  /** Watches these places and no others, in its own time. One whose identity differs from before is watched anew. */
  watch(places: ReadonlyMap<string, Watchable>): void;
  /** Tells nothing until `resume`; what happens meanwhile is told then. */
  pause(): void;
  resume(): void;
};

export type Clock = {
  /** Milliseconds on a clock that never jumps. */
  now(): number;
  /** Milliseconds since the epoch, on a clock that may be set. */
  wall(): number;
  /** Milliseconds of processor time that this thread has taken. */
  processorTime(): number;
  /** Sets or replaces a one-shot timer, which comes to the engine as a `timer` event. */
  setTimer(timer: TimerName, delay: number): void;
  clearTimer(timer: TimerName): void;
  /** Runs something as soon as what has happened meanwhile has been delivered. */
  soon(task: () => void): void;
};

export type Log = {
  write(line: LogLine): void;
  /** Lines so far that nobody took. */
  dropped(): number;
};

/** Commands beside the child. */
export type Commands = {
  /**
   * Runs a command in a process group of its own, in the working directory that rehup was given, with stdin from
   * /dev/null and one pipe for stdout and stderr. It is over when its own process has exited: what is left of its group
   * is then killed, and what the pipe still holds is told before the exit. Nothing is told before the call has returned.
   *
   * @param environment `NAME=value` entries, byte strings; their PATH is where the command is looked for
   * @param input an open file that it finds at descriptor 3, from its beginning; closed here, whatever comes of it
   * @param files the files that it may be, where only these are to be touched
   * @returns what kills its whole group at once; nothing is told afterwards
   */
  run(
    words: readonly string[],
    environment: readonly string[],
    reports: CommandReports,
    input?: number,
    files?: readonly string[],
  ): () => void;
};

export type CommandReports = {
  /** Some output; of much at once perhaps only the last 4 KiB. */
  readonly wrote: (bytes: string) => void;
  readonly exited: (status: ExitStatus) => void;
  /** It could not be started. */
  readonly failed: (errno: string) => void;
};

/** TCP connections to others. */
export type Network = {
  /** Begins to connect to an IPv4 or IPv6 address. Nothing is told before the call has returned. */
  connect(address: string, port: number, reports: ConnectionReports): Connection;
  /** Begins to connect to a Unix socket; `connected` is told the user who listens there (SO_PEERCRED of unix(7)). */
  connectLocal(path: string, reports: ConnectionReports): Connection;
};

/** Addresses of host names, by DNS as /etc/resolv.conf says; nothing else is asked, and nothing waits for it. */
export type Names = {
  /**
   * Looks up the IPv4 and IPv6 addresses of a name, anew each time. Nothing is told before the call has returned.
   *
   * @param told addresses in the order in which they are to be tried, at least one; or why there are none
   * @returns what ends it; nothing is told afterwards
   */
  lookUp(name: string, told: (found: Result<readonly string[]>) => void): () => void;
};

export type Connection = {
  /** Once it is connected: sends bytes. If that fails, it is told by `ended` or `failed`. */
  send(bytes: string): void;
  /** Nothing is told afterwards. Needless after `ended` and `failed`. */
  close(): void;
};

export type ConnectionReports = {
  /** `user`: of a Unix socket, who listens there. */
  readonly connected: (user: number) => void;
  readonly received: (bytes: string) => void;
  /** The other side has closed it. */
  readonly ended: () => void;
  readonly failed: (errno: string) => void;
};

/** Requests from outside; what it tells comes to the engine as `listening`, `accepted`, `received` and `hung-up` events. */
export type Listener = {
  /** Begins to take TCP connections at an IPv4 or IPv6 address; \`::\` is for both. */
  listen(address: string, port: number): void;
  /**
   * Begins to take connections at a Unix socket of mode 0600; one that is there and that nobody listens on is replaced.
   * What comes of it is told by `listening-local`.
   *
   * @param directory was made for it alone, and goes with it
   */
  listenLocal(path: string, directory: string | undefined): void;
  /** Sends these bytes and ends the connection when they are gone, or can't go. */
  reply(connection: number, bytes: string): void;
  /** Ends a connection; nothing is told of it any more. */
  hangUp(connection: number): void;
  /** Removes the local socket, and the directory that was made for it. */
  end(): void;
};

/** What a host must offer, and nothing more. */
export type Ports = {
  readonly processes: Processes;
  readonly commands: Commands;
  readonly network: Network;
  readonly names: Names;
  readonly notifications: Notifications;
  readonly files: Files;
  readonly helpers: Helpers;
  /** The directory that commands are started in, absolute; undefined if it is gone. */
  readonly cwd: string | undefined;
  readonly watcher: Watcher;
  readonly listener: Listener;
  readonly clock: Clock;
  readonly log: Log;
  /** Writes text to stdout. */
  print(text: string): void;
  /**
   * Ends rehup.
   *
   * @param refusal one line for the user on stderr
   * @param reason of a code of rehup's own: goes into the termination log of the container
   */
  exit(code: number, refusal: string | undefined, reason: string | undefined): void;
};
