import type { LogValue } from '../log/log.ts';
import { actionName } from '../state/action.ts';
import type { Ready } from '../state/settings.ts';
import type { State } from '../state/state.ts';
import { textOfBytes } from '../text/bytes.ts';
import { watchFacts } from './facts.ts';

/* What a rehup that is about to start its child says of itself: to machines in the log, to people by `--dry-run`. */

/** The fields of `rehup.started` (specification 6). */
export function startFields(state: State): Readonly<Record<string, LogValue>> {
  const { settings, identity, pid1 } = state;
  const { check, ready, listen, stages, fleet } = settings;
  return {
    version: identity.version,
    edition: identity.edition,
    pid1,
    ...(settings.sidecar ? { sidecar: true } : {}),
    watches: watchFacts(state).map(({ path, action, kind, system, mode, files, seen }) => ({
      path,
      action: action ?? 'restart',
      kind,
      system: system ?? '',
      mode,
      files,
      digest: seen ?? '',
    })),
    ...(stages.length === 0
      ? {}
      : { stages: stages.map(({ source, target }) => `${textOfBytes(source)}=${textOfBytes(target)}`) }),
    ...(check === undefined ? {} : { check: wordsOf(check) }),
    ...(ready === undefined ? {} : { ready: readyText(ready) }),
    ...(fleet === undefined
      ? {}
      : {
          fleet: {
            server: textOfBytes(fleet.endpoint.text),
            group: textOfBytes(fleet.group),
            id: textOfBytes(fleet.id ?? identity.host),
          },
        }),
    ...(listen === undefined ? {} : { listen: `${listen.host ?? ''}:${listen.port}` }),
  };
}

function wordsOf(check: NonNullable<State['settings']['check']>): string {
  const parts = (word: (typeof check)[number]) =>
    word.map((part) => (typeof part === 'string' ? textOfBytes(part) : `{dir:${textOfBytes(part.source)}}`));
  return check.map((word) => parts(word).join('')).join(' ');
}

function readyText(ready: Ready): string {
  switch (ready.kind) {
    case 'exec':
      return `exec:${ready.words.map(textOfBytes).join(' ')}`;
    case 'notify':
      return 'notify';
    case 'notify-fd':
      return `notify-fd:${ready.descriptor}`;
    case 'http':
    case 'tcp':
      return textOfBytes(ready.endpoint.text);
    default:
      return ready satisfies never;
  }
}

/** The same for people: what `--dry-run` prints. */
export function startSummary(state: State): string {
  const { settings, identity, pid1 } = state;
  const { check, ready, stages, listen, fleet } = settings;
  const watches = watchFacts(state).map(
    ({ path, action, kind, system, mode, files, seen }) =>
      `  ${path}: ${kind}${system === undefined ? '' : ` on ${system}`}${files === 0 ? '' : `, ${files} ${files === 1 ? 'file' : 'files'}`}, by ${mode}; a change: ${action ?? 'restart'}${seen === undefined ? '' : ` (now ${seen})`}`,
  );
  return [
    `rehup ${identity.version} (${identity.edition})${pid1 ? '' : ', not as PID 1'}`,
    settings.sidecar
      ? 'would watch for another container'
      : `would start: ${settings.command.map(textOfBytes).join(' ')}`,
    watches.length === 0 ? 'watches nothing' : 'watches:',
    ...watches,
    ...stages.map(({ source, target }) => `stages ${textOfBytes(source)} to ${textOfBytes(target)}`),
    ...(check === undefined ? [] : [`checks new content by: ${wordsOf(check)}`]),
    ...(ready === undefined ? [] : [`is ready when this succeeds: ${readyText(ready)}`]),
    ...(fleet === undefined
      ? []
      : [
          `takes a slot of ${textOfBytes(fleet.endpoint.text)} before new content is told, as ${textOfBytes(fleet.id ?? identity.host)} of ${textOfBytes(fleet.group)}`,
        ]),
    ...(listen === undefined
      ? []
      : [`answers HTTP at ${listen.host ?? 'every address'}, port ${listen.port}`]),
    `a change does by default: ${textOfBytes(actionName(settings.onChange))}`,
    '',
  ].join('\n');
}
