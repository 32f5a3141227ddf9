import { close, type Directory, enterPath, inspect, lock } from '../files/below/handles.ts';
import { type FileSteps, isFailure, open } from '../files/files.ts';
import { textOfBytes } from '../text/bytes.ts';
import type { Target } from './target.ts';

/** The most that is read of the list of locks, bytes. */
const MOST = 1024 * 1024;

/**
 * Takes the lock of a target, which ends with this process however that ends: flock(2) on the directory itself, which
 * nobody can exchange. Where a file system has no locks, it is done without.
 *
 * @returns undefined, or who has it, in words
 */
export function* lockTarget(directory: Directory, identity: string): FileSteps<string | undefined> {
  const locked = yield* lock(directory);
  if (locked !== false) return undefined;
  const pid = yield* holderOf(identity);
  if (pid === undefined) return 'a process that can not be seen from here, in another container perhaps,';
  const name = yield* readText(`/proc/${pid}/comm`, 64);
  return `process ${pid}${name === undefined ? '' : ` (${textOfBytes(name.trim())})`}`;
}

/**
 * Opens and locks a target again that is open no more: where it lies on a file server, whoever asks that for rehup may
 * have ended. One that is another directory by now is left as it is, and tending tells of it.
 */
export function* reopenLost(target: Target): FileSteps<void> {
  const { directory, identity } = target;
  const lost = yield* inspect(directory, '');
  if (!isFailure(lost) || lost.errno !== 'EIO') return;
  const again = yield* enterPath(directory.path);
  if (isFailure(again)) return;
  const found = yield* inspect(again, '');
  const same = !isFailure(found) && found.identity === identity;
  if (same && (yield* lockTarget(again, identity)) === undefined) {
    target.directory = again;
    yield* close(directory);
  } else yield* close(again);
}

/** The process that has the lock of a file, by /proc/locks (proc_locks(5)); undefined where that does not tell. */
function* holderOf(identity: string): FileSteps<string | undefined> {
  const [device = '', inode = ''] = identity.split(':');
  const [major, minor] = device.split('.').map((number) => Number(number).toString(16).padStart(2, '0'));
  const file = `${major}:${minor}:${inode}`;
  const text = (yield* readText('/proc/locks', MOST)) ?? '';
  for (const line of text.split('\n')) {
    const [, kind, , , pid, where] = line.split(/ +/);
    if (kind === 'FLOCK' && where === file && pid !== undefined && /^[1-9][0-9]*$/.test(pid)) return pid;
  }
  return undefined;
}

function* readText(path: string, most: number): FileSteps<string | undefined> {
  const file = yield* open(path);
  if (isFailure(file)) return undefined;
  let text = '';
  while (text.length < most) {
    const read = yield { op: 'read', file };
    if (read.op !== 'read' || read.value === '') break;
    text += read.value;
  }
  yield { op: 'close', file };
  return text;
}
