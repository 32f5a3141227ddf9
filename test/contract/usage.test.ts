import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execaSync } from 'execa';
import { describe, expect, test } from 'vitest';
import { RUN_OPTIONS } from '../../src/cli/options.ts';
import { REHUP_BIN } from '../support/rehup.ts';

/** The command line of the built executable; nothing here needs a namespace, since nothing is started. */

function run(words: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  const { exitCode, stdout, stderr } = execaSync(REHUP_BIN, words, {
    env: { PATH: process.env['PATH'], ...environment },
    extendEnv: false,
    reject: false,
    stripFinalNewline: false,
  });
  return { status: exitCode, stdout, stderr };
}

/** Each option once, with a value that it does not take, and the line that says so. */
const BAD_USAGE: Readonly<Record<string, readonly [value: string, line: string]>> = {
  watch: [
    '/nowhere/at/all',
    '--watch /nowhere/at/all: not there, and neither is its directory; name what is there, or mount it',
  ],
  'on-change': [
    'restrat',
    '--on-change restrat: not an action; use restart, exit, exit:CODE, none, a signal like SIGHUP, http://HOST/PATH or exec:COMMAND',
  ],
  ignore: ['[a', '--ignore [a: a [ without its ]'],
  'allow-empty': ['yes', '--allow-empty=yes: no such option; see rehup --help'],
  settle: ['5x', '--settle 5x: not a duration; use for example 250ms, 5s, 2m'],
  poll: ['-1', '--poll -1: not a duration; use for example 250ms, 5s, 2m'],
  check: ['nginx -t {dir}', '--check nginx -t {dir}: {dir} means no watch; give a --watch or a --stage'],
  'check-timeout': ['5x', '--check-timeout 5x: not a duration; use for example 250ms, 5s, 2m'],
  stage: ['/tmp=/tmp/x', '--stage /tmp=/tmp/x: its target lies in its source; use a directory of its own'],
  verify: ['soon', '--verify soon: not a duration; use for example 250ms, 5s, 2m'],
  ready: [
    'ftp://x',
    '--ready ftp://x: not a target; use http://HOST:PORT/PATH, tcp://HOST:PORT, exec:COMMAND, notify or notify-fd:N',
  ],
  'ready-timeout': ['soon', '--ready-timeout soon: not a duration; use for example 250ms, 5s, 2m'],
  'action-timeout': ['-1', '--action-timeout -1: not a duration; use for example 250ms, 5s, 2m'],
  'fleet-lock': [
    'https://lock',
    "--fleet-lock https://lock: TLS is not rehup's job; use http:// to a port of the same pod",
  ],
  'fleet-group': [
    'a\tb',
    '--fleet-group a\\tb: empty, longer than 253 bytes, or more than one line; use for example default-deployment-web',
  ],
  'fleet-id': [
    '',
    '--fleet-id : empty, longer than 253 bytes, or more than one line; use for example default-deployment-web',
  ],
  'fleet-token': ['', '--fleet-token : an empty path; name a directory or a file'],
  'fleet-timeout': ['1d', '--fleet-timeout 1d: not a duration; use for example 250ms, 5s, 2m'],
  splay: ['1d', '--splay 1d: not a duration; use for example 250ms, 5s, 2m'],
  'min-interval': ['1y', '--min-interval 1y: not a duration; use for example 250ms, 5s, 2m'],
  'stop-signal': [
    'SIGKILL',
    "--stop-signal SIGKILL: can't ask anything to stop; use for example SIGTERM, SIGQUIT, SIGINT",
  ],
  'stop-timeout': ['', '--stop-timeout : not a duration; use for example 250ms, 5s, 2m'],
  'env-dir': ['', '--env-dir : an empty path; name a directory or a file'],
  'signal-to': ['all', '--signal-to all: unknown; use auto, child or group'],
  'on-exit': ['always', '--on-exit always: unknown; use exit, restart or restart-on-failure'],
  'max-restarts': ['many', '--max-restarts many: not a number of restarts; use for example 5, or 0 for none'],
  'rewrite-signal': ['KILL:TERM', "--rewrite-signal KILL:TERM: KILL can't be caught; use another"],
  'map-exit': ['1:256', '--map-exit 1:256: not FROM:TO with codes from 0 to 255; use for example 143:0'],
  'log-level': ['loud', '--log-level loud: unknown; use trace, debug, info, warn, error, fatal or silent'],
  'dry-run': ['yes', '--dry-run=yes: no such option; see rehup --help'],
  drain: ['soon', '--drain soon: not a duration; use for example 250ms, 5s, 2m'],
  listen: ['9847', '--listen 9847: not [HOST]:PORT; use for example :9847, 127.0.0.1:9847 or [::1]:9847'],
  'listen-status': ['maybe', '--listen-status=maybe: no such option; see rehup --help'],
  socket: ['', '--socket : an empty path; name a directory or a file'],
  'log-format': ['xml', '--log-format xml: unknown; use json, gcp or pretty'],
};

