import { spawn, spawnSync } from 'node:child_process';
import { describe, expect } from 'vitest';
import { type Capability, PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { PATIENCE, REHUP_BIN } from '../support/rehup.ts';
import { eachWithDirectory } from '../support/volume.ts';

/**
 * Specification 2.6: on a terminal, which script(1) makes. As a command of a shell that is no interactive one; and, where
 * the machine allows it, as `docker run -it` has it, as PID 1 of a namespace and leader of the terminal's session.
 */

const TERMINAL: Capability = {
  prefix: spawnSync('script', ['-qec', 'true', '/dev/null']).status === 0 ? [] : undefined,
  remedy: 'script (apt-get install -y bsdutils)',
};

const test = needing(TERMINAL);
const directory = eachWithDirectory();

/** Runs a shell command on a terminal; `type` is called with each piece of output, and answers what is to be typed. */
function onTerminal(command: string, type: (output: string) => string | undefined = () => undefined) {
  return new Promise<{ readonly code: number | null; readonly output: string }>((resolve, reject) => {
    const child = spawn('script', ['-qec', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`no end of ${command}: ${output}`));
    }, PATIENCE);
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      const typed = type(output);
      if (typed !== undefined) child.stdin.write(typed);
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code, output: output.replaceAll('\r', '') });
    });
  });
}

/** Taking over a terminal is for root: ioctl_tty(2), TIOCSCTTY. */
const AS_IN_A_CONTAINER =
  process.getuid?.() === 0 && PID_NAMESPACE.prefix !== undefined
    ? `${PID_NAMESPACE.prefix.join(' ')} setsid --ctty `
    : undefined;

const WAYS: readonly { readonly as: string; readonly before: string }[] = [
  { as: 'as a command', before: '' },
  ...(AS_IN_A_CONTAINER === undefined ? [] : [{ as: 'as in a container', before: AS_IN_A_CONTAINER }]),
];

const QUIET = `${REHUP_BIN} --log-level silent`;

/** The process group of a shell, and the foreground one of its terminal: proc_pid_stat(5). */
const GROUPS = 'cut -d" " -f5,8 /proc/$$/stat';

