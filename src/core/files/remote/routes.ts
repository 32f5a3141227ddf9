import { joinPath } from '../../text/path.ts';
import type { FileAnswer, FileOperation, FileRequest, Files } from '../files.ts';
import { type Mount, parseMounts } from '../mounts.ts';
import type { Reading } from '../reading.ts';
import type { Asking } from './helpers.ts';
import { createLocator, type Locator } from './location.ts';
import { type MountTable, mayAnyHang, tableOf } from './mount-table.ts';
import { type Parts, partsOf } from './parts.ts';

/** What a request is answered with that would touch what may hang, where that is not wanted. */
export const ELSEWHERE = 'EREMOTE';

/** The answers to the requests of one algorithm. */
export type Session = {
  /** @returns the answer, or undefined if `later` is called with it, never before this has returned */
  perform(request: FileRequest, later: (answer: FileAnswer) => void): FileAnswer | undefined;
  /** The file systems of servers that were asked, as `TYPE at MOUNT POINT`. */
  readonly servers: readonly string[];
  /** Whether a path leads to what may hang. */
  isElsewhere(path: string): boolean;
};

/** Takes each request to where it is done: to the host itself, or, where that might have to wait, to a helper. */
export type Routes = {
  /**
   * @param patience how long a single answer is waited for, ms: ETIMEDOUT then; undefined: helpers are not asked, and
   *   what is theirs is answered with {@link ELSEWHERE}
   */
  begin(patience: number | undefined): Session;
};

/** A handle of a helper: of which file system's, and of which of its lives. */
type Handle = { readonly device: string; readonly life: number; readonly file: number };

type Later = (answer: FileAnswer) => void;

/** Where requests have handles. */
const HANDLE_FIELDS = ['file', 'from', 'to', 'list', 'in', 'directory'];

export function createRoutes(files: Files, asking: Asking): Routes {
  let table: MountTable = tableOf([]);
  const handles = new Map<number, Handle>();
  let handle = 0;
  const direct: Session = {
    perform: (request) => files.perform(request),
    servers: [],
    isElsewhere: () => false,
  };

  /** The list of mounts is read again only when it has changed. */
  function refresh(): void {
    const told = files.perform({ op: 'mounts' });
    if (told.op !== 'mounts' || told.value === undefined) return;
    // Taken apart only where that matters: a table of mounts is long, and often all of it is local.
    const matters = handles.size > 0 || mayAnyHang(told.value);
    table = tableOf(matters ? parseMounts(told.value) : []);
    asking.keep(new Set([...table.remote].map(({ device }) => device)));
  }

  function readlink(path: string): string | undefined {
    const answer = files.perform({ op: 'readlink', path });
    return answer.op === 'readlink' ? answer.value : undefined;
  }

  /** The handle of a helper that a request has, if any. */
  function heldBy(request: FileRequest): (Handle & { readonly field: string }) | undefined {
    if (handles.size === 0) return undefined;
    const fields: Readonly<Record<string, unknown>> = request;
    for (const field of HANDLE_FIELDS) {
      const held = handles.get(Number(fields[field] ?? 0));
      if (held !== undefined) return { ...held, field };
    }
    return undefined;
  }

  /** An answer of a helper, whose handles are told apart from those of the host: below zero no descriptor is. */
  function withHandle(device: string, answer: FileAnswer): FileAnswer {
    if (answer.op === 'open' || answer.op === 'enter' || answer.op === 'create')
      return { op: answer.op, value: newHandle(answer.value) };
    if ((answer.op !== 'list' && answer.op !== 'list-rest') || answer.value.rest === undefined) return answer;
    return { op: answer.op, value: { ...answer.value, rest: newHandle(answer.value.rest) } };

    function newHandle(file: number): number {
      handle -= 1;
      handles.set(handle, { device, life: asking.life(device), file });
      return handle;
    }
  }

  function close(request: Extract<FileRequest, { op: 'close' }>, held: Handle): FileAnswer {
    handles.delete(request.file);
    asking.close(held.device, held.life, held.file);
    return { op: 'close', value: undefined };
  }

  function session(locator: Locator, patience: number | undefined): Session {
    const met = new Set<string>();

    function ask(device: string, request: FileRequest, later: Later): FileAnswer | undefined {
      if (patience === undefined) return { op: 'error', errno: ELSEWHERE };
      return asking.ask(device, request, patience, (answer) => {
        locator.forget();
        later(withHandle(device, answer));
      });
    }

    /** Digests are the host's, since their key is: of a file that lies elsewhere they are made when it is read. */
    function inspect(device: string, path: string, later: Later): FileAnswer | undefined {
      const taken = (answer: FileAnswer): FileAnswer =>
        answer.op === 'status'
          ? { op: 'inspect', value: { found: answer.value, digest: undefined } }
          : answer;
      const now = ask(device, { op: 'status', path, follow: false }, (answer) => later(taken(answer)));
      return now === undefined ? undefined : taken(now);
    }

    /** Whether something that may hang is mounted on a name in a directory that the host has open. */
    function isElsewhereIn({ directory, name }: NameIn): boolean {
      // Wherever it was renamed to, the kernel tells where it is, and touches nothing for that.
      const real = readlink(`/proc/self/fd/${directory}`);
      return real !== undefined && locator.isMounted(joinPath(real, name));
    }

    /** By a handle of a helper, or by a path that leads where one is needed; else it is the host's. */
    function simple(request: FileRequest, later: Later): FileAnswer | undefined {
      // What may lie elsewhere is looked at piece by piece.
      if (request.op === 'generation') return { op: 'generation', value: undefined };
      const held = heldBy(request);
      if (held !== undefined) {
        if (request.op === 'close') return close(request, held);
        // What is left of a listing has a handle anew with each piece.
        if (request.op === 'list-rest' || request.op === 'list-end') handles.delete(request.list);
        if (held.life !== asking.life(held.device)) return { op: 'error', errno: 'EIO' };
        return ask(held.device, { ...request, [held.field]: held.file } as FileRequest, later);
      }
      const name = nameIn(request);
      if (name !== undefined && isElsewhereIn(name)) return { op: 'error', errno: inTheWay(request.op) };
      const mount = remoteOf(request, locator);
      if (mount !== undefined) {
        met.add(`${mount.type} at ${mount.point}`);
        return request.op === 'inspect'
          ? inspect(mount.device, request.path, later)
          : ask(mount.device, request, later);
      }
      const answer = files.perform(request);
      const isStatus = request.op === 'status' && request.in === undefined && answer.op === 'status';
      if (isStatus && !request.follow && answer.value.kind !== 'link') locator.isPlain(request.path);
      if (request.op === 'inspect' && answer.op === 'inspect' && answer.value.found.kind !== 'link')
        locator.isPlain(request.path);
      return answer;
    }

    function lead(steps: Parts, later: Later, first?: FileAnswer): FileAnswer | undefined {
      let answer = first;
      for (;;) {
        const next = answer === undefined ? steps.next() : steps.next(answer);
        if (next.done === true) return next.value;
        answer = simple(next.value, (given) => {
          const end = lead(steps, later, given);
          if (end !== undefined) later(end);
        });
        if (answer === undefined) return undefined;
      }
    }

    return {
      perform(request, later) {
        const parts = heldBy(request) === undefined ? undefined : partsOf(request);
        return parts === undefined ? simple(request, later) : lead(parts, later);
      },
      get servers() {
        return [...met];
      },
      isElsewhere: (path) => locator.remoteOn(path, true) !== undefined,
    };
  }

  return {
    begin(patience) {
      refresh();
      // What is open elsewhere is so also when its mount is gone.
      const isLocal = table.remote.size === 0 && handles.size === 0;
      return isLocal ? direct : session(createLocator(table, readlink), patience);
    },
  };
}

