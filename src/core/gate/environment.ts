import { type ChildEnvironment, childEnvironment } from '../files/environment.ts';
import type { Snapshot } from '../files/snapshot.ts';
import type { State } from '../state/state.ts';
import { type Result, success } from '../text/result.ts';

/** What execve(2) takes of that room besides, at most: the path of the program. A restart must not find that out too late. */
const RESERVED_BYTES = 4_096;

/** The environment of a child that starts with this content. */
export function environmentFor(state: State, snapshot: Snapshot): Result<ChildEnvironment> {
  const { settings, inherited, argumentBytes } = state;
  const paths = settings.environmentDirectories;
  if (paths.length === 0) return success({ entries: inherited, skipped: [] });
  const directories = paths.map((path) => {
    const { texts = new Map(), tooMuch } = snapshot.get(path) ?? {};
    return tooMuch === undefined ? { path, texts } : { path, texts, tooMuch };
  });
  const limits = { argumentBytes: argumentBytes - RESERVED_BYTES, command: settings.command };
  return childEnvironment(inherited, directories, limits);
}
