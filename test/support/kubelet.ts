import {
  chmodSync,
  closeSync,
  constants,
  lchownSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * A kubelet to test against: writes a volume as the real writers do, one file-system operation at a time.
 * Source of all facts: shared/kubelet.md, which names the file of the kubelet, of the Secrets Store CSI driver or of
 * Kata behind each.
 */

/** What a volume holds: the bytes of each file by its path, which may be nested (`items[].path`). */
export type Payload = Readonly<Record<string, string | Uint8Array>>;

/**
 * The order of a write: `links-first` is that of old kubelets and of the CSI driver, `links-last` that of the present
 * kubelet, `copier` that of Kata's agent, which is no atomic one.
 */
export type WriteOrder = 'links-first' | 'links-last' | 'copier';

export const WRITE_ORDERS: readonly WriteOrder[] = ['links-last', 'links-first', 'copier'];

export type OperationName =
  | 'read'
  | 'make-generation'
  | 'mode-generation'
  | 'make-directory'
  | 'make-file'
  | 'write-file'
  | 'mode-file'
  | 'touch-modes'
  | 'link-key'
  | 'link-data-tmp'
  | 'swap'
  | 'unlink-data'
  | 'link-data'
  | 'unlink-key'
  | 'remove-file'
  | 'remove-directory';

/** An operation that is performed when the generator goes on. */
export type Operation = { readonly name: OperationName; readonly path: string };

export type VolumeOptions = {
  readonly order?: WriteOrder;
  /** The mode of files, 0644 as in a ConfigMap without `defaultMode`. */
  readonly mode?: number;
  /** A kubelet with an fsGroup: old ones set the modes of everything at each sync, which is seen as ATTRIB events. */
  readonly fsGroup?: boolean;
  /** Numbers from 0 to 1, for the order of new key links and the names of generations. */
  readonly random?: () => number;
};

export type Volume = {
  readonly path: string;
  /** Writes a payload as a sync of the pod does: nothing happens if bytes and paths are what they were. */
  write(payload: Payload): void;
  /** The same, an operation at a time: each is yielded before it is performed. */
  operations(payload: Payload): Generator<Operation, void, void>;
  /** Writes a new generation whether or not the payload differs, as writers do that keep no memory. */
  rewrite(payload: Payload): void;
  /** A write that fails before the swap: a generation is made and removed again. */
  abort(payload: Payload): void;
  /** What `..data` points to; undefined before the first write. */
  generation(): string | undefined;
  /** Removes everything in the volume, as the kubelet does when it tears a volume down under a running container. */
  tearDown(): void;
};

const DATA = '..data';
const DATA_TMP = '..data_tmp';

/** A volume at `path`, which is made if it is not there; a payload that the kubelet would refuse is an error. */
export function createVolume(path: string, options: VolumeOptions = {}): Volume {
  const { order = 'links-last', mode = 0o644, fsGroup = false, random = Math.random } = options;
  // As an emptyDir, whatever the umask is.
  if (mkdirSync(path, { recursive: true }) !== undefined) chmodSync(path, 0o777);

  function generation(): string | undefined {
    try {
      return readlinkSync(join(path, DATA));
    } catch {
      return undefined;
    }
  }

  function* write(payload: Payload, always: boolean): Generator<Operation, void, void> {
    validate(payload);
    const old = generation();
    const keys = firstLevel(payload);
    // The kubelet walks and reads what is there, which makes OPEN and ACCESS events, at every sync.
    yield { name: 'read', path };
    if (!always && old !== undefined && isSame(join(path, old), payload)) {
      if (fsGroup && order === 'links-first') yield* touchModes();
      if (order === 'links-last') yield* linkKeys(keys);
      return;
    }
    if (order === 'copier') yield* copy(old, payload, keys);
    else yield* swap(old, payload, keys);
  }

  function* swap(old: string | undefined, payload: Payload, keys: readonly string[]) {
    const made = newGenerationName(random);
    yield* writeGeneration(made, payload);
    if (fsGroup && order === 'links-last') yield* touchModes();
    if (order === 'links-first') yield* linkKeys(keys);
    yield { name: 'link-data-tmp', path: join(path, DATA_TMP) } as const;
    symlinkSync(made, join(path, DATA_TMP));
    yield { name: 'swap', path: join(path, DATA) } as const;
    renameSync(join(path, DATA_TMP), join(path, DATA));
    if (order === 'links-last') yield* linkKeys(keys);
    yield* unlinkKeys(keys);
    if (old !== undefined) yield* removeTree(join(path, old));
  }

  /** Kata's agent: the old generation goes first, the link is made anew, the files follow one by one. */
  function* copy(old: string | undefined, payload: Payload, keys: readonly string[]) {
    const made = newGenerationName(random);
    if (old !== undefined) {
      yield* removeTree(join(path, old));
      yield { name: 'unlink-data', path: join(path, DATA) } as const;
      unlinkSync(join(path, DATA));
    }
    yield { name: 'link-data', path: join(path, DATA) } as const;
    symlinkSync(made, join(path, DATA));
    yield* writeGeneration(made, payload);
    yield* linkKeys(keys);
    yield* unlinkKeys(keys);
  }

  function* writeGeneration(name: string, payload: Payload): Generator<Operation, void, void> {
    const root = join(path, name);
    yield { name: 'make-generation', path: root };
    mkdirSync(root, { mode: 0o700 });
    yield { name: 'mode-generation', path: root };
    chmodSync(root, 0o755);
    for (const [key, bytes] of Object.entries(payload)) {
      const file = join(root, key);
      if (dirname(key) !== '.') {
        yield { name: 'make-directory', path: dirname(file) };
        mkdirSync(dirname(file), { recursive: true });
      }
      yield { name: 'make-file', path: file };
      const descriptor = openSync(file, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC, mode);
      yield { name: 'write-file', path: file };
      // Of an empty file as well.
      writeSync(descriptor, Buffer.from(bytes));
      closeSync(descriptor);
      // By its path, once it is closed: os.WriteFile and os.Chmod.
      yield { name: 'mode-file', path: file };
      chmodSync(file, mode);
    }
  }

  /**
   * What an fsGroup does to the whole volume, from the leaves to its root (SetVolumeOwnership): the group of everything, links
   * too, and the modes of what is no link. The group is that of this process, since another needs rights.
   */
  function* touchModes(): Generator<Operation, void, void> {
    yield { name: 'touch-modes', path };
    own(path);
  }

  function own(place: string): void {
    const found = lstatSync(place);
    if (found.isDirectory()) for (const name of readdirSync(place)) own(join(place, name));
    lchownSync(place, -1, process.getgid?.() ?? -1);
    if (found.isSymbolicLink()) return;
    chmodSync(place, (found.mode & 0o7777) | (found.isDirectory() ? 0o2550 : 0o440));
  }

  function* linkKeys(keys: readonly string[]): Generator<Operation, void, void> {
    for (const key of shuffled(keys, random)) {
      if (visible().includes(key)) continue;
      yield { name: 'link-key', path: join(path, key) };
      symlinkSync(join(DATA, key), join(path, key));
    }
  }

  function* unlinkKeys(keys: readonly string[]): Generator<Operation, void, void> {
    for (const name of visible()) {
      // What else is mounted there is none of its business.
      if (keys.includes(name) || lstatSync(join(path, name)).isDirectory()) continue;
      yield { name: 'unlink-key', path: join(path, name) };
      unlinkSync(join(path, name));
    }
  }

  function visible(): readonly string[] {
    return readdirSync(path).filter((name) => !name.startsWith('..'));
  }

  function finish(steps: Generator<Operation, void, void>): void {
    for (const operation of steps) void operation;
  }

  return {
    path,
    generation,
    operations: (payload) => write(payload, false),
    write: (payload) => finish(write(payload, false)),
    rewrite: (payload) => finish(write(payload, true)),
    abort(payload) {
      const made = newGenerationName(random);
      finish(writeGeneration(made, payload));
      finish(removeTree(join(path, made)));
    },
    tearDown() {
      for (const name of readdirSync(path)) rmSync(join(path, name), { recursive: true, force: true });
    },
  };
}

/** Depth first, as os.RemoveAll does it. */
function* removeTree(root: string): Generator<Operation, void, void> {
  for (const entry of readdirSync(root, { withFileTypes: true })) {
    const path = join(root, entry.name);
    if (entry.isDirectory()) yield* removeTree(path);
    else {
      yield { name: 'remove-file', path };
      unlinkSync(path);
    }
  }
  yield { name: 'remove-directory', path: root };
  rmdirSync(root);
}

/** What the kubelet refuses to write (kubelet.md 1). */
function validate(payload: Payload): void {
  for (const path of Object.keys(payload)) {
    const parts = path.split('/');
    const refused =
      path === '' ||
      path.length > 4096 ||
      path.startsWith('/') ||
      parts.some((part) => part === '..' || part.length > 255) ||
      path.startsWith('..');
    if (refused) throw new Error(`the kubelet refuses the path ${JSON.stringify(path)}`);
  }
}

function firstLevel(payload: Payload): readonly string[] {
  return [...new Set(Object.keys(payload).map((path) => path.split('/')[0] ?? path))];
}

/** A change is judged by bytes and by the set of paths only. */
function isSame(root: string, payload: Payload): boolean {
  const files = new Map<string, Buffer>();
  try {
    for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (entry.isFile()) files.set(path.slice(root.length + 1), readFileSync(path));
    }
  } catch {
    return false;
  }
  const wanted = Object.entries(payload);
  return (
    wanted.length === files.size &&
    wanted.every(([path, bytes]) => files.get(path)?.equals(Buffer.from(bytes)) ?? false)
  );
}

function newGenerationName(random: () => number): string {
  const [day = '', time = ''] = new Date().toISOString().split('T');
  const stamp = `${day.replaceAll('-', '_')}_${time.slice(0, 8).replaceAll(':', '_')}`;
  return `..${stamp}.${Math.floor(random() * 4_294_967_296)}`;
}

function shuffled<Value>(values: readonly Value[], random: () => number): readonly Value[] {
  return values
    .map((value) => ({ value, key: random() }))
    .sort((one, other) => one.key - other.key)
    .map(({ value }) => value);
}
