import { createSocket } from 'node:dgram';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { served } from '../support/asking.ts';
import { freePort } from '../support/free-port.ts';
import { HAPROXY, PID_NAMESPACE, UNBOUND } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { type LogObject, PATIENCE, type Rehup, rehup } from '../support/rehup.ts';
import { stopped } from '../support/telling.ts';
import { eachWithDirectory, writtenVolume } from '../support/volume.ts';

/** `--ready notify` with servers of Debian's that speak sd_notify(3) (specification 5). */

const directory = eachWithDirectory();
const here = (name: string) => join(directory.path, name);

/** In which a server that is told says that it reloads, on a busy machine too: if it says nothing, that is the verdict, ms. */
const HEARD = 2_000;

/** rehup with a stage in front of a server, whose own word is what its starts and reloads are judged by. */
function staged(words: readonly string[], verify = HEARD): Rehup {
  return rehup(
    [
      ...['--stage', `${here('source')}=${here('target')}`, '--ready', 'notify', '--ready-timeout', '20s'],
      ...['--min-interval', '0', '--poll', '0', '--verify', `${verify}ms`, '--log-level', 'debug', ...words],
    ],
    { environment: { PATH: `${process.env['PATH']}:/usr/sbin` } },
  );
}

/** What became of each start and reload, and what the server said of it, from the nth line of the log on. */
function story(run: Rehup, from = 0): readonly string[] {
  return run
    .log()
    .map((line) => line.event)
    .filter((event) =>
      /^(child\.started|notify\.(re|ig).*|reload\.(?!requested|started|held).*)$/.test(event),
    )
    .slice(from);
}

/** When a line was logged, ms. */
const timeOf = (line: LogObject): number => Date.parse(String(line['time']));

/** Of several that follow each other only one counts: haproxy's master says twice that it reloads. */
function once(events: readonly string[]): readonly string[] {
  return events.filter((event, index) => event !== events[index - 1]);
}

describe('haproxy -Ws', () => {
  const test = needing(PID_NAMESPACE, HAPROXY);

  function haproxy(port: number, text: string): { readonly 'haproxy.cfg': string } {
    const timeouts = ['connect', 'client', 'server'].map((name) => ` timeout ${name} 5s\n`).join('');
    const answer = `http-request return status 200 content-type text/plain string ${text}`;
    return {
      'haproxy.cfg': `defaults\n mode http\n${timeouts}listen main\n bind 127.0.0.1:${port}\n ${answer}\n`,
    };
  }

  const WORDS = () => ['--on-change', 'USR2', 'haproxy', '-Ws', '-f', here('target/haproxy.cfg')];

  test('says when it is started and when its reload is over', async () => {
    const port = await freePort();
    const volume = writtenVolume(here('source'), haproxy(port, 'one'));
    const run = staged(['--check', 'haproxy -c -f {dir}/haproxy.cfg', ...WORDS()]);
    await run.logged('notify.ready');
    expect(await served(port, 'one')).toBe('one');
    for (const [index, text] of ['two', 'three'].entries()) {
      volume.write(haproxy(port, text));
      await run.logged('reload.applied', index + 1);
      expect(await served(port, text)).toBe(text);
    }
    const reloaded = ['notify.reloading', 'notify.ready', 'reload.applied'];
    expect(once(story(run))).toEqual([
      'child.started',
      'notify.reloading',
      'notify.ready',
      ...reloaded,
      ...reloaded,
    ]);

    volume.write(haproxy(port, 'three\n nonsense'));
    await run.logged('reload.rejected');
    expect(await served(port, 'three')).toBe('three');
    await stopped(run);
    expect(story(run).filter((event) => event === 'child.started')).toHaveLength(1);
  });

  test('says that it is ready with what it did not take as well, which only a check tells', async () => {
    const port = await freePort();
    const volume = writtenVolume(here('source'), haproxy(port, 'one'));
    const run = staged(WORDS());
    await run.logged('notify.ready');
    volume.write(haproxy(port, 'one\n nonsense'));
    await run.logged('reload.applied');
    expect(run.errors()).toContain("unknown keyword 'nonsense'");
    expect(await served(port, 'one')).toBe('one');
    await stopped(run);
  });
});

