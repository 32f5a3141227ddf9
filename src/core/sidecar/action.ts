import { type Action, parseAction, parseUrl } from '../state/action.ts';
import { failure, type Result, success } from '../text/result.ts';

/* What a sidecar can do to an application in another container (specification 7). */

const POD_ACTIONS = 'exit:CODE, unhealthy, SIGNAL:NAME (for example SIGHUP:nginx) or http://HOST[:PORT]/PATH';

/** `SIGNAL:NAME`, whose signal may have a `!` behind it. */
const NAMED = /^([A-Za-z0-9+!]+):(?!\/\/)(.*)$/s;

/** A name is no path, and /proc has no longer one than an argument is. */
const NAME = /^[^/\n]{1,255}$/;

/** An action of `rehup sidecar` by its name or its address. */
export function parsePodAction(text: string): Result<Action> {
  const [, first = '', name = ''] = NAMED.exec(text) ?? [];
  if (/^https?:\/\//.test(text)) return parseUrl(text);
  if (text === 'unhealthy') return success({ kind: text });
  if (first.startsWith('exit')) return parseAction(text);
  if (text === 'exit')
    return failure('a sidecar has no child whose code it could end with; use for example exit:88');
  if (first === '' || first === 'exec') return failure(`not an action of a sidecar; use ${POD_ACTIONS}`);
  const action = parseAction(first);
  if (!action.ok) return failure(action.error.replace(/use .*$/s, `use ${POD_ACTIONS}`));
  if (action.value.kind !== 'signal') return failure(`not an action of a sidecar; use ${POD_ACTIONS}`);
  if (!NAME.test(name)) return failure('no name of a program behind the colon; use for example SIGHUP:nginx');
  return success({ ...action.value, kind: 'named', name });
}
