import { readFileSync } from 'node:fs';

/** How often a generation may be removed between the moment that its link was followed and that in which the file is opened. */
const TRIES = 10;

/** What a file holds, as an application has to read one of a volume: what is not there may be in the generation that took its place. */
export function contentOf(file) {
  for (let tries = 1; ; tries++) {
    try {
      return readFileSync(file, 'utf8');
    } catch (error) {
      if (error.code !== 'ENOENT' || tries === TRIES) throw error;
    }
  }
}
