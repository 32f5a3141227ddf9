import { describe, expect, test } from 'vitest';
import type { Given, Invocation } from '../../src/cli/invocation.ts';
import { RUN_OPTIONS, variableOf } from '../../src/cli/options.ts';
import { parse } from '../../src/cli/parse.ts';
import { bytesOfText } from '../../src/core/bytes.ts';
import type { Settings } from '../../src/core/settings.ts';

/** Specification 1: words and variables in, settings or one line out. */

type Change = Partial<Omit<Given, 'words' | 'environment'>> & {
  readonly environment?: Readonly<Record<string, string>>;
};

function given(words: readonly string[], { environment = {}, ...change }: Change = {}): Invocation {
  return parse({
    words,
    environment: new Map(Object.entries(environment)),
    cwd: '/work',
    terminal: false,
    columns: () => undefined,
    version: '1.2.3',
    ...change,
  });
}

function settings(words: readonly string[], change: Change = {}): Settings {
  const invocation = given(words, change);
  if (invocation.kind !== 'run') throw new Error(JSON.stringify(invocation));
  return invocation.settings;
}

function refusal(words: readonly string[], change: Change = {}): string {
  const invocation = given(words, change);
  if (invocation.kind !== 'refuse') throw new Error(`not refused: ${JSON.stringify(invocation)}`);
  return invocation.message;
}

const DURATION = 'not a duration; use for example 250ms, 5s, 2m';
const ACTIONS = 'restart, exit, none, a signal like SIGHUP, http://HOST/PATH or exec:COMMAND';
const TLS =
  "TLS is not rehup's job; use http:// to a port of the same pod, or exec: with a client that has it";
const SIGNAL = 'not a signal; use a name like SIGHUP, RTMIN+3, or a number from 1 to 64';

/** For each option a good value with what it makes of the settings, and bad ones with what is said of them. */
const OPTIONS: Readonly<
  Record<string, { good: string; makes: object; bad: Readonly<Record<string, string>> }>
