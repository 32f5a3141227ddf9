import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { execaSync } from 'execa';
import { describe, expect, test } from 'vitest';
import { ROOT } from '../scripts/build/product.ts';
import { withHelp } from '../scripts/docs.ts';
import { CONTROLLER_OPTIONS } from '../src/cli/commands/controller-options.ts';
import { SIDECAR_OPTIONS } from '../src/cli/commands/sidecar.ts';
import { RUN_OPTIONS } from '../src/cli/options.ts';
import { DOCUMENTS, loggedEvents, page } from './support/documents.ts';
import { REHUP_BIN } from './support/rehup.ts';

/** The pages of the reference: each table and list is compared with what the program says. */

/** What users read; CONTRIBUTING.md tells of other programs' options. */
const TEXTS = Object.entries(DOCUMENTS).flatMap(([path, text]) => (path === 'CONTRIBUTING.md' ? [] : [text]));

const PACKAGE: { scripts: Record<string, string>; version: string } = JSON.parse(
  readFileSync(join(ROOT, 'package.json'), 'utf8'),
);

describe('the reference', () => {
  test('is what --help says', () => {
    expect(withHelp(page('options'))).toBe(page('options'));
  });

  test('and the other pages name no option that is not there', () => {
    const foreign = {
      'docker run': ['--init'],
      podman: [
        ...['--rm', '--volume', '--tag', '--file', '--output', '--input'],
        ...['--health-cmd', '--health-on-failure'],
      ],
      skopeo: ['--all'],
      kubectl: ['--patch', '--follow', '--overwrite'],
      Reloader: ['--auto-reload-all', '--reload-on-create', '--reload-on-delete'],
      helm: ['--create-namespace', '--set'],
      npm: ['--global'],
      sha256sum: ['--ignore-missing'],
      setpriv: ['--pdeathsig'],
      'an application': ['--config', '--port', '--web'],
    };
    const known = [
      ...[...RUN_OPTIONS, ...CONTROLLER_OPTIONS, ...SIDECAR_OPTIONS].map((option) => `--${option.name}`),
      ...['--help', '--version', '--no-fleet-lock', '--and'],
      ...Object.values(foreign).flat(),
    ];
    for (const text of TEXTS) {
      const named = [...text.matchAll(/(?<![\w<!-])--[a-z][a-z-]*/g)].map(([option]) => option);
      expect(named.filter((option) => !known.includes(option))).toEqual([]);
    }
  });

  test('has a row for every event that is logged, at its level, and for no other', () => {
    const section = page('log');
    const rows = [...section.matchAll(/^\| (`.*?`) \| (.*?) \|/gm)].flatMap(([, events = '', levels = '']) =>
      events.split(' ').map((event) => [event.replaceAll('`', ''), levels.split(', ').sort()] as const),
    );
    expect(rows.map(([event]) => event).sort()).toEqual([...loggedEvents().keys()].sort());
    expect(new Map(rows)).toEqual(loggedEvents());
  });

  test('and the other pages name no event that is not logged', () => {
    const events = [...loggedEvents().keys()];
    const machines = [...new Set(events.map((event) => event.split('.')[0] ?? ''))].join('|');
    const name = new RegExp(`\\b(?:${machines})\\.(?!(?:dev|json|md|tar|yaml)\\b)[a-z_]+(?![a-z_])`, 'g');
    for (const text of TEXTS) {
      expect(
        [...text.matchAll(name)].map(([event]) => event).filter((event) => !events.includes(event)),
      ).toEqual([]);
    }
  });

  test('tells the exit codes', () => {
    const rows = [...page('exit-codes').matchAll(/^\| (the child's|128\+n|12[567]) \|/gm)].map(
      ([, code]) => code,
    );
    const words = { "the child's": ['sh', '-c', 'exit 3'], '128+n': ['sh', '-c', 'kill -9 $$'] };
    const others = { '127': ['/no/such'], '126': ['/'], '125': ['--settle', '5x', 'true'] };
    const cases = Object.entries({ ...words, ...others });
    expect(rows.sort()).toEqual(cases.map(([code]) => code).sort());
    const codes = cases.map(([code, command]) => [code, spawnSync(REHUP_BIN, command).status]);
    expect(Object.fromEntries(codes)).toEqual({
      "the child's": 3,
      '128+n': 137,
      '127': 127,
      '126': 126,
      '125': 125,
    });
  });

  test('and the version agree with package.json', () => {
    const { stdout } = execaSync(REHUP_BIN, ['--version']);
    expect(stdout).toMatch(/^rehup \S+ \((static|node)(, [0-9a-f]{7,}(-dirty)?)?\)$/);
    expect(stdout.split(' ')[1]).toBe(PACKAGE.version);
    expect(readFileSync(join(ROOT, 'CHANGELOG.md'), 'utf8')).toContain(`## ${PACKAGE.version}`);
  });
});
