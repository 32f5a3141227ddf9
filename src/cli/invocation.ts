import type { Installing } from '../core/files/below/installing.ts';
import type { LogFormat, LogLevel } from '../core/log/log.ts';
import type { Probing } from '../core/probe/probe.ts';
import type { Asking } from '../core/server/asking.ts';
import type { SidecarRoom } from '../core/sidecar/room.ts';
import type { Settings } from '../core/state/settings.ts';

/** What rehup was given: byte strings, as a host reads them. */
export type Given = {
  /** The words after the program's name. */
  readonly words: readonly string[];
  readonly environment: ReadonlyMap<string, string>;
  /** The working directory, absolute; undefined if it is gone. */
  readonly cwd: string | undefined;
  /** Whether stderr is a terminal. */
  readonly terminal: boolean;
  /** The width of the terminal on stdout in columns, if it is one; asked only for a help that is shown. */
  readonly columns: () => number | undefined;
  /** What `--version` prints. */
  readonly version: string;
};

export type RunOptions = {
  readonly settings: Settings;
  /** What only a sidecar runs. */
  readonly room: SidecarRoom | undefined;
  readonly logLevel: LogLevel | 'silent';
  readonly logFormat: LogFormat;
  /** Whether lines for people have colours. */
  readonly colours: boolean;
};

/** What is to be done. */
export type Invocation =
  | ({ readonly kind: 'run' } & RunOptions)
  /** A question to the running rehup. */
  | ({ readonly kind: 'ask' } & Asking)
  /** One look against a baseline. */
  | { readonly kind: 'probe'; readonly probing: Probing }
  /** A copy of this executable, to an absolute path. */
  | ({ readonly kind: 'install' } & Omit<Installing, 'executable'>)
  /** `rehup controller`, which only the Node edition has; these are the words behind it. */
  | { readonly kind: 'control'; readonly words: readonly string[] }
  /** Text for stdout, and exit code 0. */
  | { readonly kind: 'print'; readonly text: string }
  /** Bad usage: one line for stderr, and exit code 125. */
  | { readonly kind: 'refuse'; readonly message: string };