> = {
  watch: {
    good: '/etc/app=SIGUSR1',
    makes: { watches: [{ path: '/etc/app', action: { kind: 'signal', signal: 10 } }] },
    bad: {
      '': 'an empty path; name a directory or a file',
      '/etc/app=reload': `not an action; use ${ACTIONS}`,
      '/etc/app=https://x/': TLS,
      '/etc/app=ftp://x': `not an action; use ${ACTIONS}`,
      '/etc/app=KILL': `SIGKILL can't mean reload; use ${ACTIONS}`,
    },
  },
  'on-change': {
    good: 'usr2',
    makes: { onChange: { kind: 'signal', signal: 12 } },
    bad: {
      'exec: ': 'no command; name a program and its arguments',
      http: `not an action; use ${ACTIONS}`,
      TERM: `SIGTERM can't mean reload; use ${ACTIONS}`,
      CHLD: `SIGCHLD can't mean reload; use ${ACTIONS}`,
    },
  },
  ignore: {
    good: '*.swp',
    makes: {},
    bad: { '': 'an empty pattern', '{a': 'a { without its }', 'a[': 'a [ without its ]' },
  },
  'allow-empty': {
    good: 'on',
    makes: { allowEmpty: true },
    bad: { maybe: 'neither on nor off; use on or off' },
  },
  settle: { good: '1.5s', makes: { settle: 1_500 }, bad: { '5x': DURATION, never: DURATION } },
  poll: { good: '0', makes: { poll: 0 }, bad: { '-1': DURATION } },
  check: {
    good: 'test -f "/etc/a b"',
    makes: { check: [['test'], ['-f'], ['/etc/a b']] },
    bad: {
      '': 'no command; name a program and its arguments',
      "sh -c 'x": "a ' without its second '; close it, or quote it as \"'\"",
      'nginx -t {dir}': '{dir} means no watch; give a --watch or a --stage',
    },
  },
  'check-timeout': { good: '1m', makes: { checkTimeout: 60_000 }, bad: { long: DURATION } },
  stage: {
    good: '/etc/app=/run/app',
    makes: {
      stages: [{ source: '/etc/app', target: '/run/app' }],
      watches: [{ path: '/etc/app', action: { kind: 'restart' } }],
    },
    bad: {
      '/etc/app': 'not SOURCE=TARGET; use for example /etc/app=/run/app',
      '/a=': 'not SOURCE=TARGET; use for example /etc/app=/run/app',
      '=/a': 'not SOURCE=TARGET; use for example /etc/app=/run/app',
      '/a=/a/b/..': 'its target is its source; use a directory of its own',
      '/a=/a/b': 'its target lies in its source; use a directory of its own',
      '/a/b=/a': 'its target holds its source; use a directory of its own',
    },
  },
  ready: {
    good: 'exec:pg_isready -q',
    makes: { ready: { kind: 'exec', words: ['pg_isready', '-q'] } },
    bad: {
      'ftp://x': 'not a target; use http://HOST:PORT/PATH, tcp://HOST:PORT or exec:COMMAND',
      'https://x/': TLS,
      'tcp://x': 'its port is missing; use for example tcp://127.0.0.1:5432',
      'http://:80/': 'its host is empty; use for example http://127.0.0.1:8080/reload',
      'exec:': 'no command; name a program and its arguments',
    },
  },
  'ready-timeout': { good: '2m', makes: { readyTimeout: 120_000 }, bad: { '': DURATION } },
  'action-timeout': { good: '5', makes: { actionTimeout: 5_000 }, bad: { '5x': DURATION } },
  splay: { good: '30s', makes: { splay: 30_000 }, bad: { '-1s': DURATION } },
  verify: { good: '2m', makes: { verify: 120_000 }, bad: { '1d': DURATION } },
  'min-interval': { good: '250ms', makes: { minInterval: 250 }, bad: { '600h': 'too long; at most 596h' } },
  'stop-signal': {
    good: 'RTMIN+3',
    makes: { stopSignal: 37, translateStop: true },
    bad: {
      SIGFOO: SIGNAL,
      0: SIGNAL,
      KILL: "can't ask anything to stop; use for example SIGTERM, SIGQUIT, SIGINT",
    },
  },
  'stop-timeout': { good: '1h', makes: { stopTimeout: 3_600_000 }, bad: { soon: DURATION } },
  'env-dir': {
    good: 'env/',
    makes: { environmentDirectories: ['/work/env'] },
    bad: { '': 'an empty path; name a directory or a file' },
  },
  'signal-to': {
    good: 'group',
    makes: { signalTo: 'group' },
    bad: { all: 'unknown; use auto, child or group' },
  },
  'on-exit': {
    good: 'restart-on-failure',
    makes: { onExit: 'restart-on-failure' },
    bad: { always: 'unknown; use exit, restart or restart-on-failure' },
  },
  'max-restarts': {
    good: '0',
    makes: { maxRestarts: 0 },
    bad: {
      '-1': 'not a number of restarts; use for example 5, or 0 for none',
      many: 'not a number of restarts; use for example 5, or 0 for none',
    },
  },
  'rewrite-signal': {
    good: 'sigterm:QUIT',
    makes: { rewrites: new Map([[15, 3]]) },
    bad: {
      TERM: 'not FROM:TO; use for example TERM:QUIT, or HUP:0 to drop it',
      'TERM:QUIT:0': 'not FROM:TO; use for example TERM:QUIT, or HUP:0 to drop it',
      'X:0': 'X is not a signal; use a name like SIGHUP, RTMIN+3, or a number from 1 to 64',
      'HUP:X': 'X is not a signal; use a name like SIGHUP, RTMIN+3, or a number from 1 to 64',
      'KILL:TERM': "KILL can't be caught; use another",
      '19:TERM': "19 can't be caught; use another",
      'CHLD:TERM': 'SIGCHLD is for rehup itself; use another',
    },
  },
  'map-exit': {
    good: '143:0',
    makes: { exitMap: new Map([[143, 0]]) },
    bad: {
      '143': 'not FROM:TO with codes from 0 to 255; use for example 143:0',
      '256:0': 'not FROM:TO with codes from 0 to 255; use for example 143:0',
      '1:-1': 'not FROM:TO with codes from 0 to 255; use for example 143:0',
    },
  },
  'log-level': {
    good: 'trace',
    makes: {},
    bad: { loud: 'unknown; use trace, debug, info, warn, error, fatal or silent' },
  },
  'log-format': { good: 'pretty', makes: {}, bad: { xml: 'unknown; use json or pretty' } },
};

/** The options that are given without a value; their variables have one. */
const SWITCHES = RUN_OPTIONS.filter(({ flags }) => !flags.includes('<')).map(({ name }) => name);

