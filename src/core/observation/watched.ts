import { type Content, NO_CONTENT } from '../files/content.ts';
import type { Frozen } from '../files/mounts.ts';
import type { Reading } from '../files/reading.ts';
import { limitText } from '../files/tree.ts';
import type { Watched } from '../state/observed.ts';
import { log, setTimer, type Turn } from '../state/turn.ts';
import { textOfBytes } from '../text/bytes.ts';
import { joinPath, relativePath } from '../text/path.ts';
import { shortage } from '../text/shortage.ts';

/* What is known of one watch, and what a reading does to it: vanished is not new, and unreadable is not empty. */

/**
 * A generation is read once more after this, ms: not every writer has it complete when `..data` points to it (Kata's
 * agent copies into it file by file), and what is written below it makes no event in the watched directory.
 */
const CONFIRM_DELAY = 1_000;

/** Why a watch can't be used at the start; a `final` reason is none that time mends. */
export type Refusal = { readonly text: string; readonly final: boolean };

export type Merged = { readonly watched: Watched; readonly refusal: Refusal | undefined };

/** Whether a kubelet volume is none any more: its writer is at work on it, or it was torn down under the container. */
export function isVolumeGone(watched: Watched, reading: Reading): boolean {
  if (watched.volume === undefined) return false;
  return (reading.status === 'read' || reading.status === 'missing') && reading.volume === undefined;
}

/** Takes a reading that counts into what is known of its watch. */
export function merge(before: Watched, reading: Reading, allowEmpty: boolean, turn: Turn): Merged {
  const watched = withMounts(before, reading, turn);
  const path = textOfBytes(watched.path);
  const first = watched.content === undefined;
  const failed = (trouble: string, text: string, final: boolean): Merged => {
    const after = settle(watched, trouble, turn);
    return {
      watched: after,
      refusal: first ? { text: `${watched.origin} ${path}: ${text}`, final } : undefined,
    };
  };
  switch (reading.status) {
    case 'unchanged':
      return { watched: settle(watched, isLost(watched) ? 'missing' : undefined, turn), refusal: undefined };
    case 'read':
      return { watched: withReading(watched, reading, allowEmpty, turn), refusal: undefined };
    case 'missing': {
      const { places, volume = watched.volume } = reading;
      const plain = volume === undefined;
      const after = { ...settle(watched, 'missing', turn), known: undefined, volume, plain, places };
      if (!first) return { watched: after, refusal: undefined };
      if (reading.expected) return { watched: { ...after, content: NO_CONTENT }, refusal: undefined };
      const text = `${watched.origin} ${path}: not there, and neither is its directory; name what is there, or mount it`;
      return { watched: after, refusal: { text, final: true } };
    }
    case 'unreadable': {
      const file = textOfBytes(reading.path);
      if (reading.errno === 'ETIMEDOUT') {
        const text = `its file server does not answer (${reading.errno})`;
        return failed(text, `${text}; mount what is served, or watch something else`, false);
      }
      // Empty for the watch itself, and undefined for a volume that a watched file lies in.
      const below = relativePath(watched.path, reading.path) ?? '';
      const ignore = below === '' ? '' : `, or leave it out with --ignore '${textOfBytes(below)}'`;
      const help = shortage(reading.errno) ?? `make it readable to this user${ignore}`;
      const text = `${file} can't be read (${reading.errno}); ${help}`;
      return failed(`${reading.errno} at ${file}`, text, false);
    }
    case 'too-large': {
      const limit = limitText(reading);
      const text = `more than ${limit}; watch less, or leave something out with --ignore`;
      return failed(`more than ${limit}`, text, true);
    }
    default:
      return reading satisfies never;
  }
}

