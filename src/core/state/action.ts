import {
  parseSignal,
  SIGCHLD,
  SIGINT,
  SIGKILL,
  SIGQUIT,
  SIGSTOP,
  SIGTERM,
  type Signal,
  signalName,
} from '../process/signals.ts';
import { BY_COMMAND, type HttpEndpoint, parseHttp } from '../text/endpoint.ts';
import { failure, type Result, success } from '../text/result.ts';
import { splitWords } from '../text/words.ts';

/** What a change of content does (specification 3). */
export type Action =
  | { readonly kind: 'restart' }
  /** `code`: what rehup ends with; undefined: the child's code. */
  | { readonly kind: 'exit'; readonly code: number | undefined }
  /** `/livez` says that the application is not well, so that the kubelet restarts it. */
  | { readonly kind: 'unhealthy' }
  | { readonly kind: 'none' }
  /** `forced`: sent whatever the child is seen to do with it. */
  | { readonly kind: 'signal'; readonly signal: Signal; readonly forced: boolean }
  /** A signal to the processes of a name, in other containers of the pod. */
  | { readonly kind: 'named'; readonly signal: Signal; readonly forced: boolean; readonly name: string }
  | { readonly kind: 'http'; readonly endpoint: HttpEndpoint }
  /** `text`: as the user wrote it, with `exec:` before it. */
  | { readonly kind: 'exec'; readonly words: readonly string[]; readonly text: string };

/** Signals that can't tell an application to reload: they stop it, can't be caught, or are about rehup's own children. */
const NO_RELOAD: readonly Signal[] = [SIGTERM, SIGINT, SIGQUIT, SIGKILL, SIGSTOP, SIGCHLD];

const ACTIONS = 'restart, exit, exit:CODE, none, a signal like SIGHUP, http://HOST/PATH or exec:COMMAND';

const EXEC = 'exec:';
const EXIT = 'exit:';

/** Exit codes that say something else: those of rehup itself, and a container that could not be started (containerd). */
const TAKEN = [125, 126, 127, 128];

/** An action by its name, its address or its command. */
export function parseAction(text: string): Result<Action> {
  if (text === 'restart' || text === 'none') return success({ kind: text });
  if (text === 'exit') return success({ kind: text, code: undefined });
  if (text.startsWith(EXIT)) return parseExit(text.slice(EXIT.length));
  if (/^https?:\/\//.test(text)) return parseUrl(text, BY_COMMAND);
  if (text.startsWith(EXEC)) {
    const words = splitWords(text.slice(EXEC.length));
    return words.ok ? success({ kind: 'exec', words: words.value, text }) : words;
  }
  const forced = text.endsWith('!');
  const signal = parseSignal(forced ? text.slice(0, -1) : text);
  if (!signal.ok) return failure(`not an action; use ${ACTIONS}`);
  if (NO_RELOAD.includes(signal.value)) {
    return failure(`${signalName(signal.value)} can't mean reload; use ${ACTIONS}`);
  }
  return success({ kind: 'signal', signal: signal.value, forced });
}

/**
 * An action that is a POST.
 *
 * @param otherwise what else there is for TLS
 */
export function parseUrl(text: string, otherwise = ''): Result<Action> {
  const endpoint = parseHttp(text, otherwise);
  return endpoint.ok ? success({ kind: 'http', endpoint: endpoint.value }) : endpoint;
}

function parseExit(text: string): Result<Action> {
  const code = /^\d{1,3}$/.test(text) ? Number(text) : 256;
  if (code > 255) return failure('not an exit code; use 0 to 255, for example exit:88');
  if (TAKEN.includes(code))
    return failure(`${code} says that rehup failed; use another exit code, for example exit:88`);
  return success({ kind: 'exit', code });
}

/** The name that {@link parseAction} takes. */
export function actionName(action: Action): string {
  switch (action.kind) {
    case 'signal':
      return `${signalName(action.signal)}${action.forced ? '!' : ''}`;
    case 'named':
      return `${signalName(action.signal)}${action.forced ? '!' : ''}:${action.name}`;
    case 'http':
      return action.endpoint.text;
    case 'exec':
      return action.text;
    case 'exit':
      return action.code === undefined ? action.kind : `${EXIT}${action.code}`;
    default:
      return action.kind;
  }
}

/** Whether a start of the application is what it leads to. */
export function isRestarting({ kind }: Action): boolean {
  return kind === 'restart' || kind === 'exit' || kind === 'unhealthy';
}

export function sameAction(one: Action, other: Action): boolean {
  return actionName(one) === actionName(other);
}

/** Each distinct action once, where it comes first: what is asked for again and again is asked for. */
export function distinctActions(actions: readonly Action[]): readonly Action[] {
  const names = new Set<string>();
  return actions.filter((action) => {
    const name = actionName(action);
    const known = names.has(name);
    names.add(name);
    return !known;
  });
}

/**
 * What one reload does when watches with these actions changed together: `exit` alone if any says so (the first with its code), else `restart`
 * alone if any says so, else each distinct one once, in the order given. Empty: nothing is to be done (`none`).
 */
export function mergeActions(actions: readonly Action[]): readonly Action[] {
  for (const kind of ['exit', 'restart', 'unhealthy'] as const) {
    const first = actions.find((action) => action.kind === kind);
    if (first !== undefined) return [first];
  }
  const forced = distinctActions(actions.filter((action) => action.kind === 'signal' && action.forced));
  const strongest = actions.map((action) => forced.find((other) => sameSignal(action, other)) ?? action);
  return distinctActions(strongest).filter((action) => action.kind !== 'none');
}

/** Whether both send the same signal, forced or not. */
function sameSignal(one: Action, other: Action): boolean {
  return one.kind === 'signal' && other.kind === 'signal' && one.signal === other.signal;
}
