import { describe, expect, test } from 'vitest';
import { RUN_OPTIONS, variableOf } from '../../src/cli/options.ts';
import { parseReady } from '../../src/cli/ready.ts';
import { refusal, settings } from '../support/parsing.ts';

/** Specification 1: each option, from the command line and from its variable, with good values and bad ones. */

const DESCRIPTOR = 'not a descriptor from 3 to 1023; use for example notify-fd:3';
const DURATION = 'not a duration; use for example 250ms, 5s, 2m';
const LIMIT = 'no time at all; use for example 30s';
const LISTEN = 'use for example :9847, 127.0.0.1:9847 or [::1]:9847';
const ACTIONS = 'restart, exit, exit:CODE, none, a signal like SIGHUP, http://HOST/PATH or exec:COMMAND';
const TLS =
  "TLS is not rehup's job; use http:// to a port of the same pod, or exec: with a client that has it";
const NAME = 'empty, longer than 253 bytes, or more than one line; use for example default-deployment-web';
const SIGNAL = 'not a signal; use a name like SIGHUP, RTMIN+3, or a number from 1 to 64';

/** For each option a good value with what it makes of the settings, and bad ones with what is said of them. */
const OPTIONS: Readonly<
  Record<string, { good: string; makes: object; bad: Readonly<Record<string, string>> }>
> = {
  watch: {
    good: '/etc/app=SIGUSR1',
    makes: { watches: [{ path: '/etc/app', action: { kind: 'signal', signal: 10, forced: false } }] },
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
    makes: { onChange: { kind: 'signal', signal: 12, forced: false } },
    bad: {
      'exec: ': 'no command; name a program and its arguments',
      http: `not an action; use ${ACTIONS}`,
      TERM: `SIGTERM can't mean reload; use ${ACTIONS}`,
      CHLD: `SIGCHLD can't mean reload; use ${ACTIONS}`,
      'exit:300': 'not an exit code; use 0 to 255, for example exit:88',
      'exit:126': '126 says that rehup failed; use another exit code, for example exit:88',
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
  'check-timeout': {
    good: '1m30s',
    makes: { checkTimeout: 90_000 },
    bad: { long: DURATION, '1m30': DURATION, '0': LIMIT, '0ms': LIMIT },
  },
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
      'ftp://x':
        'not a target; use http://HOST:PORT/PATH, tcp://HOST:PORT, exec:COMMAND, notify or notify-fd:N',
      'https://x/': TLS,
      'tcp://x': 'its port is missing; use for example tcp://127.0.0.1:5432',
      'http://:80/': 'its host is empty; use for example http://127.0.0.1:8080/reload',
      'exec:': 'no command; name a program and its arguments',
      'notify-fd:2': DESCRIPTOR,
      'notify-fd:1024': DESCRIPTOR,
      'notify-fd:': DESCRIPTOR,
      'notify-fd:0x3': DESCRIPTOR,
      'notify:3':
        'not a target; use http://HOST:PORT/PATH, tcp://HOST:PORT, exec:COMMAND, notify or notify-fd:N',
    },
  },
  'ready-timeout': { good: '2m', makes: { readyTimeout: 120_000 }, bad: { '': DURATION } },
  'action-timeout': { good: '5', makes: { actionTimeout: 5_000 }, bad: { '5x': DURATION } },
  'fleet-lock': {
    good: 'http://lock:8080/fleet',
    makes: { fleet: { endpoint: { host: 'lock', port: 8080, resource: '/fleet' }, group: 'default' } },
    bad: {
      'https://lock': TLS.replace(/, or exec.*$/, ''),
      'http://lock/?a': "a query can't stand before the paths of the protocol; leave it out",
    },
  },
  'fleet-group': { good: 'default-deployment-web', makes: { fleet: undefined }, bad: { '': NAME } },
  'fleet-id': { good: 'web-1', makes: { fleet: undefined }, bad: { '': NAME } },
  'fleet-token': {
    good: '/var/run/token',
    makes: { fleet: undefined },
    bad: { '': 'an empty path; name a directory or a file' },
  },
  'fleet-timeout': { good: '5m', makes: { fleet: undefined }, bad: { '-1': DURATION } },
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
  'dry-run': {
    good: 'on',
    makes: { dryRun: true },
    bad: { maybe: 'neither on nor off; use on or off' },
  },
  drain: { good: '3s', makes: { drain: 3_000 }, bad: { soon: DURATION } },
  listen: {
    good: '[::1]:9847',
    makes: { listen: { host: '::1', port: 9847 } },
    bad: {
      '9847': `not [HOST]:PORT; ${LISTEN}`,
      ':0': `no port from 1 to 65535; ${LISTEN}`,
      'app:80': `its host is no IP address; ${LISTEN}`,
      '::1:80': `not [HOST]:PORT; ${LISTEN}`,
    },
  },
  'listen-status': {
    good: 'on',
    makes: { listenStatus: true },
    bad: { maybe: 'neither on nor off; use on or off' },
  },
  socket: {
    good: '/run/app/control',
    makes: { socket: '/run/app/control' },
    bad: { '': 'an empty path; name a directory or a file' },
  },
  'log-format': { good: 'pretty', makes: {}, bad: { xml: 'unknown; use json, gcp or pretty' } },
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
          `${variable} ${value.trim()}: ${wrong}`,
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

test.each([
  ['notify', { kind: 'notify' }],
  ['notify-fd:3', { kind: 'notify-fd', descriptor: 3 }],
  ['notify-fd:1023', { kind: 'notify-fd', descriptor: 1023 }],
])('--ready %s has the child say itself that it serves', (text, ready) => {
  expect(parseReady(text)).toEqual({ ok: true, value: ready });
});