function withReading(
  watched: Watched,
  reading: Extract<Reading, { status: 'read' }>,
  allowEmpty: boolean,
  turn: Turn,
): Watched {
  const { content, known, places, nested = [], vanished = [] } = reading;
  const emptied = isEmpty(content);
  // An emptied volume still has its link; one that has not was torn down, which is no change of content.
  const gone = emptied && isVolumeGone(watched, reading);
  const lost = emptied && watched.content !== undefined && !isEmpty(watched.content) && (gone || !allowEmpty);
  const volume = gone ? watched.volume : reading.volume;
  const same = watched.known?.digest === known.digest && watched.volume?.generation === volume?.generation;
  const since = same ? watched.since : turn.at;
  const left = since + CONFIRM_DELAY - turn.at;
  const isVolume = reading.volume !== undefined || nested.length > 0;
  if (isVolume && left > 0) setTimer(turn, 'confirm', left);
  const [below] = vanished;
  return {
    ...settle(watched, lost || below !== undefined ? 'missing' : undefined, turn, below),
    content: lost ? watched.content : emptied ? NO_CONTENT : kept(watched.content, content),
    known,
    since,
    confirmed: left <= 0 || !isVolume,
    volume,
    nested,
    plain: volume === undefined && (nested.length === 0 || reading.beside === true),
    places,
  };
}

/** The content that others hold already, if it is the same. */
function kept(before: Content | undefined, content: Content): Content {
  const isSame = before?.digest === content.digest && before.keyed === content.keyed;
  return isSame && content.texts === undefined ? before : content;
}

/** Names of directories alone are nothing that an application could read. */
function isEmpty({ files }: Content): boolean {
  for (const { second } of files.values()) if (second === undefined) return false;
  return true;
}

/** What counts of a watch. */
export function contentSeen({ content }: Watched): Content {
  return content ?? NO_CONTENT;
}

/** Whether the last reading found nothing where there was something, so that its content is that of before. */
function isLost({ content, known }: Watched): boolean {
  return content !== undefined && content.files.size > 0 && known?.digest !== content.digest;
}

/** Logs the beginning and the end of a trouble, once each. */
export function settle(watched: Watched, trouble: string | undefined, turn: Turn, below = ''): Watched {
  if (watched.trouble === trouble) return watched;
  const path = textOfBytes(joinPath(watched.path, below));
  const fields = { watch: textOfBytes(watched.path) };
  const counts = watched.content === undefined ? '' : '; its last state counts';
  if (trouble === undefined) log(turn, 'info', 'watch.recovered', `${path} can be read again`, fields);
  else if (trouble === 'missing')
    log(turn, 'warn', 'watch.missing', `${path} is not there, or empty${counts}`, fields);
  else {
    turn.notices.push({ type: 'watch-error', path: watched.path });
    log(turn, 'error', 'watch.failed', `${path}: ${trouble}${counts}`, {
      ...fields,
      reason: trouble,
    });
  }
  return { ...watched, trouble };
}

/** What a frozen watch is frozen by, and what helps. */
const FROZEN: Readonly<Record<Frozen['why'], string>> = {
  subpath:
    'is mounted by subPath and never changes; mount the whole volume instead, or beside it and watch that with the action exit',
  replaced:
    'is a file that is mounted by itself and was replaced where it comes from: this container sees the old one for ever; mount its directory instead, and start the container anew',
  'torn-down':
    'belongs to a volume that was torn down under the container and never changes any more; start the container anew, or replace the pod',
};

/** Whether all of a watch lies on a mount that can never change. */
export function isFrozen({ path, frozen }: Watched): boolean {
  return [...frozen.keys()].some((point) => relativePath(point, path) !== undefined);
}

/** Keeps what a reading tells of mounts, and says once of each that it can never change. */
function withMounts(
  watched: Watched,
  { frozen = [], points, system, inImage }: Reading,
  turn: Turn,
): Watched {
  if (points === undefined && system === undefined && inImage === undefined && frozen.length === 0)
    return watched;
  const news = frozen.filter(({ point }) => !watched.frozen.has(point));
  for (const { why, point } of news) {
    log(turn, 'warn', 'watch.frozen', `${textOfBytes(point)} ${FROZEN[why]}`, {
      watch: textOfBytes(watched.path),
      mount: textOfBytes(point),
      reason: why,
    });
  }
  const told =
    news.length === 0
      ? watched.frozen
      : new Map([...watched.frozen, ...news.map(({ point, why }) => [point, why] as const)]);
  return {
    ...watched,
    frozen: told,
    points: points ?? watched.points,
    system: system ?? watched.system,
    inImage: inImage ?? watched.inImage,
  };
}
