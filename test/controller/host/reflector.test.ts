import { expect, test, vi } from 'vitest';
import { ApiError, type Client } from '../../../src/controller/host/client.ts';
import { createTurns } from '../../../src/controller/host/limiter.ts';
import type { Log } from '../../../src/controller/host/log.ts';
import { createReflector } from '../../../src/controller/host/reflector.ts';

/** Keeping a copy of what the API server has, through the ends of its watches. */

type Watch = { readonly path: string; event(type: string, name: string): void; end(error?: Error): void };

/** An API server that answers lists with what it has, two to a page, and hands out its watches. */
class Server {
  readonly objects = new Map<string, string>();
  version = 1;
  readonly watches: Watch[] = [];
  readonly lists: string[] = [];
  failures: Error[] = [];
  /** The size of an answer. */
  bytes = 1_000_000;

  readonly client: Client = {
    ...{ namespace: 'home', server: '', counts: new Map(), waiting: () => 0 },
    call: async (_, path, { measured } = {}) => {
      measured?.(this.bytes);
      this.lists.push(path);
      const failure = this.failures.shift();
      if (failure !== undefined) throw failure;
      const names = [...this.objects.keys()];
      const from = Number(/continue=(\d+)/.exec(path)?.[1] ?? 0);
      const page = names.slice(from, from + 2);
      const next = from + 2 < names.length ? { continue: `${from + 2}` } : {};
      return {
        metadata: { resourceVersion: `${this.version}`, ...next },
        items: page.map((name) => ({ metadata: { namespace: 'n', name } })),
      };
    },
    watch: (path, taken, signal) =>
      new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => reject(new Error('aborted')));
        this.watches.push({
          path,
          event: (type, name) => {
            this.version += 1;
            const object =
              type === 'ERROR'
                ? { code: 410 }
                : { metadata: { namespace: 'n', name, resourceVersion: `${this.version}` } };
            taken({ type, object });
          },
          end: (error) => (error === undefined ? resolve() : reject(error)),
        });
      }),
  };

  /** The watch that was opened as the so-manieth, when it is. */
  async watch(number: number): Promise<Watch> {
    await vi.waitFor(() => expect(this.watches.length).toBeGreaterThanOrEqual(number), { timeout: 60_000 });
    const watch = this.watches[number - 1];
    if (watch === undefined) throw new Error('there is none');
    return watch;
  }
}

function reflected(server: Server) {
  const known = new Set<string>();
  const told: string[] = [];
  const log: Log = (level, event) => void told.push(`${level} ${event}`);
  const reflected = {
    path: '/things',
    query: '&labelSelector=a',
    take: (_: object, key: string) => void known.add(key),
    drop: (key: string) => void known.delete(key),
  };
  const reflector = createReflector(server.client, log, reflected, createTurns(2, 5000));
  return { reflector, known, told };
}

test('it lists in pages, then watches from there with bookmarks, and goes on where a watch ended', async () => {
  const server = new Server();
  for (const name of ['a', 'b', 'c']) server.objects.set(name, '');
  const { reflector, known } = reflected(server);
  await reflector.synced;
  expect([...known]).toEqual(['n/a', 'n/b', 'n/c']);
  expect(server.lists).toEqual([
    '/things?limit=32&labelSelector=a',
    '/things?limit=32&labelSelector=a&continue=2',
  ]);
  const first = await server.watch(1);
  expect(first.path).toMatch(
    /^\/things\?watch=1&allowWatchBookmarks=true&timeoutSeconds=\d+&resourceVersion=1&labelSelector=a$/,
  );
  first.event('ADDED', 'd');
  first.event('DELETED', 'a');
  first.event('BOOKMARK', '');
  expect([...known]).toEqual(['n/b', 'n/c', 'n/d']);
  first.end();
  expect((await server.watch(2)).path).toContain('resourceVersion=4&');
  expect(server.lists).toHaveLength(2);
});

test.each([
  ['small', 1000, [32, 64, 128]],
  ['large', 5_000_000, [32, 16, 8]],
])('of objects that are %s a page has as many as fit', async (_, bytes, limits) => {
  const server = new Server();
  server.bytes = bytes;
  for (const name of ['a', 'b', 'c', 'd', 'e']) server.objects.set(name, '');
  await reflected(server).reflector.synced;
  expect(server.lists.map((path) => Number(/limit=(\d+)/.exec(path)?.[1]))).toEqual(limits);
});

test.each(['an event', 'the answer'])(
  '410 Gone by %s has it list anew, and drop what is gone',
  async (by) => {
    const server = new Server();
    server.objects.set('a', '').set('b', '');
    const { reflector, known } = reflected(server);
    await reflector.synced;
    const watch = await server.watch(1);
    server.objects.delete('a');
    server.objects.set('c', '');
    if (by === 'an event') watch.event('ERROR', '');
    else watch.end(new ApiError(410, 'too old'));
    await server.watch(2);
    expect([...known].sort()).toEqual(['n/b', 'n/c']);
  },
);

test('what can not be listed is tried again, and a watch that breaks goes on from where it was', async () => {
  const server = new Server();
  server.objects.set('a', '');
  server.failures = [new ApiError(0, 'refused'), new ApiError(500, 'etcd')];
  const { reflector, told } = reflected(server);
  await reflector.synced;
  expect(told).toEqual(['warn api.watch', 'warn api.watch']);
  (await server.watch(1)).end(new ApiError(0, 'reset'));
  expect((await server.watch(2)).path).toContain('resourceVersion=1&');
  expect(server.lists).toHaveLength(3);
});

test('it can be asked to list anew at once, in the middle of a watch', async () => {
  const server = new Server();
  const { reflector, known, told } = reflected(server);
  await reflector.synced;
  await server.watch(1);
  server.objects.set('a', '');
  await reflector.relist();
  expect([...known]).toEqual(['n/a']);
  await server.watch(2);
  expect(told).toEqual([]);
});

test('pages of several kinds are in memory in turns, and one that does not come holds up the others for a while only', async () => {
  const turns = createTurns(2, 50);
  let [going, most] = [0, 0];
  const page = () =>
    turns(async () => {
      going += 1;
      most = Math.max(most, going);
      await new Promise((resolve) => setImmediate(resolve));
      going -= 1;
    });
  await Promise.all(Array.from({ length: 10 }, page));
  expect([most, going]).toEqual([2, 0]);
  const never = new Promise<void>(() => {});
  for (let index = 0; index < 2; index += 1) void turns(() => never);
  await page();
  await expect(turns(() => Promise.reject(new Error('refused')))).rejects.toThrow('refused');
  await page();
});

test('a watch that ends at once and tells nothing is a failure: the next one waits', async () => {
  const server = new Server();
  const asked: number[] = [];
  vi.spyOn(server.client, 'watch').mockImplementation(async () => void asked.push(performance.now()));
  const { told } = reflected(server);
  await vi.waitFor(() => expect(asked.length).toBeGreaterThanOrEqual(4), { timeout: 60_000 });
  const [first = 0, , , fourth = 0] = asked;
  // Pauses of at least half of 400, 800 and 1600 ms, less what timers are early by.
  expect(fourth - first).toBeGreaterThan(1390);
  expect(new Set(told)).toEqual(new Set(['warn api.watch']));
  expect(server.lists).toHaveLength(1);
});
