import { digestStrings } from '../files/content.ts';
import { type FileSteps, isFailure, open, readlink, status } from '../files/files.ts';
import { names } from '../files/listing.ts';
import { mountNamespace, mountsOf, readMounts } from '../files/mounts.ts';
import { isProcess, parseStat } from '../process/proc.ts';

/* Which life of which container a probe runs in, told without any right that an application may have given up. */

/** Names the baseline of one life: the machine's, since it was started, and all else. */
export type Life = { readonly boot: string; readonly name: string };

/** What the runtime makes anew in the container's own /dev at each of its starts. */
const MADE_ANEW = '/dev/fd';

const BOOT_DIGITS = 8;
const NAME_DIGITS = 32;

/** @param asked what is probed for, in a fixed order */
export function* lifeOf(asked: readonly string[]): FileSteps<Life> {
  const boot = (yield* readText('/proc/sys/kernel/random/boot_id')) ?? '';
  const strings = [boot, yield* mountNamespace(), yield* startOf(), ...asked];
  const digest = yield* digestStrings(strings, false);
  const booted = yield* digestStrings([boot], false);
  return { boot: booted.slice(0, BOOT_DIGITS), name: digest.slice(0, NAME_DIGITS) };
}

/** What differs from one start of the container to the next. */
function* startOf(): FileSteps<string> {
  const found = yield* status(MADE_ANEW, false);
  if (!isFailure(found) && found.kind === 'link') {
    const [mount] = mountsOf(yield* readMounts(), '/dev');
    if (mount?.type === 'tmpfs') return `made ${found.stamp}`;
  }
  return `started ${yield* oldestStart()}`;
}

/** When the oldest process of this control group was started; where that is this one, the first process of all. */
function* oldestStart(): FileSteps<number> {
  const own = yield* readText('/proc/self/cgroup');
  const self = yield* readlink('/proc/self');
  const found = yield* names('/proc');
  let oldest = Number.POSITIVE_INFINITY;
  for (const pid of isFailure(found) ? [] : found.filter(isProcess)) {
    if (pid === self || own === undefined) continue;
    if ((yield* readText(`/proc/${pid}/cgroup`)) !== own) continue;
    oldest = Math.min(oldest, yield* startedAt(pid));
  }
  return Number.isFinite(oldest) ? oldest : yield* startedAt('1');
}

function* startedAt(pid: string): FileSteps<number> {
  const started = parseStat((yield* readText(`/proc/${pid}/stat`)) ?? '')?.started;
  return started === undefined ? Number.POSITIVE_INFINITY : Number(started);
}

/** Since the machine was started, ms: no clock that anybody sets. Undefined where /proc does not tell. */
export function* uptime(): FileSteps<number | undefined> {
  const seconds = Number.parseFloat((yield* readText('/proc/uptime')) ?? '');
  return Number.isFinite(seconds) ? Math.round(seconds * 1000) : undefined;
}

/** The part of a splay that is this host's: from 0 to 1, the same at each probe. */
export function* partOfHost(): FileSteps<number> {
  const name = (yield* readText('/proc/sys/kernel/hostname')) ?? '';
  const digest = yield* digestStrings(['splay', name.trim()], false);
  return Number.parseInt(digest.slice(0, 8), 16) / 2 ** 32;
}

/** A small file of /proc: at most 64 KiB. */
function* readText(path: string): FileSteps<string | undefined> {
  const file = yield* open(path);
  if (isFailure(file)) return undefined;
  const read = yield { op: 'read', file };
  yield { op: 'close', file };
  return read.op === 'read' ? read.value : undefined;
}