describe('bad usage', () => {
  test('is tested for every option', () => {
    expect(Object.keys(BAD_USAGE).sort()).toEqual(RUN_OPTIONS.map((option) => option.name).sort());
  });

  for (const [name, [value, line]] of Object.entries(BAD_USAGE)) {
    test(`of --${name} is one line and 125, and the child is never started`, () => {
      const directory = mkdtempSync(join(tmpdir(), 'rehup-'));
      const marker = join(directory, 'started');
      const result = run([`--${name}=${value}`, '--', 'touch', marker]);
      const lines = result.stderr.split('\n').filter((text) => text !== '' && !text.startsWith('{'));
      expect({ ...result, stderr: lines }).toEqual({ status: 125, stdout: '', stderr: [`rehup: ${line}`] });
      expect(existsSync(marker)).toBe(false);
      rmSync(directory, { recursive: true });
    });
  }

  test('of a variable names the variable', () => {
    const { status, stderr } = run(['true'], { REHUP_SETTLE: '5x' });
    expect({ status, stderr }).toEqual({
      status: 125,
      stderr: 'rehup: REHUP_SETTLE 5x: not a duration; use for example 250ms, 5s, 2m\n',
    });
  });

  test('of a variable that names a stage names the variable, also where only a look at its target tells', () => {
    const directory = mkdtempSync(join(tmpdir(), 'rehup-'));
    const { status, stderr } = run(['true'], { REHUP_STAGE: `${directory}=/tmp/none/at/all` });
    expect({ status, said: stderr.split('\n').filter((text) => text.startsWith('rehup: ')) }).toEqual({
      status: 125,
      said: [
        `rehup: REHUP_STAGE ${directory}=/tmp/none/at/all: neither the target nor its directory is there; mount an emptyDir there`,
      ],
    });
    rmSync(directory, { recursive: true });
  });

  test('is an unknown option, with the one that was meant', () => {
    expect(run(['--wacth', '/x', 'true']).stderr).toBe(
      'rehup: --wacth: no such option; did you mean --watch?\n',
    );
  });

  test('is no command, a missing value, an action that means stop', () => {
    expect(run([]).stderr).toBe(
      'rehup: no COMMAND to run; for example: rehup -w /etc/app -- node server.js\n',
    );
    expect(run(['--settle']).stderr).toBe('rehup: --settle: its value is missing; see rehup --help\n');
    expect(run(['-w', '/tmp=TERM', 'true']).stderr).toBe(
      "rehup: --watch /tmp=TERM: SIGTERM can't mean reload; use restart, exit, exit:CODE, none, a signal like SIGHUP, http://HOST/PATH or exec:COMMAND\n",
    );
  });
});

describe('--help and --version', () => {
  test('go to stdout, with code 0', () => {
    const help = run(['--help']);
    expect(help.status).toBe(0);
    expect(help.stderr).toBe('');
    for (const { name } of RUN_OPTIONS) expect(help.stdout).toContain(`--${name} `);
    expect(run(['--version'])).toEqual({
      status: 0,
      stdout: expect.stringMatching(/^rehup \d+\.\d+\.\d+ \((static|node)(, [0-9a-f]{7,}(-dirty)?)?\)\n$/),
      stderr: '',
    });
  });

  test('are COMMAND’s own after its name', () => {
    expect(run(['--log-level', 'silent', 'echo', '--version', '--settle', '5x'])).toEqual({
      status: 0,
      stdout: '--version --settle 5x\n',
      stderr: '',
    });
  });
});

describe('what ends rehup before or at the start', () => {
  test('names the option or the variable that the path was written into', () => {
    const nowhere = '/nowhere/at/all';
    const what = 'not there, and neither is its directory; name what is there, or mount it';
    for (const [words, environment, origin] of [
      [['-w', nowhere], {}, '--watch'],
      [['--env-dir', nowhere], {}, '--env-dir'],
      [['--stage', `${nowhere}=/tmp`], {}, '--stage'],
      [[], { REHUP_WATCH: nowhere }, 'REHUP_WATCH'],
      [[], { REHUP_ENV_DIR: nowhere }, 'REHUP_ENV_DIR'],
      [[], { REHUP_STAGE: `${nowhere}=/tmp` }, 'REHUP_STAGE'],
    ] as const) {
      const { status, stderr } = run(['--log-level', 'silent', ...words, 'true'], environment);
      expect({ status, stderr }).toEqual({ status: 125, stderr: `rehup: ${origin} ${nowhere}: ${what}\n` });
    }
  });

  test('is one plain line where the log is silent', () => {
    expect(run(['--log-level', 'silent', '/nothing/there'])).toEqual({
      status: 127,
      stdout: '',
      stderr: "rehup: /nothing/there can't be started: not found (or its interpreter is not) (ENOENT)\n",
    });
  });
});

describe('variables', () => {
  test('are trimmed, and so is each line of a list', () => {
    const environment = {
      REHUP_LOG_LEVEL: 'silent\n',
      REHUP_WATCH: `${import.meta.dirname}=none\r\n/etc/hosts=none \r\n`,
      REHUP_POLL: ' 5s\n',
    };
    expect(run(['echo', 'hi'], environment)).toEqual({ status: 0, stdout: 'hi\n', stderr: '' });
  });

  test('set options, a line each where they repeat, and unknown ones are ignored', () => {
    const environment = {
      REHUP_LOG_LEVEL: 'silent',
      REHUP_PORT: 'tcp://10.0.0.1:80',
      REHUP_WATCH: `${import.meta.dirname}=none\n/etc/hosts=none`,
    };
    expect(run(['echo', 'hi'], environment)).toEqual({ status: 0, stdout: 'hi\n', stderr: '' });
  });

  test('of Node are the child’s alone', () => {
    const environment = { NODE_OPTIONS: '--inspect --require /nonexistent', REHUP_LOG_LEVEL: 'silent' };
    const { status, stdout, stderr } = run(['sh', '-c', 'echo "$NODE_OPTIONS"'], environment);
    expect({ status, stdout, stderr }).toEqual({
      status: 0,
      stdout: `${environment.NODE_OPTIONS}\n`,
      stderr: '',
    });
  });
});
