import { type Action, actionName, isRestarting } from '../core/state/action.ts';
import type { Doubt, Settings } from '../core/state/settings.ts';
import { textOfBytes } from '../core/text/bytes.ts';
import { fleetDoubts } from './fleet.ts';
import type { Given } from './invocation.ts';
import { variableOf } from './options.ts';
import type { RawOptions } from './raw.ts';

/* What is probably a mistake, but can be run (specification 1): told as a warning at the start. */

/** What is to be told of a command line that is otherwise good. */
export function doubtsOf(
  given: Given,
  raw: RawOptions,
  settings: Omit<Settings, 'doubts'>,
): readonly Doubt[] {
  return [
    ...misspelt(given, raw),
    ...withoutEffect(raw, settings),
    ...forShells(raw, settings),
    ...forgetful(settings),
    ...fleetDoubts(settings, raw.get('fleet-group')?.source ?? '--fleet-group'),
  ];
}

/** So many letters may be wrong, missing, too many or exchanged. */
const MOST_WRONG = 2;

/** What the kubelet makes of a Service that is named rehup: `REHUP_PORT=tcp://10.0.0.1:80`. */
const ADDRESS = /^(?:tcp|udp|sctp):\/\//;

function misspelt({ environment }: Given, raw: RawOptions): readonly Doubt[] {
  const ours = [...environment.keys()].filter((name) => name.startsWith('REHUP_'));
  if (ours.length === 0) return [];
  const known = [...raw.keys()].map((name) => variableOf({ name }));
  return ours
    .filter((name) => !known.includes(name) && !ADDRESS.test(environment.get(name) ?? ''))
    .flatMap((name) => {
      const meant = known.find((variable) => isLike(name, variable));
      return meant === undefined
        ? []
        : [{ about: textOfBytes(name), text: `no such variable; did you mean ${meant}?` }];
    });
}

/** Whether one or two letters make the one of the other, or two neighbours that changed places: an alignment, row by row. */
function isLike(one: string, other: string): boolean {
  if (Math.abs(one.length - other.length) > MOST_WRONG) return false;
  let before: readonly number[] = [];
  let row: readonly number[] = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let at = 1; at <= one.length; at++) {
    const next = [at];
    for (let to = 1; to <= other.length; to++) {
      const same = one[at - 1] === other[to - 1];
      const exchanged = at > 1 && to > 1 && one[at - 1] === other[to - 2] && one[at - 2] === other[to - 1];
      next[to] = Math.min(
        (row[to] ?? 0) + 1,
        (next[to - 1] ?? 0) + 1,
        (row[to - 1] ?? 0) + (same ? 0 : 1),
        exchanged ? (before[to - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY,
      );
    }
    before = row;
    row = next;
  }
  return (row[other.length] ?? 0) <= MOST_WRONG;
}

/** Options that were given and do nothing. */
function withoutEffect(raw: RawOptions, settings: Omit<Settings, 'doubts'>): readonly Doubt[] {
  const { watches, environmentDirectories, onChange, check, ready, listen, onExit } = settings;
  const noServer = [settings.fleet === undefined, 'it has no effect without --fleet-lock'] as const;
  const nothing = 'it has no effect without --watch, --stage or --env-dir';
  const actions = [onChange, ...watches.map(({ action }) => action)];
  const watchesNothing = watches.length + environmentDirectories.length === 0;
  const idle: Readonly<Record<string, readonly [boolean, string]>> = {
    'on-change': [watchesNothing, nothing],
    ignore: [watchesNothing, nothing],
    'allow-empty': [watchesNothing, nothing],
    settle: [watchesNothing, nothing],
    poll: [watchesNothing, nothing],
    splay: [watchesNothing, nothing],
    'min-interval': [watchesNothing, nothing],
    'check-timeout': [check === undefined, 'it has no effect without --check'],
    'ready-timeout': [
      ready === undefined && !actions.some(({ kind }) => kind === 'unhealthy'),
      'it has no effect without --ready',
    ],
    'action-timeout': [
      !actions.some(({ kind }) => kind === 'exec' || kind === 'http'),
      'it has no effect without an action that is a command or an HTTP call',
    ],
    'max-restarts': [onExit === 'exit', 'it has no effect without --on-exit restart or restart-on-failure'],
    drain: [listen === undefined, 'nobody can ask /readyz without --listen'],
    'fleet-lock': [watchesNothing, nothing],
    'fleet-group': noServer,
    'fleet-id': noServer,
    'fleet-token': noServer,
    'fleet-timeout': noServer,
    'health-timeout': [settings.pod?.health === undefined, 'it has no effect without --health'],
    'listen-status': [listen === undefined, 'it has no effect without --listen'],
  };
  return Object.entries(idle).flatMap(([name, [isIdle, text]]) => {
    const option = raw.get(name);
    return isIdle && option?.given === true ? [{ about: option.source, text }] : [];
  });
}

/** A sidecar that has the application restarted, and knows nothing of it in its next life. */
function forgetful({ pod, onChange, watches }: Omit<Settings, 'doubts'>): readonly Doubt[] {
  const restarts = [onChange, ...watches.map(({ action }) => action)].find(isRestarting);
  if (pod === undefined || pod.state !== undefined || restarts === undefined) return [];
  const text =
    restarts.kind === 'exit'
      ? 'without --state the next life does not know that this one ended for a change: it verifies nothing, keeps no --min-interval, and does not see that no rule restarted the others; name an emptyDir'
      : 'without --state what changes while the sidecar itself is restarted is missed; name an emptyDir';
  return [{ about: '--on-change', text }];
}

/** Programs that take a script as a word: what stands in it is theirs. */
const SHELL = /(?:^|\/)(?:busybox|env|(?:ba|da|a|z|k|mk|fi|tc|c)?sh)$/;

/** Words that only a shell understands: operators, redirections, and what it would replace. */
const OPERATOR = /^(?:&&?|\|\|?|;|\d?>>?.*|\d?>&\d|<.*)$|;$|\$(?:[A-Za-z_]\w*|[{(])|`/;

function forShells(
  raw: RawOptions,
  { check, ready, onChange, watches }: Omit<Settings, 'doubts'>,
): readonly Doubt[] {
  const from = (name: string): string => raw.get(name)?.source ?? `--${name}`;
  const checked = check?.map((word) => word.filter((part) => typeof part === 'string').join(''));
  const commands: readonly (readonly [string, readonly string[]])[] = [
    ...(checked === undefined ? [] : [[from('check'), checked] as const]),
    ...(ready?.kind === 'exec' ? [[from('ready'), ready.words] as const] : []),
    ...commandsOf(from('on-change'), [onChange]),
    ...commandsOf(
      from('watch'),
      watches.map(({ action }) => action).filter((action) => actionName(action) !== actionName(onChange)),
    ),
  ];
  return commands.flatMap(([about, words]) => {
    const word = SHELL.test(words[0] ?? '') ? undefined : words.find((one) => OPERATOR.test(one));
    if (word === undefined) return [];
    const text = `${textOfBytes(word)} means something to a shell only, and none runs it; use sh -c '…'`;
    return [{ about, text }];
  });
}

function commandsOf(
  about: string,
  actions: readonly Action[],
): readonly (readonly [string, readonly string[]])[] {
  return actions.flatMap((action) => (action.kind === 'exec' ? [[about, action.words] as const] : []));
}
