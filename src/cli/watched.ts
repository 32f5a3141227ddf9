import type { Stage } from '../core/staging/stage.ts';
import type { Action } from '../core/state/action.ts';
import type { Watch } from '../core/state/settings.ts';
import { textOfBytes } from '../core/text/bytes.ts';
import { absolutePath, pathToFollow, relativePath } from '../core/text/path.ts';
import { failure, type Result, success } from '../core/text/result.ts';

/* The options that name what is watched: --watch, --stage, --env-dir. */

/**
 * `PATH` or `PATH=ACTION`. The action begins after the first `=` that `exec:` or an address (`http://`) follows; else
 * after the last `=`, unless there is a slash behind it, which no other action has. Without an action it is that of
 * `--on-change`, and a failure where that is not given and has no default.
 */
export function parseWatch(
  text: string,
  onChange: Action | undefined,
  cwd: string | undefined,
  actionOf: (text: string) => Result<Action>,
): Result<Watch> {
  const long = text.search(/=(?:exec:|[a-z][a-z\d+.-]*:\/\/)/i);
  const last = text.includes('/', text.lastIndexOf('=')) ? -1 : text.lastIndexOf('=');
  const equals = long > 0 ? long : last;
  const hasAction = equals > 0;
  const path = parseDirectory(hasAction ? text.slice(0, equals) : text, cwd);
  if (!path.ok) return path;
  const usual: Result<Action> =
    onChange === undefined
      ? failure('what is a change to do? add =ACTION, or use --on-change ACTION')
      : success(onChange);
  const action = hasAction ? actionOf(text.slice(equals + 1)) : usual;
  return action.ok ? success({ path: path.value, action: action.value }) : action;
}

/** `SOURCE=TARGET`: parted at the first `=` that a slash follows, or, where none does, at the first one. */
export function parseStage(text: string, cwd: string | undefined): Result<Stage> {
  const absolute = text.indexOf('=/');
  const equals = absolute > 0 ? absolute : text.indexOf('=');
  if (equals <= 0 || equals === text.length - 1) {
    return failure('not SOURCE=TARGET; use for example /etc/app=/run/app');
  }
  const source = parseDirectory(text.slice(0, equals), cwd);
  if (!source.ok) return source;
  const target = parseDirectory(text.slice(equals + 1), cwd);
  return target.ok ? success({ source: source.value, target: absolutePath('/', target.value) }) : target;
}

/** The absolute path of a directory or file that an option names, as the kernel will follow it. */
export function parseDirectory(text: string, cwd: string | undefined): Result<string> {
  if (text === '') return failure('an empty path; name a directory or a file');
  if (!text.startsWith('/') && cwd === undefined)
    return failure('the working directory is gone; use an absolute path');
  return success(pathToFollow(cwd ?? '/', text));
}

/** One of the `--env-dir`, if none before it is the same. */
export function distinctDirectory(directories: readonly string[], index: number): Result<string> {
  const directory = directories[index] ?? '';
  return directories.indexOf(directory) === index
    ? success(directory)
    : failure('the same directory twice; leave one of them out');
}

/** The watches, and one for each source of a stage that is none yet: with the action of the most specific watch around it. */
export function withSources(
  watches: readonly Watch[],
  stages: readonly Stage[],
  onChange: Action,
): readonly Watch[] {
  const missing = new Set(stages.map((stage) => stage.source));
  for (const { path } of watches) missing.delete(path);
  const added = [...missing].map((path) => {
    const around = watches.filter((watch) => relativePath(watch.path, path) !== undefined);
    const longest = Math.max(...around.map((watch) => watch.path.length));
    return { path, action: around.find((watch) => watch.path.length === longest)?.action ?? onChange };
  });
  return [...watches, ...added];
}

/**
 * One of the stages, if its target is apart from everything that is watched, its own source first, and from the other
 * targets: what is published there would else be a change itself.
 */
export function separateStage(
  stages: readonly Stage[],
  index: number,
  watched: readonly string[],
): Result<Stage> {
  const stage = stages[index] ?? { source: '', target: '' };
  const { source, target } = stage;
  const own = relation(target, source);
  if (own !== undefined) return failure(`its target ${own} its source; ${APART}`);
  for (const path of watched) {
    const how = relation(target, path);
    if (how !== undefined)
      return failure(`its target ${how} ${textOfBytes(path)}, which is watched; ${APART}`);
  }
  for (const other of stages.slice(0, index)) {
    if (other.source === source)
      return failure('its source is that of another stage; use one target for all that read it');
    const how = relation(target, other.target);
    if (how !== undefined) {
      return failure(`its target ${how} ${textOfBytes(other.target)}, the target of another stage; ${APART}`);
    }
  }
  return success(stage);
}

const APART = 'use a directory of its own';

/** How a target lies to another path, in words; undefined if they are apart. */
function relation(one: string, other: string): string | undefined {
  // As far as that can be told by the words alone: where links lead is seen when the target is opened.
  const [target, path] = [absolutePath('/', one), absolutePath('/', other)];
  if (target === path) return 'is';
  if (relativePath(path, target) !== undefined) return 'lies in';
  return relativePath(target, path) === undefined ? undefined : 'holds';
}
