import type { FileStatus } from '../core/files/files.ts';

/**
 * The functions of the C host (native/), as properties of the global object `native`. Strings are byte strings. What
 * fails is thrown as a {@link SystemError}. The comments of the C functions are their documentation.
 */
export type Native = {
  // given.c
  words(): readonly string[];
  environment(): readonly string[];
  directory(): string;
  changeDirectory(path: string): void;
  /** The columns of the terminal on a descriptor, 0 if it does not say; -1 if it is none. */
  terminal(descriptor: number): number;
  giveBackMemory(): void;

  // spawn.c
  /** Of stdin, stdout and stderr -1 is that of rehup; a gift of -1 is none. */
  spawn(
    file: string,
    argv: readonly string[],
    environment: readonly string[],
    directory: string | undefined,
    foreground: boolean,
    stdin: number,
    stdout: number,
    stderr: number,
    gift: number,
    number: number,
  ): number;
  /** Process id of the helper and the socket to it; in the helper 0, and the socket to rehup. */
  helper(): readonly [number, number];

  // process.c
  /** Process id, 1 if it exited by itself, and its code or signal, in turn. */
  reap(most: number): readonly number[];
  hasChildren(): boolean;
  /** The signal by which a child was stopped since it was last asked; 0 if it was not. */
  stopped(pid: number): number;
  kill(pid: number, signal: number): void;
  /** A descriptor of a process that never becomes that of another: pidfd_open(2). */
  openProcess(pid: number): number;
  signalOpened(descriptor: number, signal: number): void;
  processId(): number;
  becomeSubreaper(): void;
  /** The process group of rehup itself. */
  group(): number;
  foreground(): number;
  giveForeground(group: number): void;
  exit(code: number): never;

  // signals.c
  openSignals(): number;
  takeSignals(descriptor: number): readonly number[];

  // events.c
  expect(descriptor: number, events: number): void;
  /** Descriptors and their epoll(7) events in turn. */
  wait(milliseconds: number): readonly number[];
  openNotifier(): number;
  /** `mask`: the inotify(7) events that are wanted besides those that others asked for there. */
  watchPlace(notifier: number, path: string, mask: number): number;
  unwatch(notifier: number, watch: number): void;
  /** Numbers of watches, their inotify(7) masks and the names concerned in turn. */
  takeHints(notifier: number): readonly (number | string)[];
  now(): number;
  time(): number;
  processorTime(): number;
  random(): number;

  // files.c
  readlink(path: string, directory?: number): string;
  names(path: string): readonly string[];
  status(path: string, follow: boolean, directory?: number): FileStatus;
  fileSystem(path: string): number;
  open(path: string, directory?: number): number;
  enter(path: string, directory?: number): number;
  /** A descriptor to read on from, -1 if that is all, and the names. */
  list(path: string): readonly (number | string)[];
  listRest(descriptor: number): readonly (number | string)[];
  inspect(path: string, keyed: boolean): NativeInspected;

  // generation.c
  /** The type of the file system, then names, sizes and digests in turn, null, and names. */
  generation(path: string, name: string, keyed: boolean): readonly (number | string | null)[] | undefined;

  // staging.c
  mkdir(directory: number | undefined, name: string, mode: number): void;
  create(directory: number, name: string, mode: number): number;
  grant(directory: number, name: string, mode: number): void;
  symlink(directory: number, name: string, target: string): void;
  rename(directory: number, from: string, to: string): void;
  unlink(directory: number | undefined, name: string): void;
  rmdir(directory: number | undefined, name: string): void;
  chmod(descriptor: number, mode: number): void;
  chown(descriptor: number, owner: number, group: number): void;
  lock(descriptor: number): boolean;
  entries(directory: number, anew: boolean): readonly string[];
  copy(digest: number, from: number, to: number): number;
  store(descriptor: number, bytes: string): void;
  append(path: string, bytes: string): void;
  sync(descriptor: number): void;

  // digest.c
  digest(keyed: boolean): number;
  digestFile(digest: number, descriptor: number): number;
  digestBytes(digest: number, bytes: string): void;
  digestEnd(digest: number): string;

  // descriptors.c
  close(descriptor: number): void;
  pipe(): readonly [number, number];
  memoryFile(): number;
  read(descriptor: number, most: number): string;
  readAt(descriptor: number, position: string, most: number): string;
  hasChanged(descriptor: number): boolean;
  readTail(descriptor: number, most: number): string;
  openDatagrams(name: string): number;
  /** Process id of the sender, 1 if it is whole, and the bytes. */
  receive(descriptor: number): readonly [number, number, string];
  print(descriptor: number, bytes: string): void;
  openLog(): void;
  log(bytes: string): number;
  fillEmpty(path: string, bytes: string): void;

  // sockets.c
  connect(address: string, port: number): number;
  connected(descriptor: number): void;
  send(descriptor: number, bytes: string): number;
  listenTcp(address: string, port: number): number;
  listenUnix(path: string): number;
  port(descriptor: number): number;
  accept(descriptor: number): number;
  peerAddress(descriptor: number): string;
  endSending(descriptor: number): void;
  user(): number;
  peerUser(descriptor: number): number;
  connectUnix(path: string): number;
  /** In a helper, since it takes time: addresses, or why there are none as netdb.h names it. */
  addresses(name: string): readonly string[] | string;
};

/** With the digest of a small file, which is empty for anything else. */
export type NativeInspected = FileStatus & { readonly size: number; readonly digest: string };

/** A system call that failed. */
export type SystemError = { readonly call: string; readonly errno: string };

/** The name of the errno(3) that something thrown carries. What is no {@link SystemError} is a bug, and thrown on. */
export function errnoOf(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'errno' in error && typeof error.errno === 'string') {
    return error.errno;
  }
  throw error;
}

declare global {
  var native: Native;
}
