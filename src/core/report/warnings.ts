import { environmentMap } from '../files/environment.ts';
import type { State } from '../state/state.ts';
import { log, type Turn } from '../state/turn.ts';
import { textOfBytes } from '../text/bytes.ts';
import { relativePath } from '../text/path.ts';

/* What is probably a mistake, but can be run, is warned of once, at the start (specification 1). */

/** Warns, and has the programs looked for that are to be run beside the child; whether there are any. */
export function warn(state: State, turn: Turn): boolean {
  const { settings, observation, identity } = state;
  for (const { about, text } of settings.doubts) warning(turn, about, text);
  for (const { path, origin, inImage, content } of observation.watched) {
    if (!inImage || content === undefined || content.files.size === 0) continue;
    const text = 'it lies in the image, and no volume is mounted there: only this container can change it';
    warning(turn, `${origin} ${textOfBytes(path)}`, text);
  }
  if (settings.fleet !== undefined && settings.fleet.id === undefined && !identity.ownName) {
    const text = `not given, and ${textOfBytes(identity.host)} is the name of the machine, as pods of the host's network have it: two of them would share a slot; use the pod's name (metadata.name by fieldRef)`;
    warning(turn, '--fleet-id', text);
  }
  const programs = [...new Set(commandsOf(state).map(({ program }) => program))];
  if (programs.length === 0) return false;
  turn.effects.push({ type: 'seek', programs, path: environmentMap(state.inherited).get('PATH') });
  return true;
}

export function warnOfMissing(state: State, missing: readonly string[], turn: Turn): void {
  for (const { about, program } of commandsOf(state))
    if (missing.includes(program))
      warning(turn, about, `there is no program ${textOfBytes(program)}; it would fail with 127`);
}

function warning(turn: Turn, about: string, text: string): void {
  log(turn, 'warn', 'start.warning', `${about}: ${text}`, { about, reason: text });
}

type Named = { readonly about: string; readonly program: string };

/** The commands that the options name and that can be looked for: with `--dry-run` also the one that would be started. */
function commandsOf(state: State): readonly Named[] {
  const { check, ready, onChange, watches, command, dryRun } = state.settings;
  const checker = check?.[0]?.map((part) => (typeof part === 'string' ? part : undefined));
  const actions = [onChange, ...watches.map(({ action }) => action)];
  const texts = new Map(
    actions.flatMap((one) => (one.kind === 'exec' ? [[one.text, one.words] as const] : [])),
  );
  const named: readonly Named[] = [
    ...(dryRun ? [{ about: 'COMMAND', program: command[0] ?? '' }] : []),
    ...(checker === undefined || checker.includes(undefined)
      ? []
      : [{ about: '--check', program: checker.join('') }]),
    ...(ready?.kind === 'exec' ? [{ about: '--ready', program: ready.words[0] ?? '' }] : []),
    ...[...texts].map(([text, words]) => ({ about: textOfBytes(text), program: words[0] ?? '' })),
  ];
  return named.filter(({ program }) => program !== '' && isThereByNow(state, program));
}

/** Not what is published later, nor what a PATH of `--env-dir` finds. */
function isThereByNow({ settings, observation }: State, program: string): boolean {
  if (program.includes('/'))
    return !settings.stages.some(({ target }) => relativePath(target, program) !== undefined);
  return !observation.watched.some(({ capture, content }) => capture && content?.files.has('PATH') === true);
}
