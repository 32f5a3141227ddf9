import type { Signal } from '../process/signals.ts';
import type { Stage } from '../staging/stage.ts';
import type { Endpoint, HttpEndpoint } from '../text/endpoint.ts';
import type { PathPredicate } from '../text/glob.ts';
import type { Action } from './action.ts';

/** One `--watch`: an absolute path and what a change below it does. */
export type Watch = { readonly path: string; readonly action: Action };

/** The option or variable that a path was written into, for what is to be said of it: `--watch`, `REHUP_ENV_DIR`. */
export type Origins = ReadonlyMap<string, string>;

/** Who gets a forwarded signal; `auto`: the child alone if it catches the signal, else its process group. */
export type SignalTarget = 'child' | 'group' | 'auto';

export const SIGNAL_TARGETS: readonly SignalTarget[] = ['auto', 'child', 'group'];

/** What happens when the child exits by itself. */
export type ExitPolicy = 'exit' | 'restart' | 'restart-on-failure';

export const EXIT_POLICIES: readonly ExitPolicy[] = ['exit', 'restart', 'restart-on-failure'];

/** Something of the command line that is probably a mistake, though it can be run: `about` which option or variable, and what. */
export type Doubt = { readonly about: string; readonly text: string };

/** One word of `--check`: texts, and the places where the directory of a watch's or stage's new content goes in. */
export type CheckWord = readonly (string | { readonly source: string })[];

/** What must succeed before a start or a reload counts as verified. */
export type Ready =
  /** `lenient`: any status from 200 to 399 will do, as for the kubelet. */
  | { readonly kind: 'http'; readonly endpoint: HttpEndpoint; readonly lenient?: true }
  | { readonly kind: 'tcp'; readonly endpoint: Endpoint }
  | { readonly kind: 'exec'; readonly words: readonly string[] }
  /** The child says so itself, by sd_notify(3). */
  | { readonly kind: 'notify' }
  /** The child writes a newline to this descriptor once it serves, as s6 has it; it says nothing of reloads. */
  | { readonly kind: 'notify-fd'; readonly descriptor: number };

/** How slots of a fleet are asked for (specification 5.2). */
export type FleetSettings = {
  /** The server; its `resource` is what the paths of the protocol are put behind. */
  readonly endpoint: HttpEndpoint;
  readonly group: string;
  /** Who asks; undefined: the host name. */
  readonly id: string | undefined;
  /** A file with a token that is sent along, read anew each time. */
  readonly token: string | undefined;
  /** Go on without a slot after this, ms; 0: never. */
  readonly timeout: number;
};

/** What only a sidecar is told (specification 7). */
export type PodSettings = {
  /** A directory that outlives the container, for what is to be known of an earlier life; undefined: nothing is. */
  readonly state: string | undefined;
  /** Whether the least time between two ends grows while they follow each other closely. */
  readonly growing: boolean;
  /** The health check that the application had, asked at each request of `/livez`, for so long, ms. */
  readonly health: Extract<Ready, { kind: 'http' | 'tcp' }> | undefined;
  readonly healthTimeout: number;
};

/** What the command line asked for, validated: the rest of the program trusts it. Durations are in milliseconds. */
export type Settings = {
  /** Whether the application runs in another container of the pod: `rehup sidecar`. */
  readonly sidecar: boolean;
  /** What a sidecar is told besides. */
  readonly pod: PodSettings | undefined;
  /** The words of COMMAND, byte strings; at least one, but for a sidecar, which has none. */
  readonly command: readonly string[];
  /** The sources of stages are among them. */
  readonly watches: readonly Watch[];
  /** What a change does where its watch does not say. */
  readonly onChange: Action;
  /** Says which paths below a watch do not count. */
  readonly ignore: PathPredicate;
  /** Whether a directory that lost all its files counts as changed. */
  readonly allowEmpty: boolean;
  readonly settle: number | 'auto';
  /** 0: never. */
  readonly poll: number;
  readonly minInterval: number;
  readonly verify: number;
  readonly stopSignal: Signal;
  /** Whether `--stop-signal` was given: then a TERM or INT from outside is sent as that signal. */
  readonly translateStop: boolean;
  readonly stopTimeout: number;
  readonly signalTo: SignalTarget;
  /** What a signal that arrives is taken for; 0: for none. */
  readonly rewrites: ReadonlyMap<Signal, Signal | 0>;
  /** What rehup ends with instead of a code of the child. */
  readonly exitMap: ReadonlyMap<number, number>;
  /** What the child's own exit does. */
  readonly onExit: ExitPolicy;
  /** So many restarts by the policy within ten minutes, and no more. */
  readonly maxRestarts: number;
  /** What must exit with 0 before a change is applied. */
  readonly check: readonly CheckWord[] | undefined;
  readonly checkTimeout: number;
  readonly stages: readonly Stage[];
  /** What is to be warned of at the start. */
  readonly doubts: readonly Doubt[];
  /** Of what is watched, by its path, and of the stages, by their targets. */
  readonly origins: Origins;
  /** Whether no line of the log is wanted: what ends rehup is one plain line even then. */
  readonly silent: boolean;
  /** Where HTTP is answered; no host: everywhere. */
  readonly listen: { readonly host: string | undefined; readonly port: number } | undefined;
  /** Whether `/status` and `/` are for whoever reaches the port. */
  readonly listenStatus: boolean;
  /** Where the control socket is to be; undefined: where it can be made, if it can. */
  readonly socket: string | undefined;
  readonly ready: Ready | undefined;
  readonly readyTimeout: number;
  /** Limit of an `exec:` or HTTP action. */
  readonly actionTimeout: number;
  /** A reload waits for a random part of this. */
  readonly splay: number;
  /** How slots of a fleet are asked for, if they are. */
  readonly fleet: FleetSettings | undefined;
  /** So long before a restart requests are to go elsewhere. */
  readonly drain: number;
  /** Look once, say what would be done, and start nothing. */
  readonly dryRun: boolean;
  /** Directories whose files are variables of the child; later ones win. Watched, each by itself. */
  readonly environmentDirectories: readonly string[];
};

/** What a life with these settings asks of the machine. A host reads nothing else: it would be in the way of the start. */
export function asksFor({ environmentDirectories, fleet, sidecar }: Settings): {
  readonly limits: boolean;
  readonly host: boolean;
} {
  return { limits: environmentDirectories.length > 0, host: sidecar || fleet !== undefined };
}
