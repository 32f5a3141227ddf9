import { describe, expect, test } from 'vitest';
import { type ControllerInvocation, parseController } from '../../src/cli/commands/controller.ts';
import { CONTROLLER_OPTIONS } from '../../src/cli/commands/controller-options.ts';

/** Specification 9: each option of the controller, from the command line and from its variable. */

function parsed(
  words: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): ControllerInvocation {
  return parseController({
    ...{ words, cwd: '/', terminal: false, columns: () => undefined, version: '' },
    environment: new Map(Object.entries(environment)),
  });
}

function settings(words: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  const invocation = parsed(words, environment);
  if (invocation.kind !== 'control') throw new Error(JSON.stringify(invocation));
  return invocation.settings;
}

const refusal = (words: readonly string[], environment: Readonly<Record<string, string>> = {}) => {
  const invocation = parsed(words, environment);
  return invocation.kind === 'refuse' ? invocation.message : invocation;
};

const DURATION = 'not a duration; use for example 250ms, 5s, 2m';
const NUMBER = 'not a number; use for example 10';

type Case = {
  readonly good?: string;
  readonly makes: object;
  readonly bad: Readonly<Record<string, string>>;
};

const OPTIONS: Readonly<Record<string, Case>> = {
  kubeconfig: { good: '/etc/k', makes: { kubeconfig: '/etc/k' }, bad: {} },
  namespace: {
    good: 'shop',
    makes: { namespaces: ['shop'] },
    bad: { 'Shop!': 'no name of a namespace; use small letters, digits and -' },
  },
  'namespace-selector': { good: 'team=a', makes: { namespaceSelector: 'team=a' }, bad: {} },
  'reload-all': { makes: { reloadAll: true }, bad: { maybe: 'neither on nor off; use on or off' } },
  'no-secrets': { makes: { secrets: false }, bad: { maybe: 'neither on nor off; use on or off' } },
  settle: { good: '5s', makes: { settle: 5000 }, bad: { soon: DURATION } },
  splay: { good: '1m', makes: { splay: 60_000 }, bad: { soon: DURATION } },
  'max-rolling': { good: '3', makes: { maxRolling: 3 }, bad: { 0: NUMBER } },
  'max-rolling-total': { good: '30', makes: { maxRollingTotal: 30 }, bad: { many: NUMBER } },
  strategy: {
    good: 'evict',
    makes: { strategy: 'evict' },
    bad: { restart: 'not one of these: template, evict' },
  },
  deadline: { good: '2m', makes: { deadline: 120_000 }, bad: { 0: 'no time at all; use for example 30s' } },
  halt: { good: 'off', makes: { halt: false }, bad: { never: 'neither on nor off; use on or off' } },
  'listen-status': { makes: { listenStatus: true }, bad: { maybe: 'neither on nor off; use on or off' } },
  'notify-file': { good: '/etc/hooks', makes: { notifyFile: '/etc/hooks' }, bad: {} },
  listen: {
    good: '127.0.0.1:80',
    makes: { listen: { host: '127.0.0.1', port: 80 } },
    bad: { 80: 'not [HOST]:PORT; use for example :9847, 127.0.0.1:9847 or [::1]:9847' },
  },
  lease: {
    good: 'ops/rehup',
    makes: { lease: { namespace: 'ops', name: 'rehup' } },
    bad: { 'a/b/c': 'not NAMESPACE/NAME; use for example rehup/rehup-controller, or off' },
  },
  qps: { good: '5', makes: { qps: 5 }, bad: { '-1': NUMBER } },
  'dry-run': { makes: { dryRun: true }, bad: { maybe: 'neither on nor off; use on or off' } },
  'log-level': {
    good: 'debug',
    makes: { logLevel: 'debug' },
    bad: { loud: 'not one of these: trace, debug, info, warn, error, fatal, silent' },
  },
  'log-format': {
    good: 'gcp',
    makes: { logFormat: 'gcp' },
    bad: { xml: 'not one of these: json, gcp, pretty' },
  },
};

test('each option has its row here', () => {
  expect(Object.keys(OPTIONS).sort()).toEqual(CONTROLLER_OPTIONS.map(({ name }) => name).sort());
});

describe.each(Object.entries(OPTIONS))('--%s', (name, { good, makes, bad }) => {
  const variable = `REHUP_${name.toUpperCase().replaceAll('-', '_')}`;

  test('is taken from the command line, and from its variable', () => {
    expect(settings(good === undefined ? [`--${name}`] : [`--${name}`, good])).toMatchObject(makes);
    expect(settings([], { [variable]: ` ${good ?? 'on'}\n` })).toMatchObject(makes);
    expect(settings([])).not.toMatchObject(makes);
  });

  test('is refused by one line that says what would be right', () => {
    for (const [value, why] of Object.entries(bad)) {
      expect(refusal([], { [variable]: value })).toBe(`${variable} ${value}: ${why}`);
      if (good !== undefined) expect(refusal([`--${name}=${value}`])).toBe(`--${name} ${value}: ${why}`);
    }
  });
});

test('a lease may be named without its namespace, or be none', () => {
  expect(settings(['--lease', 'mine']).lease).toEqual({ namespace: undefined, name: 'mine' });
  expect(settings(['--lease', 'off']).lease).toBeUndefined();
});

test('several namespaces are told one by one, a line each in the variable; not with a selector', () => {
  expect(settings(['--namespace', 'a', '--namespace', 'b']).namespaces).toEqual(['a', 'b']);
  expect(settings([], { REHUP_NAMESPACE: 'a\n b\n' }).namespaces).toEqual(['a', 'b']);
  expect(refusal(['--namespace', 'a', '--namespace-selector', 'x=y'])).toBe(
    '--namespace-selector: it can not be had together with --namespace; use one of them',
  );
});

test('what is no option is refused, and --help has them all in lines that fit', () => {
  expect(refusal(['--halts', 'on'])).toMatch(/^unknown option '--halts'.*; see rehup controller --help$/);
  expect(refusal(['now'])).toMatch(/; see rehup controller --help$/);
  const help = parsed(['--help']);
  if (help.kind !== 'print') throw new Error(help.kind);
  for (const { name } of CONTROLLER_OPTIONS) expect(help.text).toContain(`--${name}`);
  for (const line of help.text.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
});