/** One name in an open directory. */
type NameIn = { readonly directory: number; readonly name: string };

/** The name in an open directory that a request would look up, and with it what is mounted there; the others don't. */
function nameIn(request: FileRequest): NameIn | undefined {
  switch (request.op) {
    case 'status':
    case 'readlink':
    case 'open':
    case 'enter':
    case 'create':
    case 'grant':
      return request.in === undefined || request.path === ''
        ? undefined
        : { directory: request.in, name: request.path };
    default:
      return undefined;
  }
}

/** What a name is told to be on which something is mounted that may hang: no link, taken, and not to be touched. */
function inTheWay(op: FileOperation): string {
  if (op === 'readlink') return 'EINVAL';
  return op === 'create' ? 'EEXIST' : 'EBUSY';
}

/** The mount that may hang which a request by path would touch. A name in a directory is for whoever has that open. */
function remoteOf(request: FileRequest, locator: Locator): Mount | undefined {
  switch (request.op) {
    case 'names':
    case 'list':
    case 'file-system':
    case 'memory':
      return locator.remoteOn(request.path, true);
    case 'open':
    case 'enter':
      return request.in === undefined ? locator.remoteOn(request.path, true) : undefined;
    case 'status':
      return request.in === undefined ? locator.remoteOn(request.path, request.follow) : undefined;
    case 'readlink':
    case 'mkdir':
      return request.in === undefined ? locator.remoteOn(request.path, false) : undefined;
    case 'inspect':
      return locator.remoteOn(request.path, false);
    default:
      return undefined;
  }
}

/** Leaves out the places that events can't be asked for: inotify_add_watch(2) may hang as well. */
export function withoutElsewhere(reading: Reading, session: Session): Reading {
  if (reading.status !== 'read' && reading.status !== 'missing') return reading;
  const places = new Map([...reading.places].filter(([path]) => !session.isElsewhere(path)));
  return { ...reading, places };
}