describe('on a terminal', () => {
  test('the child is in the foreground, and the caller is there again when rehup has ended', async () => {
    const { output } = await onTerminal(`${QUIET} sh -c '${GROUPS}'; ${GROUPS}`);
    const [inside = [], outside = []] = output
      .trim()
      .split('\n')
      .map((line) => line.split(' '));
    expect(inside[0]).toBe(inside[1]);
    expect(outside[0]).toBe(outside[1]);
    expect(outside[0]).not.toBe(inside[0]);
  });

  test.each(WAYS)(
    'the log is for people, unless it is asked to be for machines (tty: true), $as',
    async ({ before }) => {
      for (const [options, first] of [
        ['', /^(?!\{).*\bstarted\b/],
        ['--log-format json ', /^\{"level":"info",/],
      ] as const) {
        const { output } = await onTerminal(`NO_COLOR=1 ${before}${REHUP_BIN} ${options}true`);
        expect(output.trim().split('\n')[0]).toMatch(first);
      }
    },
  );

  test.each(WAYS)('Ctrl-C reaches the child once, $as', async ({ before }) => {
    let typed = false;
    const script =
      'trap "echo INT; n=1" INT; echo ready; while [ -z "$n" ]; do sleep 0.05; done; sleep 0.2; exit 4';
    const { code, output } = await onTerminal(`${before}${QUIET} sh -c '${script}'`, (text) => {
      if (typed || !text.includes('ready')) return undefined;
      typed = true;
      return '\u0003';
    });
    expect(code).toBe(4);
    expect(output.match(/INT/g)).toHaveLength(1);
  });
});

describe('a signal that stops a job', () => {
  for (const [name, number] of Object.entries({ TSTP: 20, TTIN: 21, TTOU: 22 })) {
    test(`${name} is forwarded, and stops rehup itself until a CONT, which is forwarded, too`, async () => {
      // A CONT that comes before it has told of the other would be told of first, and end it.
      const told = `${directory.path}/told`;
      const child = `trap "echo got-${name}; : > ${told}" ${name}; trap "echo got-CONT; exit 6" CONT; echo ready; : > ${directory.path}/ready; while :; do sleep 0.02; done`;
      const state = 'cut -d" " -f3 /proc/$p/stat';
      // Without job control a shell gives its children no terminal on stdin, unless they are given it anew.
      const begin = `exec 3<&0; ${QUIET} sh -c '${child}' <&3 & p=$!`;
      const stopped = `until [ "$(${state})" = T ]; do sleep 0.02; done; echo stopped`;
      const ready = `until [ -e ${directory.path}/ready ]; do sleep 0.02; done`;
      const script = `${begin}; ${ready}; kill -${number} $p; ${stopped}; until [ -e ${told} ]; do sleep 0.02; done; kill -CONT $p; wait $p; echo "code $?"`;
      const { output } = await onTerminal(script);
      const lines = output
        .trim()
        .split('\n')
        .filter((line) => line !== '');
      expect(lines.toSorted()).toEqual(['code 6', 'got-CONT', `got-${name}`, 'ready', 'stopped']);
    });
  }
});

describe('an interactive shell', () => {
  test.each(WAYS)(
    'has working job control, and the terminal is as it was before when it ends, $as',
    async ({ before }) => {
      const steps: readonly (readonly [await: RegExp, type: string])[] = [
        // A job that starts nothing itself: a shell that is stopped while it does (by vfork) would not be seen to be.
        [
          /ready> $/,
          `perl -e '$| = 1; $SIG{CONT} = sub { print "going on\\n" }; print "running\\n"; sleep 1 while 1'\n`,
        ],
        // The job runs, so the shell has handed the terminal over to it.
        [/\nrunning\r\n$/, '\u001a'],
        [/Stopped.*ready> $/s, 'fg\n'],
        [/\ngoing on\r\n$/, '\u0003'],
        [/\^C.*ready> $/s, 'echo "monitor: $-"\n'],
        [/\nmonitor: \S+\r\n.*ready> $/s, 'exit 5\n'],
      ];
      let at = 0;
      let seen = 0;
      const shell = `PS1='ready> ' ${before}${QUIET} bash --norc --noprofile --noediting -i`;
      const { code, output } = await onTerminal(`stty -g; ${shell}; c=$?; stty -g; exit $c`, (text) => {
        const step = steps[at];
        if (step === undefined || !step[0].test(text.slice(seen))) return undefined;
        at += 1;
        seen = text.length;
        return step[1];
      });
      expect(at).toBe(steps.length);
      expect(output).toMatch(/monitor: \S*m/);
      expect(code).toBe(5);
      const settings = output.split('\n').filter((line) => /^[0-9a-f]+(:[0-9a-f]+){10,}$/.test(line));
      expect(settings).toHaveLength(2);
      expect(settings[1]).toBe(settings[0]);
    },
  );
});

describe('Ctrl-Z', () => {
  /** Types each text when what has come since the last one matches. */
  function typing(steps: readonly (readonly [awaited: RegExp, type: string])[]) {
    let at = 0;
    let seen = 0;
    return {
      all: () => at === steps.length,
      type(text: string): string | undefined {
        const step = steps[at];
        if (step === undefined || !step[0].test(text.slice(seen))) return undefined;
        at += 1;
        seen = text.length;
        return step[1];
      },
    };
  }

  test('under an interactive shell stops rehup with its child, and fg goes on with both', async () => {
    const counting = `perl -e '$| = 1; $SIG{CONT} = sub { print "going on\\n" }; print "up\\n"; sleep 1 while 1'`;
    const typed = typing([
      [/ready> $/, `${QUIET} ${counting}\n`],
      // The child runs, so rehup has handed the terminal over to it.
      [/\nup\r\n$/, '\u001a'],
      [/Stopped.*ready> $/s, 'fg\n'],
      [/\ngoing on\r\n$/, '\u001a'],
      [/Stopped.*ready> $/s, 'fg\n'],
      [/\ngoing on\r\n$/, '\u0003'],
      [/ready> $/, 'echo "code $?"; exit 5\n'],
    ]);
    const shell = `PS1='ready> ' bash --norc --noprofile --noediting -i`;
    const { code, output } = await onTerminal(shell, (text) => typed.type(text));
    expect(typed.all(), output).toBe(true);
    expect(output).toMatch(/\ncode 130\n/);
    expect(code).toBe(5);
  });

  const container = AS_IN_A_CONTAINER;
  if (container !== undefined) {
    test('as in a container, where nobody could go on with it, stops nothing', async () => {
      const typed = typing([[/up\r\n$/, '\u001a']]);
      // It starts nothing itself: see the interactive shell.
      const child = `perl -e '$| = 1; $SIG{CONT} = sub { print "going on\\n"; exit 3 }; print "up\\n"; sleep 1 while 1'`;
      const { code, output } = await onTerminal(`${container}${QUIET} ${child}`, (text) => typed.type(text));
      expect([typed.all(), code]).toEqual([true, 3]);
      expect(output).toMatch(/going on/);
    });
  }
});
