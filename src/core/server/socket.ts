import { type FileFailure, type FileSteps, isFailure, status } from '../files/files.ts';
import { names } from '../files/listing.ts';
import { mountNamespace } from '../files/mounts.ts';
import { joinPath } from '../text/path.ts';

/* Where the control socket lies, for the rehup that makes it and for those who look for it (specification 1, `--socket`). */

/** Where it can be made: the first of these that takes a directory. */
export const SOCKET_BASES: readonly string[] = ['/run', '/tmp', '/dev/shm'];

/** The name of the socket in its directory. */
const SOCKET_NAME = 'control.sock';

/** Of the directory: its owner's alone. */
const PRIVATE_MODE = 0o700;

/** The path for a new socket of this user, in a directory of its own that was made for it; undefined if there is none. */
export function* placeSocket(uid: number): FileSteps<string | undefined> {
  const namespace = yield* mountNamespace();
  for (const base of SOCKET_BASES) {
    const directory = joinPath(base, `rehup-${uid}-${namespace}`);
    yield { op: 'mkdir', path: directory, mode: PRIVATE_MODE };
    const found = yield* status(directory, false);
    if (isOwn(found, uid)) return joinPath(directory, SOCKET_NAME);
  }
  return undefined;
}

/** A link, somebody else's, or one that others may look into is passed over. */
function isOwn(
  found: { readonly kind: string; readonly owner: number; readonly mode: number } | FileFailure,
  uid: number,
): boolean {
  if (isFailure(found)) return false;
  return found.kind === 'directory' && found.owner === uid && (found.mode & 0o777) === PRIVATE_MODE;
}

/** The sockets that a rehup in this mount namespace may have made, whoever it runs as. */
export function* findSockets(): FileSteps<readonly string[]> {
  const namespace = yield* mountNamespace();
  const sockets: string[] = [];
  for (const base of SOCKET_BASES) {
    const found = yield* names(base);
    if (isFailure(found)) continue;
    const own = found.filter((name) => name.startsWith('rehup-') && name.endsWith(`-${namespace}`)).sort();
    for (const name of own) {
      const path = joinPath(joinPath(base, name), SOCKET_NAME);
      if (!isFailure(yield* status(path, false))) sockets.push(path);
    }
  }
  return sockets;
}
