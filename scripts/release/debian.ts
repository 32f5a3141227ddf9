import { execFile } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { passing } from '../build/product.ts';
import type { Executable, Facts } from './facts.ts';

const run = promisify(execFile);

/** Texts that go into the package, beside the executable. */
export type Texts = {
  readonly manual: string;
  readonly changes: string;
  readonly license: string;
  readonly thirdParties: string;
  readonly bash: string;
  readonly zsh: string;
  readonly fish: string;
};

/** Makes a package for Debian and its like; root is not needed. Answers the name of its file. */
export async function debianPackage(
  folder: string,
  executable: Executable,
  facts: Facts,
  texts: Texts,
): Promise<string> {
  const name = `rehup_${facts.version}_${executable.architecture}.deb`;
  await passing(path.join(folder, `${name}.d`), async (root) => {
    const put = (file: string, content: string | Uint8Array): void => {
      mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
      writeFileSync(path.join(root, file), content);
      chmodSync(path.join(root, file), 0o644);
    };
    const shrunk = (text: string) => gzipSync(text, { level: 9 });
    mkdirSync(path.join(root, 'usr/bin'), { recursive: true });
    copyFileSync(executable.file, path.join(root, 'usr/bin/rehup'));
    put('usr/share/man/man1/rehup.1.gz', shrunk(texts.manual));
    put('usr/share/doc/rehup/changelog.gz', shrunk(changelog(facts)));
    put('usr/share/doc/rehup/NEWS.gz', shrunk(texts.changes));
    put('usr/share/doc/rehup/copyright', copyright(facts, texts));
    put('usr/share/bash-completion/completions/rehup', texts.bash);
    put('usr/share/zsh/vendor-completions/_rehup', texts.zsh);
    put('usr/share/fish/vendor_completions.d/rehup.fish', texts.fish);
    // It is meant to need nothing of the image that it is copied to.
    put('usr/share/lintian/overrides/rehup', 'rehup: statically-linked-binary [usr/bin/rehup]\n');
    put('DEBIAN/control', control(executable, facts));
    await run('chmod', ['-R', 'u+rwX,go-w,go+rX', root]);
    chmodSync(path.join(root, 'usr/bin/rehup'), 0o755);
    const words = ['--root-owner-group', '-Zxz', '--build', root, path.join(folder, name)];
    await run('dpkg-deb', words, { env: { ...process.env, SOURCE_DATE_EPOCH: `${facts.epoch}` } });
  });
  return name;
}

function control(
  { architecture }: Executable,
  { version, maintainer, repository, description }: Facts,
): string {
  return `Package: rehup
Version: ${version}
Architecture: ${architecture}
Maintainer: ${maintainer}
Section: admin
Priority: optional
Homepage: ${repository}
Description: PID 1 for containers that reloads on changed configuration
${wrapped(`${description}.`)
  .map((line) => ` ${line}`)
  .join('\n')}
`;
}

/** Debian's own form, which says nothing but what version this is: what changed stands in NEWS. */
function changelog({ version, maintainer, epoch }: Facts): string {
  const date = new Date(epoch * 1000).toUTCString().replace('GMT', '+0000');
  return `rehup (${version}) unstable; urgency=medium\n\n  * See NEWS.gz.\n\n -- ${maintainer}  ${date}\n`;
}

/** In the machine-readable form: every line of a text is indented, an empty one is a full stop. */
function copyright(
  { repository, license, maintainer }: Facts,
  { license: own, thirdParties }: Texts,
): string {
  const indented = (text: string) =>
    text
      .trimEnd()
      .split('\n')
      .map((line) => (line.trim() === '' ? ' .' : ` ${line}`))
      .join('\n');
  // Debian has this one at hand, and wants it named instead of repeated.
  const text =
    license === 'Apache-2.0'
      ? ' On Debian systems its text is in /usr/share/common-licenses/Apache-2.0.'
      : indented(own);
  return `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: rehup
Source: ${repository}
Comment:
${indented(thirdParties)}

Files: *
Copyright: ${maintainer}
License: ${license}
${text}
`;
}

function wrapped(text: string): readonly string[] {
  return text.match(/.{1,76}(?:\s|$)/g)?.map((line) => line.trim()) ?? [];
}
