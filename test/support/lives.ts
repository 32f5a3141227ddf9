import type { FileAnswer, FileRequest } from '../../src/core/files/files.ts';
import { look } from '../../src/core/probe/looking.ts';
import type { Probing, Verdict } from '../../src/core/probe/probe.ts';
import { type Between, drive } from './driver.ts';
import { ignoring } from './glob.ts';

/* Lives of containers in which probes are run on the real file system, told apart by what /proc and /dev say of them. */

export type Life = {
  readonly boot?: string;
  /** The number of the mount namespace. */
  readonly namespace?: number;
  /** When the runtime made /dev/fd; false: it made none. */
  readonly made?: string | false;
  readonly uptime?: number;
  readonly host?: string;
  /** Other files of /proc. */
  readonly proc?: Readonly<Record<string, string>>;
  /** The wall clock, ms. */
  readonly wall?: number;
  /** Answers in the file system's stead. */
  readonly between?: Between;
};

const FIRST_FAKE = 1_000_000;

const MOUNTS = '1 0 0:1 / / rw - overlay overlay rw\n2 1 0:2 / /dev rw - tmpfs tmpfs rw\n';

/** What a life answers to requests that tell it apart; what is appended to the log of the first process goes to `log`. */
export function inLife(life: Life, log: string[] = []): Between {
  const { boot = 'boot', namespace = 1, made = 'made', uptime = 1, host = 'pod-0', proc = {}, wall } = life;
  const texts: Readonly<Record<string, string>> = {
    '/proc/sys/kernel/random/boot_id': boot,
    '/proc/uptime': `${uptime} 0.00\n`,
    '/proc/sys/kernel/hostname': `${host}\n`,
    '/proc/self/mountinfo': MOUNTS,
    ...proc,
  };
  const opened = new Map<number, string>();

  function answer(request: FileRequest): FileAnswer | undefined {
    switch (request.op) {
      case 'readlink':
        return request.path === '/proc/self/ns/mnt'
          ? { op: 'readlink', value: `mnt:[${namespace}]` }
          : undefined;
      case 'status':
        if (request.path !== '/dev/fd') return undefined;
        return made === false ? { op: 'error', errno: 'ENOENT' } : { op: 'status', value: linkMade(made) };
      case 'names':
        if (request.path !== '/proc') return undefined;
        return {
          op: 'names',
          value: Object.keys(proc).flatMap((path) => /^\/proc\/(\d+)\/stat$/.exec(path)?.[1] ?? []),
        };
      case 'open': {
        if (request.in !== undefined || !request.path.startsWith('/proc/')) return undefined;
        const text = texts[request.path];
        if (text === undefined) return { op: 'error', errno: 'ENOENT' };
        const handle = FIRST_FAKE + opened.size;
        opened.set(handle, text);
        return { op: 'open', value: handle };
      }
      case 'read': {
        const text = opened.get(request.file);
        if (text === undefined) return undefined;
        opened.set(request.file, '');
        return { op: 'read', value: text };
      }
      case 'close':
        return request.file >= FIRST_FAKE ? { op: 'close', value: undefined } : undefined;
      case 'append':
        log.push(request.bytes);
        return { op: 'append', value: undefined };
      case 'time':
        return wall === undefined ? undefined : { op: 'time', value: wall };
      default:
        return undefined;
    }
  }
  return (request, count) => life.between?.(request, count) ?? answer(request);
}

function linkMade(stamp: string) {
  const owned = { owner: 0, group: 0, links: 1, mode: 0o777 };
  return { kind: 'link', identity: stamp, device: '0.2', stamp, changed: 0, ...owned } as const;
}

export type ProbeOptions = Partial<Omit<Probing, 'watches' | 'ignore'>> & {
  /** Where what is told to the container's log goes. */
  readonly log?: string[];
  readonly last?: boolean;
};

/** One look of a probe in a life; undefined where it is too soon for a verdict. */
export function probed(
  watches: readonly string[],
  life: Life,
  { log, last = true, ignored = [], ...options }: ProbeOptions,
): Verdict | undefined {
  const probing: Probing = {
    watches,
    ignored,
    ignore: ignoring(ignored),
    allowEmpty: false,
    state: undefined,
    and: undefined,
    splay: 0,
    ...options,
  };
  const looked = drive(look(probing, last), inLife(life, log));
  return looked.again ? undefined : looked.verdict;
}
