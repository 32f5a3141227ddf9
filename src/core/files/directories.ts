import { parentPath } from '../text/path.ts';
import { type FileSteps, isFailure, status } from './files.ts';
import { realPath } from './mounts.ts';

/* The directories whose events are asked for, each with its identity, by which one that was made anew is known. */

/** The directories whose events tell of a file: its own, and where it is a link all that it leads through. */
export function* directoriesOf(path: string, linked: boolean): FileSteps<Map<string, string>> {
  const passed = new Set([parentPath(path)]);
  if (linked) passed.add(parentPath(yield* realPath(path, passed)));
  const directories = new Map<string, string>();
  for (const directory of passed) {
    const found = yield* identified(directory);
    for (const [name, identity] of found) directories.set(name, identity);
  }
  return directories;
}

/** A directory with its identity, to be watched for events; none if it is gone by now, as the next look will see. */
export function* identified(directory: string): FileSteps<Map<string, string>> {
  const found = yield* status(directory, true);
  return new Map(isFailure(found) ? [] : [[directory, found.identity]]);
}
