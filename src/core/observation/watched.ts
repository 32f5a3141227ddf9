import type { Content } from '../files/content.ts';
import type { Frozen } from '../files/mounts.ts';
import type { Reading } from '../files/reading.ts';
import { MAX_BYTES, MAX_FILES } from '../files/tree.ts';
import type { Watched } from '../state/observed.ts';
import { log, setTimer, type Turn } from '../state/turn.ts';
import { textOfBytes } from '../text/bytes.ts';
import { relativePath } from '../text/path.ts';

/* What is known of one watch, and what a reading does to it: vanished is not new, and unreadable is not empty. */

/**
 * A generation is read once more after this, ms: not every writer has it complete when `..data` points to it (Kata's
 * agent copies into it file by file), and what is written below it makes no event in the watched directory.
 */
const CONFIRM_DELAY = 1_000;

export const NO_CONTENT: Content = { digest: '', files: new Map(), keyed: false, texts: new Map() };

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
  const watched = withFrozen(before, reading.frozen, turn);
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
      const { directories, volume = watched.volume } = reading;
      const after = { ...settle(watched, 'missing', turn), known: undefined, volume, directories };
      if (!first) return { watched: after, refusal: undefined };
      if (reading.expected) return { watched: { ...after, content: NO_CONTENT }, refusal: undefined };
      const text = `${watched.origin} ${path}: not there, and neither is its directory; name what is there, or mount it`;
      return { watched: after, refusal: { text, final: true } };
    }
    case 'unreadable': {
      const file = textOfBytes(reading.path);
      // Empty for the watch itself, and undefined for a volume that a watched file lies in.
      const below = relativePath(watched.path, reading.path) ?? '';
      const ignore = below === '' ? '' : `, or leave it out with --ignore '${textOfBytes(below)}'`;
      const text = `${file} can't be read (${reading.errno}); make it readable to this user${ignore}`;
      return failed(`${reading.errno} at ${file}`, text, false);
    }
    case 'too-large': {
      const limit = reading.tooLarge === 'files' ? `${MAX_FILES} files` : `${MAX_BYTES / 1024 / 1024} MiB`;
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
  const { content, known, directories } = reading;
  const emptied = content.files.size === 0;
  // An emptied volume still has its link; one that has not was torn down, which is no change of content.
  const gone = emptied && isVolumeGone(watched, reading);
  const lost = emptied && (watched.content?.files.size ?? 0) > 0 && (gone || !allowEmpty);
  const volume = gone ? watched.volume : reading.volume;
  const same = watched.known?.digest === known.digest && watched.volume?.generation === volume?.generation;
  const since = same ? watched.since : turn.at;
  const left = since + CONFIRM_DELAY - turn.at;
  if (reading.volume !== undefined && left > 0) setTimer(turn, 'confirm', left);
  return {
    ...settle(watched, lost ? 'missing' : undefined, turn),
    content: lost ? watched.content : emptied ? NO_CONTENT : content,
    known,
    since,
    confirmed: left <= 0,
    volume,
    directories,
  };
}

/** Whether the last reading found nothing where there was something, so that its content is that of before. */
function isLost({ content, known }: Watched): boolean {
  return content !== undefined && content.files.size > 0 && known?.digest !== content.digest;
}

/** Logs the beginning and the end of a trouble, once each. */
export function settle(watched: Watched, trouble: string | undefined, turn: Turn): Watched {
  if (watched.trouble === trouble) return watched;
  const path = textOfBytes(watched.path);
  const fields = { watch: path };
  if (trouble === undefined) log(turn, 'info', 'watch.recovered', `${path} can be read again`, fields);
  else if (trouble === 'missing')
    log(turn, 'warn', 'watch.missing', `${path} is not there, or empty; its last state counts`, fields);
  else {
    turn.notices.push({ type: 'watch-error', path: watched.path });
    log(turn, 'error', 'watch.failed', `${path}: ${trouble}; its last state counts`, {
      ...fields,
      reason: trouble,
    });
  }
  return { ...watched, trouble };
}

/** What a frozen watch is frozen by, and what helps. */
const FROZEN: Readonly<Record<Frozen['why'], string>> = {
  subpath:
    'is mounted by subPath and never changes; mount the whole volume instead, or with the action exit beside it',
  'torn-down':
    'belongs to a volume that was torn down under the container and never changes any more; start the container anew, or replace the pod',
};

/** Says once that a watch can never change. */
function withFrozen(watched: Watched, frozen: Frozen | undefined, turn: Turn): Watched {
  if (frozen === undefined || watched.frozen) return watched;
  const path = textOfBytes(watched.path);
  const point = textOfBytes(frozen.point);
  log(turn, 'warn', 'watch.frozen', `${point} ${FROZEN[frozen.why]}`, {
    watch: path,
    mount: point,
    reason: frozen.why,
  });
  return { ...watched, frozen: true };
}
