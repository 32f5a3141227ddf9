import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket, type RemoteInfo } from 'node:dgram';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { type Capability, PID_NAMESPACE } from './machine.ts';
import { PATIENCE } from './patience.ts';

/** Real DNS of a test's own, on a loopback address where nothing else is, and what does not answer as it should. */

const PORT = 53;

/** Resolvers ask port 53 and no other. */
export const LOW_PORT: Capability = {
  prefix:
    process.getuid?.() === 0 && !(PID_NAMESPACE.prefix ?? ['--user']).includes('--user') ? [] : undefined,
  remedy: 'root, to serve DNS on port 53 (run the tests as root)',
};

const children = new Set<ChildProcess>();
const sockets = new Set<{ close(): unknown }>();

afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  for (const socket of sockets) socket.close();
  children.clear();
  sockets.clear();
});

/** An address of this machine's that is its own to this process, and to each call. */
let last = 0;
function ownAddress(): string {
  last += 1;
  return `127.${64 + (process.pid & 63)}.${(process.pid >> 6) & 255}.${last}`;
}

/** unbound with these records, such as `lock.svc.test. A 127.0.0.1`; the address that it listens at. */
export async function unbound(folder: string, records: readonly string[]): Promise<string> {
  const address = ownAddress();
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'unbound.conf');
  const lines = [
    'server:',
    `interface: ${address}`,
    'access-control: 127.0.0.0/8 allow',
    `directory: "${folder}"`,
    'chroot: ""\nusername: ""\npidfile: ""\nuse-syslog: no\ndo-daemonize: no\nverbosity: 1\nnum-threads: 1',
    'module-config: "iterator"',
    'local-zone: "." static',
    'rrset-roundrobin: no',
    ...records.map((record) => `local-data: "${record}"`),
    'remote-control:\ncontrol-enable: no',
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  const child = spawn('unbound', ['-d', '-c', file], {
    env: { PATH: `${process.env['PATH']}:/usr/sbin` },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  children.add(child);
  await new Promise<void>((resolve, reject) => {
    let said = '';
    const timer = setTimeout(() => reject(new Error(`unbound does not start: ${said}`)), PATIENCE);
    child.on('exit', (code) => reject(new Error(`unbound ended with ${code}: ${said}`)));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      if (!said.includes('start of service')) return;
      clearTimeout(timer);
      resolve();
    });
  });
  return address;
}

/** What stands in front of a DNS server; `answers` is given what that says, and sends what it wants to. */
export function relay(
  server: string,
  answers: (answer: Buffer, send: (bytes: Buffer) => void) => void,
): Promise<string> {
  const address = ownAddress();
  const front = createSocket('udp4');
  sockets.add(front);
  front.on('message', (question: Buffer, from: RemoteInfo) => {
    const back = createSocket('udp4');
    sockets.add(back);
    back.on('message', (answer: Buffer) =>
      answers(answer, (bytes) => {
        if (sockets.has(front)) front.send(bytes, from.port, from.address);
      }),
    );
    back.send(question, PORT, server);
  });
  const whole = createServer((socket) => {
    const behind = connect(PORT, server);
    for (const [one, other] of [
      [socket, behind],
      [behind, socket],
    ] as const) {
      one.on('error', () => other.destroy()).on('close', () => other.destroy());
      one.pipe(other);
    }
  });
  sockets.add(whole);
  return new Promise((resolve, reject) => {
    front.on('error', reject);
    whole.on('error', reject);
    front.bind(PORT, address, () => whole.listen(PORT, address, () => resolve(address)));
  });
}

/** The most that is sent by UDP to who did not say that it takes more (RFC 1035, 4.2.1), and what one address takes. */
const MOST = 512;
const RECORD = 16;

/** Of a cut answer, which unbound leaves empty, one that holds as many of these addresses as it can, as other servers do. */
export function filled(answer: Buffer, addresses: readonly string[]): Buffer {
  const isCut = (answer.readUInt8(2) & 2) !== 0;
  let end = 12;
  while (answer.readUInt8(end) !== 0) end += answer.readUInt8(end) + 1;
  end += 5;
  if (!isCut || answer.readUInt16BE(end - 4) !== 1) return answer;
  const taken = addresses.slice(0, Math.floor((MOST - end) / RECORD));
  const records = taken.map((address) =>
    Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...address.split('.').map(Number)]),
  );
  const head = Buffer.from(answer.subarray(0, end));
  for (const [at, count] of [taken.length, 0, 0].entries()) head.writeUInt16BE(count, 6 + 2 * at);
  return Buffer.concat([head, ...records]);
}

/** Words before rehup that have it ask this server, in an image whose /etc/nsswitch.conf is for another C library. */
export function asking(folder: string, server: string): readonly string[] {
  const conf = `nameserver ${server}\nsearch other.test svc.test\noptions ndots:2 timeout:1 attempts:2\n`;
  const files = {
    'resolv.conf': conf,
    'nsswitch.conf': 'hosts: files mymachines dns\n',
    hosts: '127.0.0.1 localhost\n127.0.0.1 listed\n',
  };
  mkdirSync(folder, { recursive: true });
  const script = Object.entries(files).map(([name, text]) => {
    writeFileSync(join(folder, name), text);
    return `{ [ -e /etc/${name} ] || : > /etc/${name}; } && mount --bind "$0/${name}" /etc/${name}`;
  });
  return [...(PID_NAMESPACE.prefix ?? []), 'sh', '-c', `${script.join(' && ')} && exec "$@"`, folder];
}
