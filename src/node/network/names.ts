import { readFile } from 'node:fs/promises';
import { noAddresses } from '../../core/jobs/names.ts';
import type { Names } from '../../core/state/ports.ts';
import { candidatesFor, readResolving } from '../../core/text/resolv.ts';
import { type Result, success } from '../../core/text/result.ts';
import { errnoOf } from '../errno.ts';

const RESOLV_CONF = '/etc/resolv.conf';

/** Errors that say that there is no such name, or no such address of it: another one may be tried. */
const NONE = ['ENOTFOUND', 'ENODATA'];

/** The Names port over c-ares, which asks DNS from the loop; node:dns is loaded when it is first needed. */
export function createNames(): Names {
  return {
    lookUp(name, told) {
      let over = false;
      let cancel = (): void => {};
      void lookUp(name, (stop) => {
        cancel = stop;
        if (over) stop();
      }).then((found) => {
        if (!over) told(found);
      });
      return () => {
        over = true;
        cancel();
      };
    },
  };
}

async function lookUp(name: string, begun: (stop: () => void) => void): Promise<Result<readonly string[]>> {
  const [{ promises }, text] = await Promise.all([
    import('node:dns'),
    readFile(RESOLV_CONF, 'latin1').catch(() => ''),
  ]);
  const resolving = readResolving(text);
  // A new one each time reads its servers from the file anew.
  const resolver = new promises.Resolver({ timeout: resolving.timeout, tries: resolving.attempts });
  begun(() => resolver.cancel());
  let error = 'ENOTFOUND';
  for (const candidate of candidatesFor(name, resolving)) {
    const [four, six] = await Promise.allSettled([
      resolver.resolve4(candidate),
      resolver.resolve6(candidate),
    ]);
    const found = [four, six].flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
    if (found.length > 0) return success(found);
    const errors = [four, six].flatMap((one) => (one.status === 'rejected' ? [errnoOf(one.reason)] : []));
    const other = errors.find((one) => !NONE.includes(one));
    if (other !== undefined) return noAddresses(other);
    // That it is there without an address says more than that it is not.
    if (error === 'ENOTFOUND') error = errors.find((one) => one === 'ENODATA') ?? error;
  }
  return noAddresses(error);
}
