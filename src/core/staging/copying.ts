import {
  close,
  createIn,
  type Directory,
  enter,
  inspect,
  listSome,
  makeLink,
  openIn,
  removeDirectory,
  removeFile,
  sync,
} from '../files/below/handles.ts';
import { type Likeness, makeAlike, makeAndEnter } from '../files/below/making.ts';
import { splitPath, type Way, wayBelow } from '../files/below/way.ts';
import type { Content } from '../files/content.ts';
import {
  copyingTo,
  digestFile,
  type FileDigest,
  type FileFailure,
  type FileStatus,
  type FileSteps,
  isFailure,
} from '../files/files.ts';
import { nextGeneration } from '../files/layout.ts';
import { removeTree } from '../files/removal.ts';
import { type CopySource, secondName, type TreeCopy } from '../files/tree.ts';
import { joinPath } from '../text/path.ts';
import { memoryOf } from './failures.ts';
import { sealOf } from './generations.ts';
import { type Held, isOwn, mayEmpty, type Target } from './target.ts';

/** Why a copy can't be made, for a reason of its own: not that of what is copied. */
export type CopyTrouble =
  | ({ readonly kind: 'failed' } & FileFailure)
  /** What lies in memory would reach a disk. */
  | { readonly kind: 'secret'; readonly name: string }
  /** With its modes and owners this process, which may do what its child may, could not read it. */
  | ({ readonly kind: 'hidden'; readonly name: string } & FileFailure);

/** A generation in the making. */
export type Copying = TreeCopy & {
  /** Gives directories their owners and modes, tries to read all of it, and has it outlive a crash of the machine. */
  finish(): FileSteps<CopyTrouble | undefined>;
  /** What was in the way, after a walk that failed. */
  trouble(): CopyTrouble | undefined;
  /** Whether all owners and groups are those of the sources. */
  ownersKept(): boolean;
  /** What was made, once that is finished. */
  held(content: Content): Held;
  /** Gives back what it holds; if it is not `kept`, removes it. */
  end(kept: boolean): FileSteps<void>;
};

/** Modes while a generation is being made, whatever the umask and the modes to come. */
const PRIVATE_DIRECTORY = 0o700;
const PRIVATE_FILE = 0o600;

/** What a generation has whose source is a volume, as the kubelet makes it. */
const GENERATION_MODE = 0o755;

/** So many names are tried: others may have taken some. */
const TRIES = 1_000;

/** What is being made: open, and nobody else's. */
type Making = {
  readonly name: string;
  readonly root: Directory;
  readonly identity: string;
  readonly way: Way;
};