describe('each option', () => {
  test('is tried here', () => {
    expect(Object.keys(OPTIONS).sort()).toEqual(RUN_OPTIONS.map((option) => option.name).sort());
  });

  for (const [name, { good, makes, bad }] of Object.entries(OPTIONS)) {
    const variable = `REHUP_${name.toUpperCase().replaceAll('-', '_')}`;

    test(`--${name} takes ${good}, from the command line and from ${variable}`, () => {
      const given = SWITCHES.includes(name) ? [`--${name}`] : [`--${name}`, good];
      expect(settings([...given, 'app'])).toMatchObject({ ...makes, command: ['app'] });
      if (given.length > 1) expect(settings([`--${name}=${good}`, 'app'])).toMatchObject(makes);
      expect(settings(['app'], { environment: { [variable]: good } })).toMatchObject(makes);
      expect(RUN_OPTIONS.map(variableOf)).toContain(variable);
    });

    for (const [value, wrong] of Object.entries(bad)) {
      test(`--${name} refuses ${JSON.stringify(value)}, and says where it came from`, () => {
        if (!SWITCHES.includes(name))
          expect(refusal([`--${name}=${value}`, 'app'])).toBe(`--${name} ${value}: ${wrong}`);
        if (value === '') return;
        expect(refusal(['app'], { environment: { [variable]: value } })).toBe(
          `${variable} ${value}: ${wrong}`,
        );
      });
    }

    test(`--${name} ${SWITCHES.includes(name) ? 'with' : 'without'} a value is refused`, () => {
      if (SWITCHES.includes(name))
        expect(refusal([`--${name}=on`, 'app'])).toBe(
          `--${name}=on: no such option; did you mean --${name}?`,
        );
      else expect(refusal([`--${name}`])).toBe(`--${name}: its value is missing; see rehup --help`);
    });
  }
});

describe('defaults', () => {
  test('are those of the specification', () => {
    expect(settings(['app'])).toMatchObject({
      command: ['app'],
      watches: [],
      onChange: { kind: 'restart' },
      allowEmpty: false,
      settle: 'auto',
      poll: 10_000,
      minInterval: 10_000,
      verify: 5_000,
      check: undefined,
      checkTimeout: 30_000,
      stages: [],
      ready: undefined,
      readyTimeout: 60_000,
      actionTimeout: 60_000,
      splay: 0,
      environmentDirectories: [],
      stopSignal: 15,
      translateStop: false,
      stopTimeout: 30_000,
      signalTo: 'auto',
    });
    expect(given(['app'])).toMatchObject({ kind: 'run', logLevel: 'info', logFormat: 'json' });
  });

  test('of the log format depend on the terminal, unless it is given', () => {
    expect(given(['app'], { terminal: true })).toMatchObject({ logFormat: 'pretty' });
    expect(given(['--log-format', 'json', 'app'], { terminal: true })).toMatchObject({ logFormat: 'json' });
  });
});

describe('COMMAND', () => {
  test('begins with the first word that is no option, and is left untouched', () => {
    const words = ['nginx', '-g', 'daemon off;', '--settle', '5x', '--', '--help'];
    expect(settings(['-w', '/x', ...words]).command).toEqual(words);
    expect(settings(['run', '-w', '/x', ...words]).command).toEqual(words);
  });

  test('begins after --, which is not part of it', () => {
    expect(settings(['-w', '/x', '--', '-app', '--', 'x']).command).toEqual(['-app', '--', 'x']);
    expect(settings(['--', 'run']).command).toEqual(['run']);
  });

  test('named as a subcommand that is not there is refused, but not after --', () => {
    for (const name of ['status', 'probe', 'sidecar', 'reload']) {
      expect(refusal([name])).toBe(
        `${name}: not in this version; to run a program of that name use: rehup run -- ${name}`,
      );
      expect(settings(['--', name]).command).toEqual([name]);
      expect(settings(['run', name]).command).toEqual([name]);
    }
  });

  test('may be missing only from a refusal', () => {
    const line = 'no COMMAND to run; for example: rehup -w /etc/app -- node server.js';
    for (const words of [[], ['run'], ['--'], ['-w', '/x']]) expect(refusal(words)).toBe(line);
  });

  test('may hold bytes that are no UTF-8, and empty words', () => {
    expect(settings(['app', 'latin1-\xe9', '']).command).toEqual(['app', 'latin1-\xe9', '']);
  });
});

