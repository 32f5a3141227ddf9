import type { Metadata } from '../core/reading/api.ts';
import { ApiError, type Client } from './client.ts';
import type { Turns } from './limiter.ts';
import type { Log } from './log.ts';

/** Keeps a copy of one kind of object up to date: a list in pages, then a watch with bookmarks, and again after its end. */
export type Reflector = {
  /** When all objects were taken in for the first time, or again by {@link relist}. */
  readonly synced: Promise<void>;
  /** Lists anew at once, so that the copy is as new as this moment. */
  relist(): Promise<void>;
};

export type Reflected = {
  readonly path: string;
  /** A selector besides, as it stands in a query. */
  readonly query?: string;
  take(object: { readonly metadata?: Metadata }, key: string): void;
  drop(key: string): void;
};

type List = {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items?: readonly { readonly metadata?: Metadata }[];
};

type WatchEvent = {
  readonly type?: string;
  readonly object?: { readonly metadata?: Metadata; readonly code?: number; readonly message?: string };
};

/**
 * Objects of a page: few at first, more where they are small. An object may have a megabyte, and a page is in memory whole
 * and twice.
 */
const PAGE = { first: 32, least: 4, most: 512, small: 250_000, large: 1_000_000 } as const;

/** How long a watch lasts by itself: five to ten minutes, so that not all end at once; s. */
const WATCH_SECONDS = 300;

/** Between two tries; ms. */
const PAUSE = { shortest: 200, longest: 2000 } as const;

/** A watch that ends sooner, and told nothing, is none; ms. */
const SHORT = 1000;

const GONE = 410;

/** @param pages pages of all kinds are in memory whole, so those who share it take turns */
export function createReflector(client: Client, log: Log, reflected: Reflected, pages: Turns): Reflector {
  const { path, query = '', take, drop } = reflected;
  let known = new Set<string>();
  let version: string | undefined;
  let isWanted = true;
  let abort = new AbortController();
  let tries = 0;
  /** Whether the last watch ended so, without an event. */
  let isGone = false;
  let waiting: (() => void)[] = [];
  const nextSync = () => new Promise<void>((resolve) => waiting.push(resolve));
  const synced = nextSync();

  async function list(): Promise<void> {
    isWanted = false;
    abort = new AbortController();
    const asked = waiting;
    waiting = [];
    try {
      const found = new Set<string>();
      let next = '';
      let at: string | undefined;
      let limit: number = PAGE.first;
      const measured = (bytes: number) => {
        if (bytes < PAGE.small) limit = Math.min(PAGE.most, limit * 2);
        else if (bytes > PAGE.large) limit = Math.max(PAGE.least, Math.floor(limit / 2));
      };
      do {
        next = await pages(async () => {
          const page = (await client.call('GET', `${path}?limit=${limit}${query}${next}`, {
            measured,
          })) as List;
          for (const object of page.items ?? []) {
            const key = keyOf(object);
            found.add(key);
            take(object, key);
          }
          at = page.metadata?.resourceVersion;
          const token = page.metadata?.continue ?? '';
          return token === '' ? '' : `&continue=${encodeURIComponent(token)}`;
        });
      } while (next !== '');
      for (const key of known) if (!found.has(key)) drop(key);
      known = found;
      version = at;
    } catch (error) {
      isWanted = true;
      waiting = [...asked, ...waiting];
      throw error;
    }
    for (const tell of asked) tell();
  }

  function event({ type, object = {} }: WatchEvent): void {
    if (type === 'ERROR') throw new ApiError(object.code ?? 0, `watching ${path}: ${object.message ?? ''}`);
    tries = 0;
    isGone = false;
    version = object.metadata?.resourceVersion ?? version;
    if (type === 'BOOKMARK') return;
    const key = keyOf(object);
    if (type === 'DELETED') {
      known.delete(key);
      drop(key);
    } else {
      known.add(key);
      take(object, key);
    }
  }

  async function watch(): Promise<void> {
    abort = new AbortController();
    const seconds = Math.round(WATCH_SECONDS * (1 + Math.random()));
    const since = `watch=1&allowWatchBookmarks=true&timeoutSeconds=${seconds}&resourceVersion=${version ?? ''}`;
    const began = performance.now();
    let isEmpty = true;
    let failure: unknown;
    const taken = (one: unknown) => {
      if (failure !== undefined) return;
      isEmpty = false;
      try {
        event(one as WatchEvent);
      } catch (error) {
        failure = error;
        abort.abort();
      }
    };
    try {
      await client.watch(`${path}?${since}${query}`, taken, abort.signal);
    } catch (error) {
      throw failure ?? error;
    }
    if (failure !== undefined) throw failure;
    // What stands between does not let it last, and would be asked without end.
    if (isEmpty && performance.now() - began < SHORT)
      throw new ApiError(0, `watching ${path}: it ended at once, without an event`);
  }

  async function run(): Promise<never> {
    for (;;) {
      try {
        if (isWanted || version === undefined) await list();
        else await watch();
      } catch (error) {
        if (isWanted && abort.signal.aborted) continue;
        const status = error instanceof ApiError ? error.status : 0;
        const line = error instanceof Error ? error.message : String(error);
        log(status === GONE ? 'info' : 'warn', 'api.watch', `${line}; trying again`, { path });
        if (status === GONE) {
          // What happened since then is not told any more. Whoever was away is back, and need not be waited for.
          version = undefined;
          isGone = !isGone;
          if (isGone) continue;
        }
        tries += 1;
        const longest = Math.min(PAUSE.longest, PAUSE.shortest * 2 ** Math.min(tries, 10));
        await new Promise((resolve) => setTimeout(resolve, longest * (0.5 + Math.random() / 2)));
      }
    }
  }

  void run();
  return {
    synced,
    relist() {
      isWanted = true;
      const done = nextSync();
      abort.abort();
      return done;
    },
  };
}

/** `NAMESPACE/NAME`; the name alone of what is in no namespace. */
function keyOf({ metadata = {} }: { readonly metadata?: Metadata }): string {
  const { namespace, name = '' } = metadata;
  return namespace === undefined ? name : `${namespace}/${name}`;
}
