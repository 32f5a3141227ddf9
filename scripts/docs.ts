/** `npm run docs`: writes what the program says of itself into docs/options.md, between the marks that are there for it. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { REHUP_BIN } from '../test/support/rehup.ts';
import { ROOT } from './build/product.ts';

/** What the program answers to `--help` where nobody looks at a terminal. */
function help(): string {
  return execFileSync(REHUP_BIN, ['--help'], { encoding: 'utf8', env: {} }).trimEnd();
}

/**
 * A text in Markdown with the help of the built program in it.
 *
 * @throws if the marks for it are not there
 */
export function withHelp(text: string): string {
  const [before, rest] = text.split('<!-- help -->\n');
  const after = rest?.split('<!-- /help -->')[1];
  if (before === undefined || after === undefined)
    throw new Error('docs: <!-- help --> … <!-- /help --> is not there');
  return `${before}<!-- help -->\n\`\`\`text\n${help()}\n\`\`\`\n<!-- /help -->${after}`;
}

if (import.meta.main) {
  const file = path.join(ROOT, 'docs/options.md');
  writeFileSync(file, withHelp(readFileSync(file, 'utf8')));
}