describe('--watch', () => {
  const paths = (words: readonly string[], change: Change = {}) =>
    settings([...words, 'app'], change).watches.map(({ path, action }) => `${path} ${action.kind}`);

  test('can be given several times, each with an action of its own or that of --on-change', () => {
    expect(paths(['-w', '/a', '-w', '/b=none', '--on-change', 'exit', '--watch=/c=HUP'])).toEqual([
      '/a exit',
      '/b none',
      '/c signal',
    ]);
  });

  test('takes what follows the last = for an action, unless there is a slash in it', () => {
    expect(paths(['-w', '/a=b/c', '-w', '/a=b=none', '-w', '/x=y/z=restart'])).toEqual([
      '/a=b/c restart',
      '/a=b none',
      '/x=y/z restart',
    ]);
  });

  test('takes what follows the first = before exec: or an address for an action', () => {
    const words = [
      '-w',
      '/a=exec:sh -c "x=/y"',
      '-w',
      '/b=c=http://[::1]:80/r?a=b',
      '-w',
      '/d=exec:t -w /e=HUP',
    ];
    expect(settings([...words, 'app']).watches).toMatchObject([
      { path: '/a', action: { kind: 'exec', words: ['sh', '-c', 'x=/y'], text: 'exec:sh -c "x=/y"' } },
      { path: '/b=c', action: { kind: 'http', endpoint: { host: '::1', port: 80, resource: '/r?a=b' } } },
      { path: '/d', action: { kind: 'exec', words: ['t', '-w', '/e=HUP'] } },
    ]);
  });

  test('is resolved against the working directory, by its words alone', () => {
    expect(paths(['-w', 'conf', '-w', './a/../b/', '-w', '..'])).toEqual([
      '/work/conf restart',
      '/work/b restart',
      '/ restart',
    ]);
    expect(refusal(['-w', 'conf', 'app'], { cwd: undefined })).toBe(
      '--watch conf: the working directory is gone; use an absolute path',
    );
    expect(paths(['-w', '/abs'], { cwd: undefined })).toEqual(['/abs restart']);
  });

  test('shows bytes that are no UTF-8 in its complaints', () => {
    expect(refusal(['-w', '/caf\xe9=x', 'app'])).toMatch(/^--watch \/caf\\xe9=x: not an action/);
    expect(refusal(['-w', `${bytesOfText('/é')}=x`, 'app'])).toMatch(/^--watch \/é=x: /);
  });
});

describe('--stage', () => {
  const stages = (...values: readonly string[]) =>
    settings([...values.flatMap((value) => ['--stage', value]), 'app']).stages.map(
      ({ source, target }) => `${source} ${target}`,
    );

  test('is parted at the first = before a slash, else at the first one', () => {
    expect(stages('/a=b=/c', 'conf=run', '/d=e=f')).toEqual([
      '/a=b /c',
      '/work/conf /work/run',
      '/d /work/e=f',
    ]);
  });

  test('adds its source to the watches, with the action of the most specific watch around it', () => {
    const watched = (...words: readonly string[]) =>
      settings([...words, 'app']).watches.map(({ path, action }) => `${path} ${action.kind}`);
    expect(watched('--stage', '/a/b/c=/t', '-w', '/a=none', '-w', '/a/b=exit', '-w', '/a/bc')).toEqual([
      '/a none',
      '/a/b exit',
      '/a/bc restart',
      '/a/b/c exit',
    ]);
    expect(watched('--stage', '/a=/t', '-w', '/a=none')).toEqual(['/a none']);
  });

  test.each<[string, readonly string[], string]>([
    ['is a watch', ['-w', '/t'], 'is /t, which is watched'],
    ['lies in a watch', ['-w', '/'], 'lies in /, which is watched'],
    ['holds a watch', ['-w', '/t/key'], 'holds /t/key, which is watched'],
    ['is an --env-dir', ['--env-dir', '/t/'], 'is /t, which is watched'],
    ['holds an --env-dir', ['--env-dir', '/t/env'], 'holds /t/env, which is watched'],
    ['is the source of another', ['--stage', '/t=/u'], 'is /t, which is watched'],
    ['is the target of another', ['--stage', '/b=/t/'], 'is /t, the target of another stage'],
    ['lies in the target of another', ['--stage', '/b=/t/u'], 'holds /t/u, the target of another stage'],
  ])('is refused if its target %s', (_, words, how) => {
    expect(refusal([...words, '--stage', '/s=/t', 'app'])).toBe(
      `--stage /s=/t: its target ${how}; use a directory of its own`,
    );
  });
});

test('--stage is refused for a source that another one has', () => {
  expect(refusal(['--stage', '/a=/t', '--stage', '/a/=/u', 'app'])).toBe(
    '--stage /a/=/u: its source is that of another stage; use one target for all that read it',
  );
});

