import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import manifest from '../../package.json' with { type: 'json' };
import { commit } from '../build/commit.ts';
import { ROOT } from '../build/product.ts';

const run = promisify(execFile);

/** What is said of a release in each of its forms. */
export type Facts = {
  readonly version: string;
  readonly description: string;
  readonly license: string;
  /** Where the sources are, without a slash at the end. */
  readonly repository: string;
  /** `Name <address>`. */
  readonly maintainer: string;
  /** Of the sources, in seven digits; empty where that is not known. */
  readonly revision: string;
  /** The time that everything in it has: seconds since the epoch. */
  readonly epoch: number;
};

/**
 * The facts of package.json, where `REHUP_REPOSITORY` and `REHUP_MAINTAINER` take the place of its placeholders; the time is
 * `SOURCE_DATE_EPOCH`, else that of the commit.
 */
export async function factsOf(environment: NodeJS.ProcessEnv = process.env): Promise<Facts> {
  const repository = environment['REHUP_REPOSITORY'] ?? manifest.homepage;
  return {
    version: manifest.version,
    description: manifest.description,
    license: manifest.license,
    repository: repository.replace(/\/+$/, ''),
    maintainer: environment['REHUP_MAINTAINER'] ?? manifest.author,
    revision: await commit(),
    epoch: Number(environment['SOURCE_DATE_EPOCH'] ?? (await timeOfCommit())),
  };
}

async function timeOfCommit(): Promise<string> {
  try {
    return (await run('git', ['-C', ROOT, 'log', '-1', '--format=%ct'])).stdout.trim();
  } catch {
    // An unpacked archive.
    return '0';
  }
}

/** A static executable that was built, by what others call its architecture. */
export type Executable = {
  readonly file: string;
  /** As Debian, Go and OCI have it. */
  readonly architecture: 'amd64' | 'arm64';
  /** As Node has it. */
  readonly node: 'x64' | 'arm64';
  /** The name of its bill of materials in the folder. */
  readonly name: string;
};

/** The static executables in the folder of what was built. */
export function executablesIn(built: string, facts: Facts): readonly Executable[] {
  const own = process.arch === 'arm64' ? 'arm64' : 'amd64';
  const places = new Map<Executable['architecture'], string>([
    ['arm64', path.join(built, 'rehup-arm64')],
    [own, path.join(built, 'rehup')],
  ]);
  return [...places]
    .filter(([, file]) => existsSync(file))
    .map(([architecture, file]) => ({
      file,
      architecture,
      node: architecture === 'amd64' ? ('x64' as const) : architecture,
      name: `rehup-${facts.version}-linux-${architecture}`,
    }))
    .sort((one, other) => (one.architecture < other.architecture ? -1 : 1));
}
