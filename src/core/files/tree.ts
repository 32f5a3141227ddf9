import type { PathPredicate } from '../text/glob.ts';
import { type Content, captured, contentOf } from './content.ts';
import type { FileDigest, FileFailure, FileOperation, FileStatus, FileSteps } from './files.ts';
import type { Place, Places, Ways } from './places.ts';

/** A watch holds at most this much (specification 4.1 and 4.9). */
export const MAX_FILES = 10_000;
export const MAX_DIRECTORIES = 10_000;
export const MAX_BYTES = 256 * 1024 * 1024;
/** More names than that of files and directories are not kept. */
export const MAX_NAMES = MAX_FILES + MAX_DIRECTORIES;

/** A kubelet volume below a watch. */
export type NestedVolume = {
  readonly name: string;
  readonly generation: string;
  /** Whether what is visible of it is its generation. */
  readonly complete: boolean;
};

/** What one walk over a tree found. */
export type Tree = {
  readonly files: Map<string, FileDigest>;
  /** The places whose events tell of changes. */
  readonly places: Map<string, Place>;
  /** By identity, the name under which each directory was met first. */
  readonly firsts: Map<string, string>;
  /** The kubelet volumes that were met below the watch, by path. */
  readonly volumes: Map<string, NestedVolume>;
  /** Files that lie in no generation of a volume. */
  beside: number;
  /** Names that were listed so far. */
  listed: number;
  /** Whether a name vanished between being listed and being read. */
  torn: boolean;
  /** Whether a link was followed. */
  linked: boolean;
  /** Whether a file has no name any more. */
  unlinked: boolean;
  /** By device, whether the files of it that were read lie in memory, where the watch itself does not. */
  readonly memory: Map<string, boolean>;
  /** By device, whether its clock can be trusted. */
  readonly clocks: Map<string, boolean>;
  bytes: number;
  /** What the files hold, where it is captured; nothing any more once it is too much. */
  readonly texts: Map<string, string>;
  /** How many bytes of that were met. */
  captured: number;
};

export type WalkOptions = {
  readonly keyed: boolean;
  readonly ignore: PathPredicate;
  /** Whether what the files hold is kept as well. */
  readonly capture: boolean;
  readonly copy: TreeCopy | undefined;
  /** The files as they were, of which those that are the same are not read again. */
  readonly known: ReadonlyMap<string, FileDigest> | undefined;
  /** The wall clock before anything is read, if it is to be told later whether files are the same; ms. */
  readonly now: number | undefined;
  /** Mount points: a file that is mounted by itself sends its events by itself. */
  readonly points: ReadonlySet<string>;
  /** The places as they were found before: those that are the same are kept as they are. */
  readonly before: Places | undefined;
  readonly ways: Ways;
  /** The generations of volumes that this look has seen, by root. */
  readonly generations: Map<string, string>;
  /** Whether events are wanted from below a generation as well. */
  readonly copied: boolean;
};

/** Takes a copy of what walks read, from the very bytes that are digested. A failure of its own ends a walk. */
export type TreeCopy = {
  /** A reading begins, perhaps anew: what was copied before is of no use. */
  begin(): FileSteps<FileFailure | undefined>;
  directory(name: string, found: FileStatus): FileSteps<FileFailure | undefined>;
  /** Another name of a directory that was copied as `first`, or lies around this one. */
  second(name: string, first: string): FileSteps<FileFailure | undefined>;
  file(source: CopySource, limit: number): FileSteps<FileDigest | FileFailure>;
};

export type CopySource = {
  readonly path: string;
  readonly name: string;
  readonly found: FileStatus;
  /** Whether its digest is keyed, because it lies in memory. */
  readonly keyed: boolean;
};

/**
 * The most that is kept of a file, bytes: the longest argument or variable that execve(2) takes (MAX_ARG_STRLEN, 32
 * pages), and one more to tell that there is more.
 */
export const MOST_CAPTURED = 131_072 + 1;

export type TooLarge = { readonly tooLarge: 'files' | 'directories' | 'bytes' };

/** The limit that was passed, in words. */
export function limitText({ tooLarge }: TooLarge): string {
  if (tooLarge === 'bytes') return `${MAX_BYTES / 1024 / 1024} MiB`;
  return tooLarge === 'files' ? `${MAX_FILES} files` : `${MAX_DIRECTORIES} directories`;
}

export function emptyTree(): Tree {
  return {
    files: new Map(),
    places: new Map(),
    firsts: new Map(),
    volumes: new Map(),
    beside: 0,
    listed: 0,
    torn: false,
    linked: false,
    unlinked: false,
    memory: new Map(),
    clocks: new Map(),
    bytes: 0,
    texts: new Map(),
    captured: 0,
  };
}

/** The digest over all is keyed if that of any file is. */
export function* contentOfTree(tree: Tree, { keyed, capture }: WalkOptions): FileSteps<Content> {
  const content = yield* contentOf(tree.files, keyed || [...tree.memory.values()].includes(true));
  return capture ? { ...content, ...captured(tree.texts, tree.captured) } : content;
}

/** A name that is met on a walk; `device` is that of its directory, `quiet` whether that sends no events. */
export type Met = {
  readonly path: string;
  readonly name: string;
  readonly device: string | undefined;
  readonly quiet: boolean;
};

/** What stands among the files for a directory that was read under another name already: its name alone counts. */
export function secondName(first: string): FileDigest {
  return { size: 0, digest: `another name of ${first}`, second: first };
}

/** Operations on what is read; the others are on a copy of it. */
const READING: readonly FileOperation[] = [
  'status',
  'inspect',
  'list',
  'names',
  'open',
  'read',
  'digest-file',
  'copy',
];

/** Whether what was there is not there any more, or is something else by now (EISDIR: a directory, ENXIO: a socket). */
export function isGone({ failed, errno }: FileFailure): boolean {
  return (
    READING.includes(failed) && ['ENOENT', 'ENOTDIR', 'ELOOP', 'ESTALE', 'EISDIR', 'ENXIO'].includes(errno)
  );
}
