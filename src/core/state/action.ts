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
import { type HttpEndpoint, parseHttp } from '../text/endpoint.ts';
import { failure, type Result, success } from '../text/result.ts';
import { splitWords } from '../text/words.ts';

/** What a change of content does (specification 3). */
export type Action =
  | { readonly kind: 'restart' }
  | { readonly kind: 'exit' }
  | { readonly kind: 'none' }
  | { readonly kind: 'signal'; readonly signal: Signal }
  | { readonly kind: 'http'; readonly endpoint: HttpEndpoint }
  /** `text`: as the user wrote it, with `exec:` before it. */
  | { readonly kind: 'exec'; readonly words: readonly string[]; readonly text: string };

/** Signals that can't tell an application to reload: they stop it, can't be caught, or are about rehup's own children. */
const NO_RELOAD: readonly Signal[] = [SIGTERM, SIGINT, SIGQUIT, SIGKILL, SIGSTOP, SIGCHLD];

const ACTIONS = 'restart, exit, none, a signal like SIGHUP, http://HOST/PATH or exec:COMMAND';

const EXEC = 'exec:';

/** An action by its name, its address or its command. */
export function parseAction(text: string): Result<Action> {
  if (text === 'restart' || text === 'exit' || text === 'none') return success({ kind: text });
  if (/^https?:\/\//.test(text)) {
    const endpoint = parseHttp(text);
    return endpoint.ok ? success({ kind: 'http', endpoint: endpoint.value }) : endpoint;
  }
  if (text.startsWith(EXEC)) {
    const words = splitWords(text.slice(EXEC.length));
    return words.ok ? success({ kind: 'exec', words: words.value, text }) : words;
  }
  const signal = parseSignal(text);
  if (!signal.ok) return failure(`not an action; use ${ACTIONS}`);
  if (NO_RELOAD.includes(signal.value)) {
    return failure(`${signalName(signal.value)} can't mean reload; use ${ACTIONS}`);
  }
  return success({ kind: 'signal', signal: signal.value });
}

/** The name that {@link parseAction} takes. */
export function actionName(action: Action): string {
  switch (action.kind) {
    case 'signal':
      return signalName(action.signal);
    case 'http':
      return action.endpoint.text;
    case 'exec':
      return action.text;
    default:
      return action.kind;
  }
}

export function sameAction(one: Action, other: Action): boolean {
  return actionName(one) === actionName(other);
}

/**
 * What one reload does when watches with these actions changed together: `exit` alone if any says so, else `restart`
 * alone if any says so, else each distinct one once, in the order given. Empty: nothing is to be done (`none`).
 */
export function mergeActions(actions: readonly Action[]): readonly Action[] {
  for (const kind of ['exit', 'restart'] as const) {
    if (actions.some((action) => action.kind === kind)) return [{ kind }];
  }
  return actions.filter(
    (action, index) =>
      action.kind !== 'none' && actions.findIndex((other) => sameAction(action, other)) === index,
  );
}
