import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { PID_NAMESPACE, PYTHON } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { IS_NODE, REHUP_BIN, type Rehup, rehup } from '../support/rehup.ts';
import { expectRest } from '../support/rest.ts';
import { stopped } from '../support/telling.ts';
import { announcer } from '../support/victims.ts';
import { eachWithDirectory, writtenVolume } from '../support/volume.ts';

/** Specification 5, `--ready notify`: whoever sends whatever neither hangs nor grows nor steers PID 1. */

const test = needing(PID_NAMESPACE, PYTHON);
/** Not below /tmp, which is watched then too, and where other tests make and remove their own: there would be no rest. */
const directory = eachWithDirectory(homedir());
const here = (name: string) => join(directory.path, name);

const OPTIONS = ['--ready', 'notify', '--min-interval', '0', '--poll', '0', '--verify', '100ms'];

function telling(child: readonly string[], options: readonly string[] = []): Rehup {
  return rehup([
    '-w',
    here('volume'),
    '--on-change',
    'HUP',
    '--log-level',
    'debug',
    ...OPTIONS,
    ...options,
    ...child,
  ]);
}

/** KiB that may come and go: both engines collect what is left over only now and then; the sanitizers keep it for a while. */
const SLACK = REHUP_BIN.endsWith('-asan') ? 96 * 1024 : IS_NODE ? 16 * 1024 : 512;

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

type Usage = {
  readonly at: number;
  readonly cpu: number;
  readonly kib: number;
  readonly descriptors: number;
};

