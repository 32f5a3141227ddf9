import { effectiveUser } from '../files/below/handles.ts';
import { digestStrings } from '../files/content.ts';
import { type FileSteps, isFailure } from '../files/files.ts';
import { type Reading, readWatches } from '../files/reading.ts';
import { unkeyed } from '../files/readings/unkeyed.ts';
import { bytesOfText, textOfBytes } from '../text/bytes.ts';
import {
  type Baseline,
  baselineText,
  MOST_TOLD,
  type Notes,
  notesText,
  parseBaseline,
  parseNotes,
  type WatchBaseline,
} from './baseline.ts';
import { baselineOf, compare, frozen, unreadable } from './comparing.ts';
import { type Life, lifeOf, partOfHost, uptime } from './life.ts';
import { changedPaths, type Probing, type Sight, type Verdict, verdictOf } from './probe.ts';
import { keep, readKept, type Shelf, shelvesOf } from './shelf.ts';

/** The container's log, if its first process has that as its stderr, and lets this user write to it. */
const LOG = '/proc/1/fd/2';

/** What came of a look: a verdict, or that it is too soon for one. */
export type Looked = { readonly again: false; readonly verdict: Verdict } | { readonly again: true };

/** One look at all watches, beside the baseline of this life. @param last whether there is no time for another look */
export function* look(probing: Probing, last: boolean): FileSteps<Looked> {
  const user = yield* effectiveUser();
  const uid = isFailure(user) ? 0 : user;
  const shelves = shelvesOf(probing.state, uid);
  const { watches, ignored, allowEmpty } = probing;
  const life = yield* lifeOf([...[...watches].sort(), '', ...[...ignored].sort()]);
  const kept = yield* readKept(shelves, life, 'baseline', uid);
  const baseline = kept === undefined ? undefined : parseBaseline(kept);
  const before = new Map(baseline?.watches.map((watch) => [watch.path, watch]));
  const readings = yield* unkeyed(
    readWatches(
      watches.map((path) => requestOf(path, before)),
      probing.ignore,
    ),
  );
  if (!last && readings.some(isAtWork)) return { again: true };
  const key = baseline?.key ?? (yield* digestStrings(['rehup probe'], true));
  const sights: Sight[] = [];
  const taken: WatchBaseline[] = [];
  for (const [index, path] of watches.entries()) {
    const reading: Reading = readings[index] ?? { status: 'unchanged' };
    const known = before.get(path);
    if (known !== undefined) sights.push(yield* compare(known, reading, key, allowEmpty));
    else {
      const made = yield* baselineOf(path, reading, key);
      if (made !== undefined) taken.push(made);
      sights.push(
        made === undefined ? unreadable(path, reading, false) : { kind: 'taken', path: textOfBytes(path) },
      );
      sights.push(...frozen(path, reading));
    }
  }
  if (taken.length > 0) {
    const all: Baseline = { key, watches: [...(baseline?.watches ?? []), ...taken] };
    const unless = baseline === undefined ? (text: string) => parseBaseline(text) !== undefined : undefined;
    const done = yield* keep(shelves, life, 'baseline', { uid, text: baselineText(all), unless });
    if (done === 'taken' && !last) return { again: true };
    if (done !== 'kept') sights.push({ kind: 'unknown', reason: withoutBaseline(done) });
  }
  return { again: false, verdict: yield* judged(sights, probing, { shelves, life, uid }) };
}

function withoutBaseline(done: 'taken' | { readonly reason: string }): string {
  return done === 'taken'
    ? 'another probe is taking the baseline'
    : `no baseline can be written: ${done.reason}; name a directory that this user may write with --state`;
}

function requestOf(path: string, before: ReadonlyMap<string, WatchBaseline>) {
  const known = before.get(path);
  if (known === undefined) return { path, mounts: true };
  const { digest, volume } = known;
  return volume === undefined ? { path } : { path, known: { digest, volume } };
}

/** Whether a writer is seen at work, or generations go by. */
function isAtWork(reading: Reading): boolean {
  return reading.status === 'read' && (!reading.settled || reading.moving);
}

/** Where something is kept of this life. */
type Place = { readonly shelves: readonly Shelf[]; readonly life: Life; readonly uid: number };

/** The verdict, with what was noted of this life before, and what is to be noted now. */
function* judged(sights: readonly Sight[], { splay }: Probing, place: Place): FileSteps<Verdict> {
  const { shelves, life, uid } = place;
  const differs = changedPaths(sights).length > 0;
  const plain = verdictOf(sights, 0);
  const needed = plain.untold !== undefined || splay > 0;
  if (!needed) return plain;
  const notes = parseNotes(yield* readKept(shelves, life, 'notes', uid));
  const now = differs && splay > 0 ? yield* uptime() : undefined;
  const since = now === undefined ? undefined : (notes.since ?? now);
  const untold = plain.untold === undefined ? undefined : bytesOfText(plain.untold);
  const news = untold !== undefined && !notes.told.includes(untold) && notes.told.length < MOST_TOLD;
  const told = news ? [...notes.told, untold] : notes.told;
  let noted = true;
  if (since !== notes.since || news) noted = yield* note(place, { since, told });
  if (news) yield { op: 'append', path: LOG, bytes: `rehup probe: ${untold}\n` };
  if (now === undefined || since === undefined || !noted) return plain;
  // A clock that goes on from another beginning tells nothing.
  const waited = Math.max(0, now - since);
  return verdictOf(sights, splay * (yield* partOfHost()) - waited);
}

/** Whether it could be noted. */
function* note({ shelves, life, uid }: Place, notes: Notes): FileSteps<boolean> {
  const text = notesText(notes);
  const kept = yield* keep(shelves, life, 'notes', { uid, text, unless: undefined });
  return kept === 'kept' || kept === 'taken';
}