describe('unbound', () => {
  const test = needing(PID_NAMESPACE, UNBOUND);

  function unbound(port: number, text: string): { readonly 'unbound.conf': string } {
    const lines = [
      ...['server:', `interface: 127.0.0.1@${port}`, 'chroot: ""', 'username: ""', 'pidfile: ""'],
      ...[
        'use-syslog: no',
        'do-daemonize: no',
        `directory: "${directory.path}"`,
        'local-zone: "test." static',
      ],
      ...[`local-data: 'name.test. TXT "${text}"'`, 'remote-control:', 'control-enable: no', ''],
    ];
    return { 'unbound.conf': lines.join('\n') };
  }

  const WORDS = () => ['--on-change', 'HUP', 'unbound', '-d', '-c', here('target/unbound.conf')];

  /** The text of name.test, asked as resolvers do (RFC 1035, 4). */
  function answered(port: number): Promise<string> {
    const header = Buffer.from([0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    const question = Buffer.from('\x04name\x04test\x00\x00\x10\x00\x01', 'latin1');
    const socket = createSocket('udp4');
    return new Promise<string>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('no answer')), PATIENCE);
      socket.on('message', (message) => {
        clearTimeout(timer);
        const data = message.subarray(header.length + question.length + 12);
        resolve(data.toString('latin1', 1, 1 + (data[0] ?? 0)));
      });
      socket.send(Buffer.concat([header, question]), port, '127.0.0.1');
    }).finally(() => socket.close());
  }

  /** So many records that a reload takes about half a second, and several times this on the fastest machine, ms. */
  const MOMENT = 50;
  const MOST_RELOADS = 20;
  const MANY = Array.from({ length: 90_000 }, (_, index) => `local-data: "n${index}.test. A 127.0.0.1"`).join(
    '\n',
  );

  test('has its reload applied when it says that it is over, long after the verify time, and not before', async () => {
    const port = await freePort();
    const large = (text: string) => {
      const { 'unbound.conf': small } = unbound(port, text);
      return { 'unbound.conf': small.replace('remote-control:', `${MANY}\nremote-control:`) };
    };
    const volume = writtenVolume(here('source'), large('one'));
    const run = staged(WORDS(), MOMENT);
    await run.logged('notify.ready');
    expect(await answered(port)).toBe('one');
    const reloaded = ['notify.reloading', 'notify.ready', 'reload.applied'];
    let heard = 0;
    // On a busy machine it may say that it reloads after the verify time only, which is the verdict on a child that says nothing.
    for (let nth = 1; heard < 2 && nth <= MOST_RELOADS; nth++) {
      volume.write(large(`text ${nth}`));
      await run.logged('reload.applied', nth);
      const [began, ready] = [
        await run.logged('notify.reloading', nth),
        await run.logged('notify.ready', nth + 1),
      ];
      expect(await answered(port)).toBe(`text ${nth}`);
      const told = story(run).slice(-reloaded.length);
      // Or rehup may be kept from hearing anything until both have been said.
      if (told[0] === 'reload.applied' || timeOf(ready) - timeOf(began) <= MOMENT) continue;
      expect(told).toEqual(reloaded);
      heard += 1;
    }
    expect(heard).toBe(2);
    await stopped(run);
  });

  test('that ends of what it can not read is started on what was good', async () => {
    const port = await freePort();
    const volume = writtenVolume(here('source'), unbound(port, 'one'));
    const run = staged(WORDS());
    await run.logged('notify.ready');
    volume.write({ 'unbound.conf': 'server:\n nonsense: yes\n' });
    const back = await run.logged('reload.rolled_back');
    expect(back['reason']).toBe('the child exited with 1');
    expect(await answered(port)).toBe('one');
    // It may have ended before it was heard that it reloads.
    expect(story(run).filter((event) => event !== 'notify.reloading')).toEqual([
      ...['child.started', 'notify.ready', 'reload.rolling_back'],
      ...['child.started', 'notify.ready', 'reload.rolled_back'],
    ]);
    await stopped(run);
  });
});
