import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { ROOT } from '../build/product.ts';
import type { Facts } from './facts.ts';

/** What people apply for the controller: the Helm chart as a package of Helm, and the kustomization. */

/** The files in which a version stands that is that of the package, and what stands before and after it there. */
export const VERSIONED: readonly (readonly [file: string, lines: readonly RegExp[]])[] = [
  ['deploy/chart/Chart.yaml', [/^(version: )(\S+)()$/m, /^(appVersion: )(\S+)()$/m]],
  ['deploy/controller/base/deployment.yaml', [/^( *image: rehup-node:)(\S+)()$/m]],
];

/** A text with another version in its lines. */
export function withVersions(text: string, lines: readonly RegExp[], version: string): string {
  return lines.reduce((now, line) => {
    if (!line.test(now)) throw new Error(`no line is ${line.source}`);
    return now.replace(line, `$1${version}$3`);
  }, text);
}

const PARTS = [
  ['rehup-controller', 'deploy/chart', ''],
  ['rehup-controller-kustomize', 'deploy/controller', '-kustomize'],
] as const;

/** Writes both as archives; the same files give the same bytes. Answers their names. */
export function deployments(folder: string, facts: Facts): readonly string[] {
  return PARTS.map(([inside, source, ending]) => {
    const name = `rehup-controller-${facts.version}${ending}.tgz`;
    const work = mkdtempSync(path.join(tmpdir(), 'rehup-deployment-'));
    try {
      const place = path.join(work, inside);
      cpSync(path.join(ROOT, source), place, { recursive: true });
      cpSync(path.join(ROOT, 'LICENSE'), path.join(place, 'LICENSE'));
      execFileSync('chmod', ['-R', 'u+rwX,go-w,go+rX', place]);
      const plain = ['--sort=name', `--mtime=@${facts.epoch}`, '--owner=0', '--group=0', '--numeric-owner'];
      // What `helm package` leaves out by itself.
      const words = [...plain, '--exclude=.helmignore', '--format=gnu', '-C', work, '-cf', '-', inside];
      writeFileSync(path.join(folder, name), gzipSync(execFileSync('tar', words), { level: 9 }));
    } finally {
      rmSync(work, { recursive: true });
    }
    return name;
  });
}

/** Writes a version into what is deployed. */
export function deployVersion(version: string): void {
  for (const [name, lines] of VERSIONED) {
    const file = path.join(ROOT, name);
    writeFileSync(file, withVersions(readFileSync(file, 'utf8'), lines, version));
  }
}
