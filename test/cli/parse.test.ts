import { describe, expect, test } from 'vitest';
import { bytesOfText } from '../../src/core/text/bytes.ts';
import { type Change, given, refusal, settings } from '../support/parsing.ts';

/** Specification 1: words and variables in, settings or one line out. */

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

  test('of a subcommand that asks is its own: options, help, and what is no option', () => {
    expect(given(['status', '--json', '--socket=/s'])).toMatchObject({
      kind: 'ask',
      command: 'status',
      json: true,
      socket: '/s',
    });
    expect(given(['reload', '--timeout', '1m30s'])).toMatchObject({
      kind: 'ask',
      command: 'reload',
      timeout: 90_000,
    });
    for (const words of [
      ['status', '-h'],
      ['reload', '--help'],
      ['help', 'reload'],
      ['help'],
      ['help', 'run'],
    ])
      expect(given(words)).toMatchObject({ kind: 'print' });
    expect(refusal(['status', '--timeout', '1s'])).toBe('--timeout: no such option; see rehup status --help');
    expect(refusal(['reload', '--timeout', '0'])).toBe('--timeout 0: no time at all; use for example 30s');
    expect(refusal(['reload', '--socket'])).toBe('--socket: its value is missing; see rehup reload --help');
    expect(refusal(['help', 'nothing'])).toBe(
      'help nothing: no such subcommand; use run, probe, sidecar, status, reload, install or controller',
    );
    expect(settings(['run', 'status']).command).toEqual(['status']);
  });

  test('controller is left to the edition that has it, with the words behind it', () => {
    expect(given(['controller', '--qps', '5'])).toEqual({ kind: 'control', words: ['--qps', '5'] });
    expect(given(['help', 'controller'])).toEqual({ kind: 'control', words: ['--help'] });
    expect(settings(['run', 'controller']).command).toEqual(['controller']);
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

  test('is resolved against the working directory; .. behind a name, which may be a link, is left to the kernel', () => {
    expect(paths(['-w', 'conf', '-w', './a/../b/', '-w', '..'])).toEqual([
      '/work/conf restart',
      '/work/a/../b restart',
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
