import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect } from 'vitest';
import { createVolume } from '../support/kubelet.ts';
import { PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { disposeAll, REHUP_BIN, rehup, witness } from '../support/rehup.ts';

/** Words, variables, names and contents need not be UTF-8. */

const test = needing(PID_NAMESPACE);

const directory = mkdtempSync(join(tmpdir(), 'rehup-bytes-'));

afterAll(async () => {
  await disposeAll();
  rmSync(directory, { recursive: true });
});

/** Runs a shell script with rehup as `$@`, and gives what its child wrote, in hexadecimal. */
function hexadecimal(script: string): string {
  const line = [script, 'sh', ...(PID_NAMESPACE.prefix ?? []), REHUP_BIN, '--log-level', 'silent', '--'];
  const { stdout } = spawnSync('sh', ['-c', ...line], { cwd: directory });
  return stdout.toString('hex');
}

describe('bytes that are no UTF-8', () => {
  test('in words and in the environment come to the child unchanged', () => {
    const child = `sh -c 'printf %s "$1$ODD"' sh`;
    expect(
      hexadecimal(`ODD="$(printf '\\377\\300\\200')" "$@" ${child} "$(printf '\\200a\\355\\240\\200')"`),
    ).toBe('8061eda080ffc080');
  });

  test('in the working directory and in the command are no hindrance', () => {
    const script = `d="$(printf 'd\\377')" && mkdir "$d" && cd "$d" && printf '#!/bin/sh\\npwd' >"$d" && chmod +x "$d" && "$@" "./$d"`;
    expect(hexadecimal(script)).toMatch(/64ff0a$/);
  });

  test('in the names of files are told apart, and shown escaped', async () => {
    const path = join(directory, 'volume');
    mkdirSync(path);
    const volume = createVolume(path);
    volume.write({ key: 'one' });
    const self = rehup(['-w', path, '--on-change', 'SIGHUP', ...witness(join(path, 'key'))]);
    await self.said('start');
    await self.logged('child.started');
    // The double takes names as text, so a plain shell writes the generation that has this one.
    const generation = [
      'cd "$0"',
      'mkdir ..second',
      'cp ..data/key ..second',
      `odd="$(printf 'odd\\377')"`,
      'printf two >"..second/$odd"',
      'ln -s ..second ..data_tmp',
      'mv -T ..data_tmp ..data',
      'ln -s "..data/$odd" "$odd"',
    ];
    spawnSync('sh', ['-ec', generation.join('\n'), path]);
    await self.said('SIGHUP');
    const { paths } = await self.logged('config.changed');
    expect(paths).toEqual([`${path}/odd\\xff`]);
  });
});
