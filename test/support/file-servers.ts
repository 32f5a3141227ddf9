import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import { BINDFS, type Capability } from './machine.ts';
import { PATIENCE } from './patience.ts';
import { SILENT, VICTIMS_IN_C } from './victims.ts';

/** A file server in user space, mounted on a directory, with one file `key` (`one` at first) in it. */
export type FileServer = {
  readonly path: string;
  /** Has the file hold something else. */
  put(text: string): Promise<void>;
  /** From now on nobody gets an answer. */
  falls(): Promise<void>;
  /** All that waits gets its answer. */
  rises(): Promise<void>;
  ends(): Promise<void>;
};

function works(): boolean {
  if (process.getuid?.() !== 0 || VICTIMS_IN_C.prefix === undefined || BINDFS.prefix === undefined)
    return false;
  const point = mkdtempSync(join(tmpdir(), 'rehup-fuse-'));
  const { status } = spawnSync(SILENT, [point], { input: '' });
  rmSync(point, { recursive: true });
  return status === 0;
}

export const FILE_SERVERS: Capability = {
  prefix: works() ? [] : undefined,
  remedy: 'file servers (run the tests as root, with /dev/fuse; apt-get install -y bindfs gcc libc6-dev)',
};

async function over(server: ChildProcess): Promise<void> {
  if (server.exitCode === null && server.signalCode === null) await once(server, 'exit');
}

const CONNECTIONS = '/sys/fs/fuse/connections';

/** What tells how many requests a file server has not answered, read or not: the kernel's fuse.rst. */
function waitingAt(path: string): () => number {
  const { dev } = statSync(path);
  const minor = (dev & 0xff) | ((dev >>> 12) & ~0xff);
  const file = join(CONNECTIONS, String(minor), 'waiting');
  if (!existsSync(file)) spawnSync('mount', ['-t', 'fusectl', 'none', CONNECTIONS]);
  return () => Number(readFileSync(file, 'utf8'));
}

/** One that is stopped before it reads a request: who waits for it can be killed. */
async function deaf(path: string): Promise<FileServer> {
  const source = `${path}-source`;
  mkdirSync(path);
  mkdirSync(source);
  const key = join(source, 'key');
  writeFileSync(key, 'one');
  const server = spawn('bindfs', ['-f', source, path], { stdio: 'ignore' });
  await expect.poll(() => readdirSync(path), { timeout: PATIENCE }).toEqual(['key']);
  const pid = server.pid ?? 0;
  const waiting = waitingAt(path);
  const states = () =>
    readdirSync(`/proc/${pid}/task`).map(
      (task) => readFileSync(`/proc/${pid}/task/${task}/stat`, 'latin1').split(') ').at(-1)?.charAt(0) ?? '',
    );
  return {
    path,
    put: async (text) => writeFileSync(key, text),
    async falls() {
      const isInHand = async () => {
        server.kill('SIGSTOP');
        // A thread that has not stopped yet may still read a request.
        await expect.poll(() => states().every((state) => state === 'T'), { timeout: PATIENCE }).toBe(true);
        if (waiting() === 0) return false;
        // Who asked for what was read already could not be killed; it may only have come since, too.
        server.kill('SIGCONT');
        return true;
      };
      await expect.poll(isInHand, { timeout: PATIENCE }).toBe(false);
    },
    rises: async () => void server.kill('SIGCONT'),
    async ends() {
      server.kill('SIGKILL');
      await over(server);
      spawnSync('umount', ['-l', path]);
    },
  };
}

/** One that reads requests and keeps them: who waits for it can't be killed either. */
async function holding(path: string): Promise<FileServer> {
  mkdirSync(path);
  const server = spawn(SILENT, [path], { stdio: ['pipe', 'pipe', 'inherit'] });
  let said = '';
  server.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const count = (word: string) => said.split('\n').filter((line) => line === word).length;
  await expect.poll(() => count('ready'), { timeout: PATIENCE }).toBe(1);
  async function tell(line: string): Promise<void> {
    const before = count('done');
    server.stdin.write(`${line}\n`);
    await expect.poll(() => count('done'), { timeout: PATIENCE }).toBe(before + 1);
  }
  await tell('put one');
  return {
    path,
    put: (text) => tell(`put ${text}`),
    falls: () => tell('hold'),
    rises: () => tell('answer'),
    async ends() {
      server.stdin.end();
      await over(server);
    },
  };
}

/** Both kinds, by what they do to those who wait. */
export const KINDS = { deaf, holding } as const;

const running = new Set<FileServer>();

export async function fileServer(kind: keyof typeof KINDS, path: string): Promise<FileServer> {
  if (existsSync(path)) throw new Error(`${path} is there already`);
  const server = await KINDS[kind](path);
  running.add(server);
  return server;
}

/** Ends those that a test has left running; before the directory that they are mounted in is removed. */
export async function endServers(): Promise<void> {
  for (const server of [...running]) await server.ends();
  running.clear();
}

/** Looks and reloads as soon as can be; file servers are looked at by polls alone. */
export const SOON = ['--min-interval', '0', '--verify', '0', '--settle', '0', '--poll', '1s'];

/** A file below a directory that is no file server's. */
export function localFile(directory: string): string {
  const file = join(directory, 'local', 'file');
  mkdirSync(dirname(file));
  writeFileSync(file, 'first');
  return file;
}