/** A copy in a target, as the generation after one. */
export function copyingInto(target: Target, after: string | undefined): Copying {
  let making: Making | undefined;
  let trouble: CopyTrouble | undefined;
  let ownersKept = true;
  let seal = '';
  const directories = new Map<string, Likeness>();
  const files = new Map<string, FileDigest>();
  const keyedFiles = new Set<string>();

  function failed(failure: FileFailure): FileFailure {
    trouble = { kind: 'failed', ...failure };
    return failure;
  }

  function* begin(): FileSteps<FileFailure | undefined> {
    yield* end(false);
    trouble = undefined;
    ownersKept = true;
    directories.clear();
    files.clear();
    keyedFiles.clear();
    const made = yield* make();
    directories.set('', { mode: GENERATION_MODE });
    if (isFailure(made)) return failed(made);
    making = made;
    return undefined;
  }

  function* make(): FileSteps<Making | FileFailure> {
    const known = new Set([...target.generations.values()].map(({ identity }) => identity));
    let name = after;
    let failure: FileFailure | undefined;
    for (let tries = 0; tries < TRIES; tries++) {
      name = nextGeneration(name);
      // The name of one that was made anew is not used again.
      if (target.generations.has(name)) continue;
      const root = yield* makeAndEnter(
        target.directory,
        name,
        PRIVATE_DIRECTORY,
        (found) => isOwn(found, target.user) && !known.has(found.identity),
      );
      if (isFailure(root)) {
        failure = root;
        // Whoever exchanges it in between has it made under another name.
        if (['EEXIST', 'ENOENT', 'ENOTDIR', 'ELOOP'].includes(root.errno)) continue;
        yield* removeDirectory(target.directory, name);
        return root;
      }
      const found = yield* inspect(root, '');
      const present = yield* listSome(root, true);
      if (!isFailure(found) && !isFailure(present) && present.length === 0)
        return { name, root, identity: found.identity, way: wayBelow(root) };
      yield* close(root);
      const wrong = isFailure(found) ? found : isFailure(present) ? present : undefined;
      if (wrong === undefined) continue;
      yield* removeDirectory(target.directory, name);
      return wrong;
    }
    return failure ?? { failed: 'mkdir', path: target.directory.path, errno: 'EEXIST' };
  }

  /** Where a path of the copy lies, open. */
  function* parentOf(path: string): FileSteps<{ directory: Directory; name: string } | FileFailure> {
    if (making === undefined) throw new Error('internal error: a copy that was not begun');
    const { parent, name } = splitPath(path);
    const directory = yield* making.way.at(parent);
    return isFailure(directory) ? directory : { directory, name };
  }

  function* directory(path: string, found: FileStatus): FileSteps<FileFailure | undefined> {
    directories.set(path, found);
    if (path === '') return undefined;
    const to = yield* parentOf(path);
    if (isFailure(to)) return failed(to);
    const made = yield* makeAndEnter(to.directory, to.name, PRIVATE_DIRECTORY);
    if (isFailure(made)) return failed(made);
    yield* close(made);
    return undefined;
  }

  /** A link that leads to the first name from within the generation, wherever that is seen. */
  function* second(path: string, first: string): FileSteps<FileFailure | undefined> {
    const to = yield* parentOf(path);
    if (isFailure(to)) return failed(to);
    const up = path
      .split('/')
      .slice(1)
      .map(() => '..');
    const leads = [...up, ...(first === '' ? [] : [first])].join('/') || '.';
    const failure = yield* makeLink(to.directory, to.name, leads);
    if (failure !== undefined) return failed(failure);
    files.set(path, secondName(first));
    return undefined;
  }

  function* file(source: CopySource, limit: number): FileSteps<FileDigest | FileFailure> {
    const { path: from, name: path, found, keyed } = source;
    const shown = joinPath(making?.root.path ?? '', path);
    if (keyed && !target.place.targetInMemory) {
      // Keyed is also what vanished before that could be told.
      const secret = yield* memoryOf(from);
      if (isFailure(secret)) return secret;
      if (secret) {
        trouble = { kind: 'secret', name: path };
        return { failed: 'create', path: shown, errno: 'EPERM' };
      }
    }
    const to = yield* parentOf(path);
    if (isFailure(to)) return failed(to);
    const made = yield* createIn(to.directory, to.name, PRIVATE_FILE);
    if (isFailure(made)) return failed(made);
    const digest = yield* digestFile(from, keyed, limit, copyingTo(made));
    if (isFailure(digest)) {
      yield { op: 'close', file: made };
      yield* removeFile(to.directory, to.name);
      // A copy(2) may have failed on either side: it is told as the failure of a copy.
      if (digest.failed === 'copy') failed({ ...digest, path: shown });
      return digest;
    }
    const failure = (yield* alike(made, shown, found)) ?? (yield* sync(made, shown));
    yield { op: 'close', file: made };
    if (failure !== undefined) return failed(failure);
    files.set(path, digest);
    if (keyed) keyedFiles.add(path);
    return digest;
  }

  function* alike(made: number, path: string, likeness: Likeness): FileSteps<FileFailure | undefined> {
    const kept = yield* makeAlike(made, path, likeness);
    if (kept === false) ownersKept = false;
    return isFailure(kept) ? kept : undefined;
  }

  function* finish(): FileSteps<CopyTrouble | undefined> {
    if (making === undefined) throw new Error('internal error: a copy that was not begun');
    const { root, way, name } = making;
    // From below, so that each can still be reached when its turn comes; until the last one nobody else can reach any.
    for (const [path, likeness] of [...directories].reverse()) {
      if (path === '') continue;
      const made = yield* way.at(path);
      const failure = isFailure(made) ? made : yield* finishDirectory(made, likeness);
      if (failure !== undefined) return { kind: 'failed', ...failure };
    }
    for (const [path, { second }] of files) {
      const hidden = second === undefined ? yield* isHidden(path) : undefined;
      if (hidden !== undefined) return hidden;
    }
    const sealed = yield* sealOf(root);
    if (typeof sealed !== 'string') return { kind: 'failed', ...sealed };
    seal = sealed;
    yield* way.leave();
    const failure = yield* finishDirectory(root, directories.get('') ?? { mode: GENERATION_MODE });
    if (failure !== undefined) return { kind: 'failed', ...failure };
    const again = yield* enter(target.directory, name);
    if (isFailure(again)) return unreachable('', again);
    yield* close(again);
    return undefined;
  }

  function* finishDirectory(made: Directory, likeness: Likeness): FileSteps<FileFailure | undefined> {
    return (yield* sync(made.handle, made.path)) ?? (yield* alike(made.handle, made.path, likeness));
  }

  function* isHidden(path: string): FileSteps<CopyTrouble | undefined> {
    const to = yield* parentOf(path);
    if (isFailure(to)) return unreachable(path, to);
    const opened = yield* openIn(to.directory, to.name);
    if (isFailure(opened)) return unreachable(path, opened);
    yield { op: 'close', file: opened };
    return undefined;
  }

  function unreachable(name: string, failure: FileFailure): CopyTrouble {
    return failure.errno === 'EACCES' ? { kind: 'hidden', name, ...failure } : { kind: 'failed', ...failure };
  }

  function* end(kept: boolean): FileSteps<void> {
    if (making === undefined) return;
    const { name, root, way, identity } = making;
    making = kept ? making : undefined;
    yield* way.leave();
    yield* close(root);
    const mine = mayEmpty(target);
    // As far as it goes: the next task on the target removes the rest.
    if (!kept) {
      yield* removeTree(
        target.directory,
        name,
        (found, below) => below || found.identity === identity || mine(found, false),
      );
    }
  }

  return {
    begin,
    directory,
    second,
    file,
    finish,
    end,
    trouble: () => trouble,
    ownersKept: () => ownersKept,
    held(content) {
      if (making === undefined) throw new Error('internal error: a copy that was not begun');
      const { name, identity } = making;
      return { name, identity, files: new Map(files), keyed: new Set(keyedFiles), content, seal };
    },
  };
}
