import {
  type FileFailure,
  type FileSteps,
  type Inspected,
  isFailure,
  type Names,
  status,
  wrongAnswer,
} from './files.ts';

/* What lies in a directory, in pieces, and what lies at a path, in one request. */

/** A directory has more names than may be kept of it. */
export const TOO_MANY = 'too many names';

/**
 * The names in a directory that are to be kept, in any order.
 *
 * @param most  more are not kept: {@link TOO_MANY}
 */
export function* listed(
  path: string,
  keeps: (name: string) => boolean,
  most: number,
): FileSteps<readonly string[] | typeof TOO_MANY | FileFailure> {
  const kept: string[] = [];
  let names = yield* firstNames(path);
  for (;;) {
    if (isFailure(names)) return names;
    for (const name of names.names) if (keeps(name)) kept.push(name);
    const { rest } = names;
    if (kept.length > most) {
      if (rest !== undefined) yield { op: 'list-end', list: rest };
      return TOO_MANY;
    }
    if (rest === undefined) return kept;
    names = yield* moreNames(path, rest);
  }
}

function* firstNames(path: string): FileSteps<Names | FileFailure> {
  const answer = yield { op: 'list', path };
  if (answer.op === 'error') return { failed: 'list', path, errno: answer.errno };
  if (answer.op !== 'list') throw wrongAnswer('list', answer);
  return answer.value;
}

/** A listing that fails is over. */
function* moreNames(path: string, list: number): FileSteps<Names | FileFailure> {
  const answer = yield { op: 'list-rest', list };
  if (answer.op === 'error') return { failed: 'list', path, errno: answer.errno };
  if (answer.op !== 'list-rest') throw wrongAnswer('list-rest', answer);
  return answer.value;
}

export function* names(path: string): FileSteps<readonly string[] | FileFailure> {
  const answer = yield { op: 'names', path };
  if (answer.op === 'error') return { failed: 'names', path, errno: answer.errno };
  if (answer.op !== 'names') throw wrongAnswer('names', answer);
  return answer.value;
}

/** What lies at a path, no link followed; of a small file the digest as well. */
export function* inspect(path: string, keyed: boolean): FileSteps<Inspected | FileFailure> {
  const answer = yield { op: 'inspect', path, keyed };
  if (answer.op === 'error') return { failed: 'inspect', path, errno: answer.errno };
  if (answer.op !== 'inspect') throw wrongAnswer('inspect', answer);
  return answer.value;
}

/** The identity of what a path leads to; undefined where nothing is. */
export function* identityOf(path: string): FileSteps<string | undefined> {
  const found = yield* status(path, true);
  return isFailure(found) ? undefined : found.identity;
}