test('--env-dir is refused twice for one directory, however it is written', () => {
  expect(refusal(['--env-dir', '/e', '--env-dir', '/f', '--env-dir', '/e/.', 'app'])).toBe(
    '--env-dir /e/.: the same directory twice; leave one of them out',
  );
  expect(settings(['--env-dir', '/e', '--env-dir', 'f', 'app']).environmentDirectories).toEqual([
    '/e',
    '/work/f',
  ]);
});

describe('the placeholders of --check', () => {
  const check = (command: string, ...words: readonly string[]) =>
    settings([...words, '--check', command, 'app']).check;

  test('name the only watch or stage, anywhere in a word', () => {
    const a = { source: '/a' };
    expect(check('t -c{dir}/x{dir} {dir} "" {x} {di', '-w', '/a', '--stage', '/a=/t')).toEqual([
      ['t'],
      ['-c', a, '/x', a],
      [a],
      [''],
      ['{x}'],
      ['{di'],
    ]);
  });

  test('name one of several, by a path that is normalised', () => {
    expect(check("t '{dir:/b b/}' {dir:c}/x", '-w', '/a', '-w', '/b b', '--stage', 'c=/t')).toEqual([
      ['t'],
      [{ source: '/b b' }],
      [{ source: '/work/c' }, '/x'],
    ]);
  });

  test.each([
    ['{dir}', '{dir} could mean any of several watches; use {dir:/a} or {dir:/b}'],
    ['{dir:/c}', '{dir:/c} is no watch and no stage; use {dir:/a} or {dir:/b}'],
    ['{dir:/a', 'a {dir: without its }; close it'],
    ['{dir:}', '{dir:} is an empty path; name a directory or a file'],
  ])('are refused where they name nothing: %s', (word, wrong) => {
    expect(refusal(['-w', '/a', '--stage', '/b=/t', '--check', `x ${word}`, 'app'])).toBe(
      `--check x ${word}: ${wrong}`,
    );
  });
});

describe('variables', () => {
  test('give a repeatable option a value a line, and the command line wins', () => {
    const environment = { REHUP_WATCH: '/a\n/b=none\n', REHUP_SETTLE: '1s' };
    expect(settings(['app'], { environment }).watches.map((watch) => watch.path)).toEqual(['/a', '/b']);
    const both = settings(['-w', '/c', '--settle', '2s', 'app'], { environment });
    expect(both).toMatchObject({ settle: 2_000, watches: [{ path: '/c' }] });
  });

  test('that are unknown or empty are ignored', () => {
    const environment = {
      REHUP_PORT: 'tcp://1.2.3.4:80',
      REHUP_SERVICE_HOST: 'x',
      REHUP_SETTLE: '',
      HOME: '/',
    };
    expect(settings(['app'], { environment }).settle).toBe('auto');
  });
});

describe('combinations', () => {
  test('of a stop signal that is also an action are refused', () => {
    const line = '--stop-signal: a signal that means stop is also an action; use another for one of them';
    expect(refusal(['--stop-signal', 'HUP', '--on-change', 'HUP', 'app'])).toBe(line);
    expect(refusal(['--stop-signal', 'HUP', '-w', '/x=HUP', 'app'])).toBe(line);
  });

  test('of an option given twice: the last one counts', () => {
    expect(settings(['--poll', '1s', '--poll', '2s', 'app']).poll).toBe(2_000);
  });
});

describe('--help', () => {
  const text = () => {
    const invocation = given(['--help'], { columns: () => 80 });
    return invocation.kind === 'print' ? invocation.text : '';
  };

  test('shows every option once, in its group, with its default', () => {
    const groups = text().split(/^(\w+):$/m);
    for (const { group, flags, default: value } of RUN_OPTIONS) {
      const section = groups[groups.indexOf(group) + 1] ?? '';
      expect(section).toContain(flags);
      expect(text().split(flags)).toHaveLength(2);
      if (value !== undefined) expect(section.replace(/\s+/g, ' ')).toContain(`(default: ${value})`);
    }
  });

  test('keeps to the width of the terminal', () => {
    const sections = text().slice(0, text().indexOf('Examples:'));
    for (const line of sections.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });

  test('and --version and -h print and do nothing else', () => {
    expect(given(['--version', 'app'])).toEqual({ kind: 'print', text: '1.2.3\n' });
    expect(given(['-h'])).toMatchObject({ kind: 'print' });
    expect(given(['run', '--help'])).toMatchObject({ kind: 'print' });
  });
});

test('an unknown option is refused, with the one that was meant', () => {
  expect(refusal(['--pol', '1s', 'app'])).toBe('--pol: no such option; did you mean --poll?');
  expect(refusal(['-x', 'app'])).toBe('-x: no such option; see rehup --help');
});