/** What a process has used so far: CPU in ms of a clock that ticks a hundred times a second, and memory. */
function usage(pid: number): Usage {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const kib = Number(/^VmRSS:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  const cpu = (Number(fields[11]) + Number(fields[12])) * 10;
  return { at: performance.now(), cpu, kib, descriptors: readdirSync(`/proc/${pid}/fd`).length };
}

/** How much of a core it took between two looks, which are further apart than was meant on a busy machine. */
const share = (before: Usage, after: Usage) => (after.cpu - before.cpu) / (after.at - before.at);

/** Sends something to an address from a process that is no descendant of rehup. */
function fromOutside(address: string, message: string): void {
  const script = `import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect('\\0' + sys.argv[1][1:])
s.send(sys.argv[2].encode())`;
  const { status, stderr } = spawnSync('python3', ['-c', script, address, message], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
}

const addressOf = async (run: Rehup) => (await run.said('up ')).slice('up '.length);

describe('who is heard', () => {
  test('is not a process from outside, which is told once', async () => {
    writtenVolume(here('volume'), { key: '0' });
    const run = telling(announcer('pass', "say('READY=1')"), ['--ready-timeout', '1h']);
    const address = await addressOf(run);
    fromOutside(address, 'READY=1');
    await run.logged('notify.ignored');
    fromOutside(address, 'READY=1\nSTATUS=mine');
    // A message of its own comes after theirs, in the same queue.
    run.signal('SIGUSR2');
    expect(await run.ended).not.toBe(0);
    const events = run.log().map((line) => line.event);
    expect(events.filter((event) => event.startsWith('notify.'))).toEqual(['notify.ignored']);
  });

  test('is a descendant that has left the group, its session and its parent', async () => {
    writtenVolume(here('volume'), { key: '0' });
    const distant = `
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        there('${here('go')}')
        say('READY=1')
        time.sleep(60)
    os._exit(0)
os.wait()`;
    const run = telling(announcer(distant), ['--ready-timeout', '1h']);
    await run.said('up');
    writeFileSync(here('go'), '');
    await run.logged('notify.ready');
    await stopped(run);
  });

  test('is nobody who still has the address of an earlier child', async () => {
    const volume = writtenVolume(here('volume'), { key: '0' });
    const run = telling(announcer("say('READY=1')"), ['--on-change', 'restart']);
    const first = await addressOf(run);
    volume.write({ key: '1' });
    await run.said('up', 2);
    expect(() => fromOutside(first, 'STOPPING=1')).toThrow(/ConnectionRefusedError/);
    await stopped(run);
  });
});

describe('what is sent', () => {
  test('leaves no descriptor behind, however many come along, and a barrier is answered', async () => {
    writtenVolume(here('volume'), { key: '0' });
    const many = `
handles = [os.open('/dev/null', os.O_RDONLY) for _ in range(250)]
for _ in range(8): say('X=1', handles)
tell('barrier %s' % barrier())
say('READY=1')`;
    const run = telling(announcer(many));
    expect(await run.said('barrier')).toBe('barrier True');
    await run.logged('notify.ready');
    expect(usage(run.pid()).descriptors).toBeLessThan(IS_NODE ? 60 : 12);
    await stopped(run);
  });

  test('is nothing that is longer than 16 KiB, or no text', async () => {
    writtenVolume(here('volume'), { key: '0' });
    const odd = `
made = opened()
for data in [b'READY=1\\n' + b'x' * 20_000, b'', b'\\0' * 16_384, b'\\xff' * 100, b'\\n' * 16_384, b'=' * 16_384,
             b'STATUS=' + b'\\xff\\x1b]0;x\\x07' + b'y' * 10_000, b'READY=1\\0', b'READY', b'X' * 200_000]:
    made.send(data)
tell('barrier %s' % barrier())`;
    const run = telling(announcer(odd, "say('READY=1')"), ['--ready-timeout', '1h']);
    expect(await run.said('barrier')).toBe('barrier True');
    const status = String((await run.logged('notify.status'))['status']);
    expect(status.length).toBeLessThan(1_100);
    const before = run.log().length;
    run.signal('SIGHUP');
    await run.logged('reload.requested');
    expect(
      run
        .log()
        .slice(0, before)
        .map((line) => line.event),
    ).not.toContain('notify.ready');
    await stopped(run);
  });

  for (const [what, messages] of [
    ['by a child', "flood([b'STATUS=%d' % n for n in range(100)] + [b'RELOADING=1', b'x' * 16_000])"],
    [
      'of what is too long and of garbage',
      "flood([b'x' * 100_000, b'\\xff' * 16_384, b'EXTEND_TIMEOUT_USEC=1'])",
    ],
  ] as const) {
    test(`a flood ${what} keeps rehup neither from signals nor from a stop, costs little, and does not grow`, async () => {
      writtenVolume(here('volume'), { key: '0' });
      const child = announcer(
        `
for _ in range(3): threading.Thread(target=flood_all, daemon=True).start()
say('READY=1')`.replace('flood_all', `lambda: ${messages}`),
      );
      const run = rehup(['-w', here('volume'), '--on-change', 'HUP', ...OPTIONS, ...child]);
      await run.said('up');
      await pause(500);
      const pid = run.pid();
      const before = usage(pid);
      const begun = performance.now();
      for (let count = 1; count <= 10; count++) {
        run.signal('SIGUSR1');
        await run.said('USR1', count);
      }
      const took = performance.now() - begun;
      await pause(Math.max(3_000 - took, 0));
      const after = usage(pid);
      expect(share(before, after)).toBeLessThan(IS_NODE ? 0.3 : 0.15);
      expect(after.kib - before.kib).toBeLessThan(SLACK);
      // A first look opens the list of mounts for good, and may come late on a busy machine.
      expect(after.descriptors).toBeLessThanOrEqual(before.descriptors + 1);
      await stopped(run);
    });
  }

  test('nor does one from outside', async () => {
    writtenVolume(here('volume'), { key: '0' });
    const run = telling(announcer("say('READY=1')"));
    const address = await addressOf(run);
    const script = `import socket, time, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect('\\0' + sys.argv[1][1:])
s.setblocking(False)
until = time.time() + 2
while time.time() < until:
    try: s.send(b'READY=1')
    except OSError: time.sleep(0)`;
    const before = usage(run.pid());
    spawnSync('python3', ['-c', script, address]);
    const after = usage(run.pid());
    expect(share(before, after)).toBeLessThan(0.3);
    await run.logged('notify.ignored');
    await stopped(run);
    expect(run.log().filter((line) => line.event === 'notify.ignored')).toHaveLength(1);
  });

  test('on a descriptor without an end is read in pieces, and costs little', async () => {
    writtenVolume(here('volume'), { key: '0' });
    const endless =
      "threading.Thread(target=lambda: [os.write(3, b'x' * 65536) for _ in iter(int, 1)], daemon=True).start()";
    const run = telling(announcer(endless), ['--ready', 'notify-fd:3', '--ready-timeout', '1h']);
    await run.said('up');
    await pause(300);
    const before = usage(run.pid());
    await pause(2_000);
    const after = usage(run.pid());
    expect(share(before, after)).toBeLessThan(0.3);
    expect(after.kib - before.kib).toBeLessThan(SLACK);
    await stopped(run);
  });
});

test('at rest a channel wakes nobody', async () => {
  const run = rehup([...OPTIONS, ...announcer("say('READY=1')")]);
  await run.said('up');
  await expectRest(run.pid());
  await stopped(run);
});
